"""Jaeger built from its Go modules, where no registry answers: once, for every checkout of this user."""

import hashlib
import os
import shutil
from pathlib import Path

from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem, say
from bootstrap.shell import quietly
from pulumi_tts.config import versions

MODULE = CHECKOUT / "images" / "jaeger"
PROGRAM = "github.com/jaegertracing/jaeger/cmd/jaeger"
_VERSION = "github.com/jaegertracing/jaeger/internal/version.latestVersion"


def program() -> Path:
    """Jaeger's program; built where it is not there. Takes 3 minutes on two cores that do nothing else, some seconds
    where Go's caches are warm, and 85 MB.

    Raises Problem where Go is missing, or modules cannot be had.
    """
    of = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum")) + os.uname().machine.encode()
    folder = CACHE / "jaeger" / hashlib.sha256(of).hexdigest()[:16]
    make_once(folder, _build)
    return folder / "jaeger"


def collect() -> None:
    """Have it where its image is built from."""
    built, there = program(), MODULE / "collected" / "jaeger"
    if there.is_file() and there.stat().st_mtime_ns == built.stat().st_mtime_ns:
        say("Images: jaeger is collected")
        return
    there.parent.mkdir(exist_ok=True)
    shutil.copy2(built, there)


def _build(making: Path) -> None:
    if not shutil.which("go"):
        raise Problem(
            "no registry answers, and building Jaeger, which keeps traces, needs Go, which is not on PATH. Install Go, "
            "or take observability.tracing out of the stack's configuration."
        )
    tag = versions.table()["images"]["jaeger"]["registry"].rpartition(":")[2]
    command = ["go", "-C", str(MODULE), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    told = f"-ldflags=-s -w -X {_VERSION}=v{tag}"
    with slow_step("Jaeger, which keeps traces (about three minutes, once)"):
        quietly(
            [*command, told, "-o", str(making / "jaeger"), PROGRAM],
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        )
