"""Pulumi's own release: downloaded, checked against its checksums, and completed with its plugins."""

import hashlib
import http.client
import os
import platform
import shutil
import subprocess
import tarfile
import tomllib
import urllib.request
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bootstrap import plugins
from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem

RELEASES = "https://github.com/pulumi/pulumi/releases/download"

# The checksum file is a few KB: where it does not come at once, nothing will. The archive is over 100 MB,
# and its limit is for a stall, not for the whole.
FIRST_ANSWER_SECONDS = 5
STALL_SECONDS = 60
PLUGIN_SECONDS = 300

SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class OutOfReach(Exception):  # noqa: N818 - a fact about the network, which has another answer
    """The release cannot be had here; its text says why."""


def version() -> str:
    """The Pulumi version that this project is tested with, without a `v`."""
    table = CHECKOUT / "components" / "pulumi_tts" / "config" / "versions.toml"
    return str(tomllib.loads(table.read_text())["tools"]["pulumi"])


def folder(wanted: Mapping[str, str]) -> Path:
    """Where in the cache the release with these plugins is, or would be."""
    parts = [f"v{version()}", *(f"{name}-{of}" for name, of in sorted(wanted.items()))]
    return CACHE / "pulumi" / "_".join(parts)


def download(folder: Path, wanted: Mapping[str, str]) -> None:
    """Have the release and its plugins in `folder`.

    Raises OutOfReach where the network does not give them, and Problem where what it gives is not what Pulumi
    published.
    """
    name = asset(version(), platform.system(), platform.machine())
    base = f"{RELEASES}/v{version()}"
    expected = checksum_of(name, fetch_text(f"{base}/pulumi-{version()}-checksums.txt"))

    def make(making: Path) -> None:
        archive = making / name
        with slow_step(f"Downloading Pulumi v{version()}"):
            fetch(f"{base}/{name}", archive)
        require_checksum(archive, expected)
        unpack(archive, making / "bin")
        archive.unlink()
        for plugin, of in wanted.items():
            with slow_step(f"Downloading Pulumi's {plugin} plugin v{of}"):
                install(making, plugin, of)

    make_once(folder, make)


def asset(version: str, system: str, machine: str) -> str:
    """What the archive for this kind of machine is called; `system` and `machine` as in `platform`.

    Raises OutOfReach where there is none.
    """
    if system not in SYSTEMS or machine not in MACHINES:
        raise OutOfReach(f"there is none for {system} on {machine}")
    return f"pulumi-v{version}-{SYSTEMS[system]}-{MACHINES[machine]}.tar.gz"


def checksum_of(name: str, checksums: str) -> str:
    """The SHA-256, in hexadecimal, of the file `name` in a list as sha256sum writes it.

    Raises OutOfReach where there is none: then it is no such list, but for example a proxy's page of apology.
    """
    for line in checksums.splitlines():
        match line.split():
            case [checksum, listed] if listed.removeprefix("*") == name:
                return checksum.lower()
    raise OutOfReach(f"what came as its list of checksums does not name {name}")


def fetch_text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=FIRST_ANSWER_SECONDS) as answer:  # noqa: S310 - https, fixed
            return str(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        raise OutOfReach(f"{url}: {error}") from error


def fetch(url: str, target: Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=STALL_SECONDS) as answer,  # noqa: S310 - https, fixed
            target.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (OSError, http.client.HTTPException) as error:
        raise OutOfReach(f"{url}: {error}") from error


def require_checksum(archive: Path, expected: str) -> None:
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise Problem(
            f"the download {archive.name} has the SHA-256 {actual}, and Pulumi published {expected}: it was damaged "
            "on the way, or somebody changed it. It was thrown away. Try again; if it happens twice, install "
            "Pulumi yourself and put it on PATH."
        )


def unpack(archive: Path, target: Path) -> None:
    """The archive's programs, side by side in `target`: it holds nothing but one folder with them."""
    target.mkdir()
    with tarfile.open(archive) as members:
        for member in members:
            if content := members.extractfile(member):
                program = target / PurePosixPath(member.name).name
                with content, program.open("wb") as file:
                    shutil.copyfileobj(content, file)
                program.chmod(0o755)


def install(folder: Path, plugin: str, version: str) -> None:
    """Let the release get its own plugin. Raises OutOfReach where it cannot."""
    command = plugins.install_command(folder / "bin" / "pulumi", plugin, version)
    try:
        subprocess.run(  # noqa: S603
            command,
            env=plugins.install_environment(os.environ, folder / "home"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PLUGIN_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise OutOfReach(f"its {plugin} plugin v{version}: {error.stderr.strip()[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise OutOfReach(f"its {plugin} plugin v{version} did not come in {PLUGIN_SECONDS} s") from error
