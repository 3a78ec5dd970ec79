"""The names and versions in versions.toml, the one table of what users run."""

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Images:
    """The images that are not an engine's own."""

    base: str
    """What our own images start from, where a registry answers."""
    local_base: str
    """The same, made on the host by `make images`, where none does."""
    traefik: str
    """The edge, where a registry answers."""
    envoy: str
    """The guard, where a registry answers."""
    jaeger: str
    """What keeps traces, where a registry answers."""
    oauth2_proxy: str
    """What asks an OpenID provider, where a registry answers."""


@cache
def table() -> dict[str, Any]:
    """The whole table."""
    return tomllib.loads(files("pulumi_tts.config").joinpath("versions.toml").read_text())


def pinned(image: str) -> str:
    """What the table pins for an image besides its sources; empty if nothing."""
    return json.dumps(table()["images"].get(image, {}), sort_keys=True)


def images() -> Images:
    """The images by name."""
    entries = table()["images"]
    return Images(
        base=entries["base"]["registry"],
        local_base=f"pulumi-tts/base:{entries['base']['debootstrap']}-{entries['base']['revision']}",
        traefik=entries["traefik"]["registry"],
        envoy=entries["envoy"]["registry"],
        jaeger=entries["jaeger"]["registry"],
        oauth2_proxy=entries["oauth2-proxy"]["registry"],
    )
