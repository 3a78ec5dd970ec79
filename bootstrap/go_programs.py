"""Others' programs that only the Go module proxy carries, built from the modules that `images/` pins.

For images where no registry answers, and for tests.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem, say
from bootstrap.shell import quietly
from pulumi_tts.config import versions


@dataclass(frozen=True, slots=True)
class GoProgram:
    """One of them; its versions are in the go.mod of its folder in `images/`."""

    package: str
    asked_by: tuple[str, ...]
    """The place in `tts:stack` that asks for it: it takes minutes, and not all need it."""
    told_version: str | None = None
    """The variable that holds what it calls its version; absent where its module says so."""


PROGRAMS = {
    "jaeger": GoProgram(
        "github.com/jaegertracing/jaeger/cmd/jaeger",
        ("observability", "tracing"),
        "github.com/jaegertracing/jaeger/internal/version.latestVersion",
    ),
    "oauth2-proxy": GoProgram("github.com/oauth2-proxy/oauth2-proxy/v7", ("edge", "auth", "oidc")),
}


def built(name: str) -> Path:
    """The program, built once by Go and kept in the cache: on two cores that do nothing else, a minute and a half for
    oauth2-proxy and three for Jaeger; some seconds where Go's own caches are warm.

    Raises Problem where Go is missing, or modules cannot be had.
    """
    module = CHECKOUT / "images" / name
    of = b"".join((module / file).read_bytes() for file in ("go.mod", "go.sum")) + os.uname().machine.encode()
    folder = CACHE / "go-programs" / f"{name}-{hashlib.sha256(of).hexdigest()[:16]}"
    make_once(folder, partial(_build, name, module))
    return folder / name


def _build(name: str, module: Path, making: Path) -> None:
    program = PROGRAMS[name]
    if not shutil.which("go"):
        raise Problem(
            f"where no registry answers, {name} is built by Go, which is not on PATH. Install Go, or give Docker a "
            "registry (`registry-mirrors` in /etc/docker/daemon.json), or take "
            f"{'.'.join(program.asked_by)} out of the stack's configuration."
        )
    flags = "-s -w"
    if program.told_version:
        tag = versions.table()["images"][name]["registry"].rpartition(":")[2]
        flags += f" -X {program.told_version}=v{tag}"
    command = ["go", "-C", str(module), "build", "-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={flags}"]
    with slow_step(f"{name}, from its Go module (minutes, once)"):
        quietly(
            [*command, "-o", str(making / name), program.package],
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
        )


def collect(name: str) -> None:
    """Have it where its image is built from."""
    program, there = built(name), CHECKOUT / "images" / name / "collected" / name
    if there.is_file() and there.stat().st_mtime_ns == program.stat().st_mtime_ns:
        say(f"Images: {name} is collected")
        return
    there.parent.mkdir(exist_ok=True)
    shutil.copy2(program, there)
