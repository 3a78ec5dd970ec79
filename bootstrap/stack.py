"""The stack of `make up`: a Pulumi project folder, state and passphrase of its own, all under .local/.

Pulumi writes an `encryptionsalt` into a stack's configuration file, and that file is tracked by git here.
So `make up` works in a generated project folder whose Pulumi.yaml points back at this checkout. What is set
in the environment is set for our own calls only: a plain `pulumi up` keeps its own backend and stacks.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bootstrap.paths import CHECKOUT, LOCAL, VENV
from bootstrap.pulumi import Engine
from bootstrap.say import Problem
from bootstrap.shell import follow, read

STACK = "dev"
# What the program calls its speech stack, and so what the labels of its volumes and containers say.
SPEECH_STACK = f"tts-{STACK}"
STACK_FILE = f"Pulumi.{STACK}.yaml"
PROJECT = LOCAL / "project"
STATE = LOCAL / "state"
PASSPHRASE = LOCAL / "passphrase"
POLICY_PACK = CHECKOUT / "components" / "pulumi_tts" / "policy"

# The user's settings for their own stacks, which Pulumi would heed before ours.
USERS_OWN = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_STACK")

# What Pulumi itself adds to a stack's configuration file, and needs to find there again.
PULUMIS_OWN = ("encryptionsalt", "encryptedkey", "secretsprovider")


def exists() -> bool:
    """Whether `make up` ever ran in this checkout."""
    return STATE.is_dir() and (PROJECT / STACK_FILE).is_file()


def project_file(tracked: Mapping[str, Any], checkout: str, venv: str) -> dict[str, Any]:
    """Pulumi.yaml for the generated folder: the tracked one, with its paths made to point at the checkout.

    `checkout` and `venv` are relative to the generated folder, so that a checkout can be moved.
    """
    runtime = tracked["runtime"]
    if isinstance(runtime, Mapping):
        options = {**runtime.get("options", {}), "virtualenv": venv}
        runtime = {**runtime, "options": options}
    return {**tracked, "main": str(Path(checkout, tracked.get("main", ""))), "runtime": runtime}


def stack_file(tracked: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's configuration: what git tracks, what Pulumi wrote of its own the last time, and the secrets.

    Secrets are set with `make pulumi ARGS="config set --secret …"`, and encrypted for this stack alone.
    """
    secrets = {key: value for key, value in (before.get("config") or {}).items() if is_secret(value)}
    config = {**secrets, **(tracked.get("config") or {})}
    return {**tracked, "config": config, **{key: before[key] for key in PULUMIS_OWN if key in before}}


def is_secret(value: Any) -> bool:
    """Whether Pulumi has encrypted this value of a configuration."""
    return isinstance(value, Mapping) and set(value) == {"secure"}


def prepare() -> None:
    """Bring the generated folder up to date with the tracked files; make passphrase and state once."""
    for folder in (PROJECT, STATE):
        folder.mkdir(parents=True, exist_ok=True)
    LOCAL.chmod(0o700)
    if not PASSPHRASE.exists():
        PASSPHRASE.touch(mode=0o600)
        PASSPHRASE.write_text(secrets.token_urlsafe(32))
    write_yaml(
        PROJECT / "Pulumi.yaml",
        project_file(
            read_yaml(CHECKOUT / "Pulumi.yaml"),
            os.path.relpath(CHECKOUT, PROJECT),
            os.path.relpath(VENV, PROJECT),
        ),
    )
    write_yaml(PROJECT / STACK_FILE, stack_file(read_yaml(CHECKOUT / STACK_FILE), read_yaml(PROJECT / STACK_FILE)))


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; empty where there is no such file or nothing in it.

    Raises Problem where the file is not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text()) if path.exists() else None
    except yaml.YAMLError as error:
        raise Problem(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict | None):
        raise Problem(f"{path} should be a mapping, and is a {type(content).__name__}.")
    return content or {}


def write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))


def environment(engine: Engine) -> dict[str, str]:
    """What our own Pulumi calls run with.

    The project's environment comes first on PATH: some language hosts start whatever `python3` stands there.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in USERS_OWN}
    return {
        **inherited,
        **engine.environment,
        "PATH": os.pathsep.join([str(VENV / "bin"), engine.environment.get("PATH", inherited.get("PATH", os.defpath))]),
        "VIRTUAL_ENV": str(VENV),
        "PULUMI_BACKEND_URL": STATE.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(PASSPHRASE),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def command(engine: Engine, *arguments: str) -> list[str]:
    return [str(engine.executable), *arguments, "--stack", STACK, "--cwd", str(PROJECT)]


def run(engine: Engine, *arguments: str) -> None:
    """Run a Pulumi command on the stack for a person to watch.

    Raises Problem when it fails: its output says why.
    """
    if follow(command(engine, *arguments), env=environment(engine)) != 0:
        raise Problem(f"`pulumi {arguments[0]}` failed; its output above says why, under Diagnostics.")


def query(engine: Engine, *arguments: str) -> Any:
    """What a Pulumi command answers as JSON about the stack."""
    return json.loads(read(command(engine, *arguments, "--json"), env=environment(engine)))


def create(engine: Engine) -> None:
    """Have the stack in the local state."""
    read(command(engine, "stack", "select", "--create", "--non-interactive"), env=environment(engine))


def up(engine: Engine) -> None:
    # No preview first: the program checks the whole configuration before it declares anything.
    run(engine, "up", "--yes", "--skip-preview", "--suppress-outputs")


def preview(engine: Engine, *options: str) -> None:
    run(engine, "preview", "--suppress-outputs", *options)


def destroy(engine: Engine) -> None:
    # With the program: its hooks drain what is taken down.
    run(engine, "destroy", "--yes", "--skip-preview", "--suppress-outputs", "--run-program")


def outputs(engine: Engine) -> dict[str, Any]:
    """The stack's outputs, secrets included."""
    return dict(query(engine, "stack", "output", "--show-secrets"))


def latest(engine: Engine) -> dict[str, Any]:
    """Pulumi's record of the latest operation: its kind, result, resourceChanges, …; empty before the first."""
    history = query(engine, "stack", "history", "--page-size", "1")
    return dict(history[0]) if history else {}


def is_down(engine: Engine) -> bool:
    """Whether nothing happened to the stack since it was taken down, or ever."""
    operation = latest(engine)
    return not operation or (operation["kind"], operation["result"]) == ("destroy", "succeeded")
