"""Others' programs that only the Go module proxy carries, built from the modules that `images/` pins.

For images where no registry answers, and for tests.
"""

import hashlib
import os
import shutil
from pathlib import Path

from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem
from bootstrap.shell import quietly

PROGRAMS = {"oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7"}
"""The package that each is built from; its versions are in the go.mod of its folder in `images/`."""


def built(name: str) -> Path:
    """The program, built once by Go (a minute and a half on two cores for oauth2-proxy) and kept in the cache.

    Raises Problem without Go.
    """
    module = CHECKOUT / "images" / name

    def build(making: Path) -> None:
        if not shutil.which("go"):
            raise Problem(
                f"where no registry answers, {name} is built by Go, which is not on PATH. Install Go, or give Docker "
                "a registry (`registry-mirrors` in /etc/docker/daemon.json)."
            )
        command = ["go", "-C", str(module), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
        with slow_step(f"{name}, from its Go module"):
            quietly(
                [*command, "-o", str(making / name), PROGRAMS[name]],
                env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            )

    pinned = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    folder = CACHE / "go-programs" / f"{name}-{hashlib.sha256(pinned).hexdigest()[:16]}"
    make_once(folder, build)
    return folder / name


def collect(name: str) -> None:
    """Have it where its image is built from."""
    program = built(name)
    collected = CHECKOUT / "images" / name / "collected" / name
    if not collected.exists() or collected.stat().st_mtime_ns != program.stat().st_mtime_ns:
        collected.parent.mkdir(exist_ok=True)
        shutil.copy2(program, collected)
