"""The three programs that are compared, and the config that all of them read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.paths import CHECKOUT

STACK = "bench"
PREFIX = f"tts-{STACK}"
"""Begins the names of everything that is made on the Docker host, and is its label `pulumi-tts.stack`."""


@dataclass(frozen=True)
class Program:
    """A Pulumi program: the folder of its `__main__.py`, and the modules that it imports."""

    name: str
    folder: Path
    imports: tuple[str, ...]


_HERE = Path(__file__).parent
EMPTY = Program("empty", _HERE / "empty", ())
FLAT = Program("flat", _HERE / "flat", ("pulumi_docker", "pulumi_random"))
# The checkout's own; `docker` is imported when it asks the Docker host.
SPEECH = Program("speech", CHECKOUT, ("pulumi_tts.docker", "docker"))
PROGRAMS = {program.name: program for program in (EMPTY, FLAT, SPEECH)}


def config(instances: int, port: int, base: str) -> dict[str, Any]:
    """One pool with a route for all and one for each, as the dev stack's; each program takes what it reads.

    ``base`` is the image that the flat program builds on; the components know theirs.
    """
    pool = {
        "name": "voice",
        "engine": "voice",
        "instances": instances,
        "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"},
        # The flat program has none: it is what users write who let Traefik balance.
        "guard": "none",
        # As the flat program has it, whatever becomes of the engine's own.
        "health": {
            "command": ["python3", "-m", "voice.healthcheck"],
            "path": "/health",
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "startup": "60s",
        },
    }
    return {
        "tts:stack": {"images": "local", "pools": [pool], "edge": {"port": port}},
        "bench:instances": instances,
        "bench:port": port,
        "bench:base": base,
    }
