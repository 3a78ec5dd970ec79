"""Hosts with cards, and pools that ask for them."""

from typing import Any

from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.pool import Pool

OWN_ENGINE: dict[str, Any] = {
    "image": "mine:1",
    "port": 8000,
    "memory": "1g",
    "health": {"command": ["true"], "path": "/health"},
}


def host(name: str, *rooms: int) -> Host:
    """A host with cards that have so many GiB for instances, above their reserve."""
    gpus = [Gpu.model_validate({"id": at, "vram": f"{room + 1}g"}) for at, room in enumerate(rooms)]
    return Host(name=name, gpus=gpus)


def pool(name: str, instances: int, vram: int | None, **more: Any) -> Pool:
    """A pool whose instances take so many GiB of a card."""
    written = {
        "name": name,
        "engine": OWN_ENGINE,
        "instances": instances,
        "routes": {"pool": f"{name}.{{domain}}"},
        **({"vram": f"{vram}g"} if vram is not None else {}),
        **more,
    }
    return Pool.model_validate(written)
