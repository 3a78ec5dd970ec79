"""The fleet that is placed: 512 instances of four engines on 64 hosts of four cards."""

from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.pool import Pool

HOSTS, CARDS = 64, 4
ENGINES = {"small": (4, 128), "usual": (8, 256), "large": (10, 64), "wide": (15, 64)}
"""GiB of a card, and instances, by the pool's name; together 4 416 of the 5 888 GiB that the cards have for them."""

_ENGINE = {
    "image": "mine:1",
    "port": 8000,
    "memory": "1g",
    "health": {"command": ["true"], "path": "/health"},
}


def hosts() -> list[Host]:
    """64 hosts with four cards of 24 GiB each, of which 1 GiB is kept back."""
    cards = [Gpu.model_validate({"id": at, "vram": "24g"}) for at in range(CARDS)]
    return [Host(name=f"gpu-{at}", gpus=cards) for at in range(HOSTS)]


def pools(factor: int = 1) -> list[Pool]:
    """Four pools, 512 instances in all; each instance takes ``factor`` times as much of its card."""
    return [
        Pool.model_validate(
            {
                "name": name,
                "engine": _ENGINE,
                "instances": instances,
                "vram": f"{vram * factor}g",
                "routes": {"pool": f"{name}.{{domain}}"},
            }
        )
        for name, (vram, instances) in ENGINES.items()
    ]
