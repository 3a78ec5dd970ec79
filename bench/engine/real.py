"""A program on the real Pulumi engine: a stack with a folder and a state of its own."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from bench.engine.programs import STACK, Program, config
from bootstrap.images import local_base
from bootstrap.paths import VENV
from bootstrap.pulumi import Engine
from bootstrap.stack import project_file, read_yaml, stack_file, write_yaml


@dataclass(frozen=True)
class Took:
    """What a command took, in seconds."""

    wall: float
    """From its start to its end."""
    processor: float
    """Of all processors, for Pulumi, its plugins and the program: other work on the machine does not lengthen it."""


class RealStack:
    """One program's stack; every command is Pulumi's own CLI."""

    def __init__(self, program: Program, folder: Path, engine: Engine, port: int) -> None:
        self._port = port
        self._project = folder / "project"
        state = folder / "state"
        for made in (self._project, state):
            made.mkdir(parents=True)
        main, venv = (os.path.relpath(path, self._project) for path in (program.folder, VENV))
        project = {"name": f"bench-{program.name}", "runtime": {"name": "python", "options": {}}}
        write_yaml(self._project / "Pulumi.yaml", project_file(project, main, venv))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        self._environment = {
            **inherited,
            "PATH": os.pathsep.join([str(VENV / "bin"), inherited.get("PATH", os.defpath)]),
            **engine.environment,
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "for measuring",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self._pulumi = str(engine.executable)
        self._run("stack", "init", STACK)

    def preview(self, instances: int) -> Took:
        """Everything is new in it."""
        return self._timed(instances, "preview")

    def up(self, instances: int) -> Took:
        """Ends when every container is healthy."""
        return self._timed(instances, "up", "--yes", "--skip-preview")

    def destroy(self) -> None:
        self._run("destroy", "--yes", "--skip-preview", "--run-program", "--stack", STACK)

    def state(self) -> list[dict[str, Any]]:
        """The resources, as `pulumi stack export` gives them."""
        exported = json.loads(self._run("stack", "export", "--stack", STACK))
        resources: list[dict[str, Any]] = exported["deployment"].get("resources", [])
        return resources

    def _timed(self, instances: int, *command: str) -> Took:
        path = self._project / f"Pulumi.{STACK}.yaml"
        write_yaml(path, stack_file({"config": config(instances, self._port, local_base())}, read_yaml(path)))
        started, spent = time.perf_counter(), _processor_seconds()
        self._run(*command, "--stack", STACK, "--suppress-outputs")
        return Took(time.perf_counter() - started, _processor_seconds() - spent)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [self._pulumi, *command, "--non-interactive", "--cwd", str(self._project)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"pulumi {command[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def _processor_seconds() -> float:
    """Spent by every process that this one has waited for, and that those have."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
