"""Programs that the tests of the edge's TLS run: an ACME server, and what scans a TLS server.

Pinned in tests/edge/tools; made once, in the cache. Not in .venv: sslyze wants an older `cryptography` than the
package is tried with, and Pebble is Go's.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem
from bootstrap.shell import quietly

_PINNED = CHECKOUT / "tests" / "edge" / "tools"
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


def _made(name: str, of: bytes, make: Callable[[Path], None]) -> Path:
    folder = CACHE / "test-tools" / f"{name}-{hashlib.sha256(of).hexdigest()[:16]}"
    make_once(folder, make)
    return folder
