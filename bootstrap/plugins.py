"""The Pulumi plugins that the Python environment asks for: each package names its plugin's version."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bootstrap.say import Problem

NAMES = ("docker", "random")


def wanted() -> dict[str, str]:
    """Plugin name → the version that the installed package will ask the engine for.

    Raises Problem where a package is not installed.
    """
    return {name: version_in(description(name)) for name in NAMES}


def description(name: str) -> str:
    """The file in which a package says which plugin it needs. Read, not imported: that would load all of Pulumi."""
    package = f"pulumi_{name}"
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise Problem(
            f"{package} is not installed in this Python environment, so which Pulumi plugin it needs is unknown. "
            "`make venv` makes an environment with it, in .venv."
        ) from error
    return Path(str(found.locate_file(f"{package}/pulumi-plugin.json"))).read_text()


def version_in(description: str) -> str:
    return str(json.loads(description)["version"])


def install_command(pulumi: Path, name: str, version: str, *source: str) -> Sequence[str]:
    """The command that puts a plugin where the engine looks for it; `source` may say from which file."""
    return [str(pulumi), "plugin", "install", "resource", name, version, *source]


def install_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment for that command; `home` is the engine's folder for plugins and settings."""
    return {**environment, "PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
