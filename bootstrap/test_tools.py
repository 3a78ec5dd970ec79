"""Programs that tests run: an ACME server, what scans a TLS server, what looks over Dockerfiles, and Prometheus.

Pinned beside their tests; made once, in the cache. Not in .venv: sslyze and checkov want older versions of what the
package is tried with, and Pebble is Go's.
"""

import hashlib
import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem
from bootstrap.shell import quietly

_PINNED = CHECKOUT / "tests" / "edge" / "tools"
_CHECKOV = CHECKOUT / "tests" / "services" / "tools" / "checkov.txt"
_WATCHING = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter")
_PEBBLE = "github.com/letsencrypt/pebble/v2/cmd"


def pebble() -> Path:
    """The folder with `pebble` and `pebble-challtestsrv`; built by Go, in seconds, where it is not there."""
    module = _PINNED / "pebble"

    def build(making: Path) -> None:
        if not shutil.which("go"):
            raise Problem(
                "the tests of certificates by ACME need Pebble, and building it needs Go, which is not on PATH"
            )
        programs = [f"{_PEBBLE}/{name}" for name in ("pebble", "pebble-challtestsrv")]
        command = ["go", "-C", str(module), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
        with slow_step("Pebble, an ACME server for tests"):
            quietly([*command, "-o", f"{making}/", *programs], env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"})

    return _made("pebble", (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes(), build)


def sslyze() -> Path:
    """The folder that PYTHONPATH names to run `python -m sslyze`."""
    pinned = _PINNED / "sslyze.txt"

    def install(making: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        with slow_step("sslyze, which scans TLS servers"):
            quietly([*command, "--require-hashes", "--requirement", str(pinned), "--target", str(making)])

    return _made("sslyze", pinned.read_bytes() + sys.version.encode(), install)


def checkov() -> Path:
    """The folder that PYTHONPATH names to run `python -m checkov.main`: 265 MB, in seconds by uv."""

    def install(making: Path) -> None:
        command = [uv(), "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--require-hashes"]
        with slow_step("checkov, which looks over Dockerfiles"):
            quietly([*command, "--requirement", str(_CHECKOV), "--target", str(making)])

    return _made("checkov", _CHECKOV.read_bytes() + sys.version.encode(), install)


def prometheus() -> Path:
    """The folder with Debian's `prometheus`, `promtool`, `prometheus-alertmanager`, `amtool` and exporters.

    Out of their packages and not installed, which would start them.
    """

    def fetch(making: Path) -> None:
        with slow_step("Prometheus and what goes with it"):
            download = ["env", "-C", str(making), "apt-get", "download", "-qq", *_WATCHING]
            try:
                quietly(download)
            except Problem:
                # There may be no lists yet, or older ones than what the mirror still has.
                quietly(["apt-get", "update", "-qq"])
                quietly(download)
            for package in making.glob("*.deb"):
                quietly(["dpkg-deb", "--extract", str(package), str(making)])
                package.unlink()

    return _made("prometheus", "\0".join(_WATCHING).encode(), fetch) / "usr" / "bin"


def uv() -> str:
    """uv, as bootstrap/venv.sh has it: the user's own, else the one that this project pins."""
    table = tomllib.loads((CHECKOUT / "components" / "pulumi_tts" / "config" / "versions.toml").read_text())
    pinned = CACHE / "uv" / table["tools"]["uv"] / "bin" / "uv"
    return str(pinned) if pinned.exists() else "uv"


def _made(name: str, of: bytes, make: Callable[[Path], None]) -> Path:
    folder = CACHE / "test-tools" / f"{name}-{hashlib.sha256(of).hexdigest()[:16]}"
    make_once(folder, make)
    return folder
