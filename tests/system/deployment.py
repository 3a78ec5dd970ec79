"""A stack of this package's own program on the real engine and the real Docker, for tests."""

import contextlib
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import docker
import httpx
from pulumi import automation as auto

from bootstrap.paths import CHECKOUT, VENV
from bootstrap.pulumi import Engine
from bootstrap.stack import project_file, read_yaml, stack_file, write_yaml
from tests.loopback import Loopback

BASE_ENVIRONMENT = {"PULUMI_CONFIG_PASSPHRASE": "for tests", "PULUMI_SKIP_UPDATE_CHECK": "true"}

EVENTS_ARRIVE = 0.5
"""Seconds in which Docker tells of what has happened."""

Event = tuple[float, str, str]
"""When, in seconds; what; to which container."""


class Deployment:
    """One stack: its config, and what became of it."""

    def __init__(
        self, name: str, config: dict[str, Any], folder: Path, engine: Engine, program: Path = CHECKOUT
    ) -> None:
        self.name = name
        self.config = config
        self.extra_config: dict[str, Any] = {}
        self.first_up: list[Event] = []
        self.full_name = f"tts-{name}"
        self.docker = docker.from_env()
        self._project = folder / "project"
        self._project.mkdir(parents=True)
        self._state = folder / "state"
        self._state.mkdir()
        tracked = read_yaml(program / "Pulumi.yaml")
        there, venv = (os.path.relpath(path, self._project) for path in (program, VENV))
        write_yaml(self._project / "Pulumi.yaml", project_file(tracked, there, venv))
        self._write_config()
        os.environ.update(engine.environment)
        self.stack = auto.create_or_select_stack(
            name,
            work_dir=str(self._project),
            opts=auto.LocalWorkspaceOptions(env_vars={**BASE_ENVIRONMENT, "PULUMI_BACKEND_URL": self._state.as_uri()}),
        )

    @contextmanager
    def in_place(self) -> Iterator[Self]:
        """Meanwhile the stack may be up; nothing of it is left, volumes included, after this nor from a run before."""
        self._sweep()
        try:
            yield self
        finally:
            try:
                self.destroy()
            finally:
                self._sweep()

    def pulumi(self, *arguments: str) -> auto.CommandResult:
        """A command of Pulumi's, on this stack. Raises auto.CommandError where it fails."""
        # Not by the automation API's own up() and its like, which start three more processes for a summary.
        workspace = self.stack.workspace
        arguments = (*arguments, "--stack", self.name, "--non-interactive")
        return workspace.pulumi_command.run(list(arguments), workspace.work_dir, workspace.env_vars)

    def up(self, *, expect_no_changes: bool = False) -> auto.CommandResult:
        """Brings the stack to its config; with ``expect_no_changes``, any change is an error."""
        self._write_config()
        return self.pulumi("up", "--yes", "--skip-preview", *_expecting(expect_no_changes))

    def set_secret(self, key: str, value: str) -> None:
        """Does what `pulumi config set --secret` does, and keeps it beside the config."""
        self._write_config()
        self.stack.set_config(key, auto.ConfigValue(value, secret=True))
        self.extra_config[key] = read_yaml(self._project / f"Pulumi.{self.name}.yaml")["config"][key]

    def refresh(self, *, expect_no_changes: bool = False) -> auto.CommandResult:
        """Compares the state with what Docker has; with ``expect_no_changes``, any difference is an error."""
        return self.pulumi("refresh", "--yes", "--skip-preview", *_expecting(expect_no_changes))

    def destroy(self) -> auto.CommandResult:
        """Takes the stack down; its deletions take turns, so the program has to run."""
        self._write_config()
        return self.pulumi("destroy", "--yes", "--skip-preview", "--run-program")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets included."""
        return {name: output.value for name, output in self.stack.outputs().items()}

    def generated(self) -> dict[str, str]:
        """Every secret that was drawn for the stack, and its hash, by its resource's name."""
        exported = self.stack.export_stack().deployment or {}
        return {
            f"{resource['urn'].rpartition('::')[2]}, {output}": json.loads(resource["outputs"][output]["plaintext"])
            for resource in exported["resources"]
            if resource["type"] == "random:index/randomPassword:RandomPassword"
            for output in ("result", "bcryptHash")
        }

    def written_state(self) -> str:
        """All that Pulumi has written down of the stack, its history included."""
        return "\n".join(path.read_text() for path in self._state.rglob("*") if path.is_file())

    def container_ids(self) -> dict[str, str]:
        """The id of every container of this stack, by its name."""
        listed = self.docker.containers.list(all=True, filters={"label": f"pulumi-tts.stack={self.full_name}"})
        return {str(container.name): str(container.id) for container in listed}

    def lasting_ids(self) -> dict[str, str]:
        """The same without the courier, which is another one whenever a file changes."""
        return {name: id_ for name, id_ in self.container_ids().items() if not name.endswith("-courier")}

    def volumes(self) -> set[str]:
        """The names of this stack's volumes."""
        listed = self.docker.volumes.list(filters={"label": f"pulumi-tts.stack={self.full_name}"})
        return {volume.name for volume in listed}

    def networks(self) -> set[str]:
        """The names of this stack's networks."""
        names = {str(network.name) for network in self.docker.networks.list()}
        return {name for name in names if name.startswith(f"{self.full_name}-")}

    def inside(self, container: str, *command: str) -> tuple[int, bytes]:
        """Exit status and output of a command in one of the stack's containers, named without the stack's name."""
        code, output = self.docker.containers.get(f"{self.full_name}-{container}").exec_run(list(command))
        return int(code or 0), cast("bytes", output)

    def pool(self, name: str) -> dict[str, Any]:
        """A pool in the config, to be changed in place."""
        found: dict[str, Any] = next(pool for pool in self.config["pools"] if pool["name"] == name)
        return found

    def client(self, *, verify: ssl.SSLContext | bool = True, **options: Any) -> httpx.Client:
        """An HTTP client that finds the stack's host names on this machine, as browsers and curl do."""
        return httpx.Client(transport=_Localhost(verify=verify), timeout=30, **options)

    @contextmanager
    def events(self) -> Iterator[list[Event]]:
        """What happens to the stack's containers meanwhile; complete when the block has ended."""
        seen: list[Event] = []
        # Listened to as they come: Docker remembers no more than 256, which a build uses up.
        told = self.docker.events(
            decode=True, filters={"type": "container", "label": f"pulumi-tts.stack={self.full_name}"}
        )

        def listen() -> None:
            # Closing it may meet it between two of its reads.
            with contextlib.suppress(ValueError):
                for event in told:
                    seen.append((event["timeNano"] / 1e9, event["Action"], event["Actor"]["Attributes"]["name"]))

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            yield seen
        finally:
            time.sleep(EVENTS_ARRIVE)
            told.close()
            listening.join()

    def _sweep(self) -> None:
        ours: dict[str, Any] = {"label": f"pulumi-tts.stack={self.full_name}"}
        for container in self.docker.containers.list(all=True, filters=ours):
            container.remove(force=True)
        for volume in self.docker.volumes.list(filters=ours):
            volume.remove()
        for network in self.docker.networks.list(filters=ours):
            network.remove()

    def _write_config(self) -> None:
        path = self._project / f"Pulumi.{self.name}.yaml"
        before: Mapping[str, Any] = read_yaml(path) if path.exists() else {}
        write_yaml(path, stack_file({"config": {"tts:stack": self.config, **self.extra_config}}, before))


def _expecting(no_changes: bool) -> list[str]:
    return ["--expect-no-changes"] if no_changes else []


class _Localhost(Loopback):
    """Names under .localhost and .test are this machine; the system's resolver may not know that (RFC 6761)."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(("localhost", ".test")):
            return super().handle_request(request)
        return httpx.HTTPTransport.handle_request(self, request)
