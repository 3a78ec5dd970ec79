"""Placement as people and programs read it."""

import json
from typing import Any

from pulumi_tts.plan.placement import Placement, size_text


def placement_table(placement: Placement) -> str:
    """One line for each instance on cards, each column as wide as it needs; empty where no instance has a card."""
    rows = [
        (row["instance"], row["host"], *_cards(row), "moves" if row["moves"] else "")
        for row in placement_rows(placement)
        if row["gpus"]
    ]
    if not rows:
        return ""
    lines = [("INSTANCE", "HOST", "GPU", "TAKES", "LEFT", ""), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(line.rstrip() for line in padded)


def placement_json(placement: Placement) -> str:
    """The same for programs, instances without cards included; sizes in MiB."""
    return json.dumps({"instances": placement_rows(placement)}, indent=2)


def placement_rows(placement: Placement) -> list[dict[str, Any]]:
    """Each instance: its host and cards, what it takes of each, and what all instances together leave of each."""
    return [
        {
            "instance": f"{pool}-{number}",
            "pool": pool,
            "number": number,
            "host": at.host,
            "gpus": [
                {"id": gpu, "takes": placement.vram[pool], "left": placement.left[at.host, gpu]} for gpu in at.gpus
            ],
            "moves": (pool, number) in placement.moved,
        }
        for (pool, number), at in placement.places.items()
    ]


def _cards(row: dict[str, Any]) -> tuple[str, str, str]:
    gpus = row["gpus"]
    ids, left = (",".join(each) for each in ([gpu["id"] for gpu in gpus], [size_text(gpu["left"]) for gpu in gpus]))
    return ids, size_text(gpus[0]["takes"]), left
