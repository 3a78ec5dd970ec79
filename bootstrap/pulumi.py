"""A Pulumi engine: the one on PATH, else Pulumi's own release, else one built from engine/.

The one on PATH is the user's, and is used as it is. The other two live in the user's cache, complete with the
plugins that this checkout's Python environment asks for, and are got once.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap import plugins, pulumi_build, pulumi_release
from bootstrap.paths import VENV
from bootstrap.say import detail
from bootstrap.shell import read


@dataclass(frozen=True)
class Engine:
    """A Pulumi that runs: the executable, what its environment needs beside what is there, and where it is from."""

    executable: Path
    environment: Mapping[str, str]
    origin: str


def find_or_build() -> Engine:
    """The first engine there is, got where there is none; says what it does while it does it.

    What the cache holds already is taken before the network is asked again.
    Raises Problem, saying what would help, where there is no way to an engine.
    """
    if executable := shutil.which("pulumi"):
        return on_path(Path(executable))
    wanted = plugins.wanted()
    release, build = pulumi_release.folder(wanted), pulumi_build.folder(wanted)
    if release.is_dir():
        return released(release)
    if build.is_dir():
        return built(build)
    try:
        pulumi_release.download(release, wanted)
    except pulumi_release.OutOfReach as reason:
        detail(f"Pulumi's own release is out of reach ({reason}): building the engine from Go modules")
        pulumi_build.build(build, wanted)
        return built(build)
    return released(release)


def on_path(executable: Path) -> Engine:
    """The user's own Pulumi, with nothing added to its environment.

    Raises Problem where it does not run.
    """
    version = read([str(executable), "version"]).strip()
    return Engine(executable, {}, f"{version}, on PATH")


def released(folder: Path) -> Engine:
    return Engine(
        folder / "bin" / "pulumi",
        own_environment(folder, os.environ.get("PATH", os.defpath)),
        f"Pulumi's own release v{pulumi_release.version()}, as none is on PATH",
    )


def built(folder: Path) -> Engine:
    environment = {
        **own_environment(folder, os.environ.get("PATH", os.defpath)),
        # Where Pulumi's downloads are out of reach, a missing plugin should be named at once, not looked for.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return Engine(
        folder / "bin" / "pulumi",
        environment,
        "built from engine/, as none is on PATH and Pulumi's own release was out of reach",
    )


def own_environment(folder: Path, path: str) -> dict[str, str]:
    """What an engine in the cache needs: its language host and plugins found before any others.

    The project's environment comes first on PATH: the language host starts the `python3` that it finds there.
    """
    return {
        "PATH": os.pathsep.join([str(VENV / "bin"), str(folder / "bin"), path]),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
