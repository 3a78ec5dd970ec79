"""The fleet that is placed: 512 instances of four engines on 64 hosts of four cards."""

from typing import Any

HOSTS, CARDS = 64, 4
ENGINES = {"small": (4, 128), "usual": (8, 256), "large": (10, 64), "wide": (15, 64)}
"""GiB of a card, and instances, by the pool's name; together 4 416 of the 5 888 GiB that the cards have for them."""

_ENGINE = {
    "image": "mine:1",
    "port": 8000,
    "memory": "1g",
    "health": {"command": ["true"], "path": "/health"},
}


def config(factor: int = 1) -> dict[str, Any]:
    """The whole stack as it is written.

    There are 64 hosts with four cards of 24 GiB each, of which 1 GiB is kept back, and four pools with 512 instances in
    all; each takes ``factor`` times as much of its card.
    """
    cards = [{"id": at, "vram": "24g"} for at in range(CARDS)]
    near = {"name": "gpu-0", "gpus": cards}
    far = [
        {"name": f"gpu-{at}", "docker": f"ssh://gpu-{at}", "address": f"10.0.0.{at}", "gpus": cards}
        for at in range(1, HOSTS)
    ]
    pools = [
        {
            "name": name,
            "engine": _ENGINE,
            "instances": instances,
            "vram": f"{vram * factor}g",
            "routes": {"pool": f"{name}.{{domain}}"},
        }
        for name, (vram, instances) in ENGINES.items()
    ]
    return {"images": "registry", "hosts": [near, *far], "pools": pools}
