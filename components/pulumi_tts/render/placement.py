"""Placement as people and programs read it."""

import json
from collections import Counter
from typing import Any

from pulumi_tts.plan.fleet import Place
from pulumi_tts.plan.placement import Placement, size_text
from pulumi_tts.plan.stack import HostPlan, LeftBehind


def placement_table(placement: Placement) -> str:
    """One line for each instance on cards, and with several hosts for every one; empty where that is none.

    Each column is as wide as it needs; one that says nothing is left out.
    """
    rows = [
        (row["instance"], row["host"], *_cards(row), row["shared"] or "", "moves" if row["moves"] else "")
        for row in placement_rows(placement)
        if row["gpus"] or placement.several_hosts
    ]
    if not rows:
        return ""
    lines = [("INSTANCE", "HOST", "GPU", "TAKES", "LEFT", "SHARED", ""), *rows]
    said = [column for column in range(len(lines[0])) if any(row[column] for row in rows)]
    widths = {column: max(len(line[column]) for line in lines) for column in said}
    padded = ["  ".join(line[column].ljust(widths[column]) for column in said) for line in lines]
    return "\n".join(line.rstrip() for line in padded)


def placement_json(placement: Placement) -> str:
    """The same for programs, instances without cards included; sizes in MiB."""
    return json.dumps({"instances": placement_rows(placement)}, indent=2)


def placement_rows(placement: Placement) -> list[dict[str, Any]]:
    """Each instance: its host and cards, what it takes of each, and what all instances together leave of each.

    What is left is None of a card that was taken out of the config while its host does not answer: the instance still
    has it. How it shares its cards with other instances is None where it has them to itself.
    """
    on_card = Counter((at.host, gpu) for at in placement.places.values() for gpu in at.gpus)
    return [
        {
            "instance": f"{pool}-{number}",
            "pool": pool,
            "number": number,
            "host": at.host,
            "gpus": [
                {"id": gpu, "takes": placement.vram[pool], "left": placement.left.get((at.host, gpu))}
                for gpu in at.gpus
            ],
            "shared": _shared(placement, at, on_card),
            "moves": (pool, number) in placement.moved,
        }
        for (pool, number), at in placement.places.items()
    ]


def _shared(placement: Placement, at: Place, on_card: Counter[tuple[str, str]]) -> str | None:
    """How an instance shares its cards with others: by MPS, or in turns."""
    cards = [(at.host, gpu) for gpu in at.gpus]
    if mps := [placement.mps[card] for card in cards if card in placement.mps]:
        return f"MPS, {mps[0].threads}% of threads" if mps[0].threads else "MPS"
    return "time-slicing" if any(on_card[card] > 1 for card in cards) else None


def left_behind_text(left: LeftBehind) -> str:
    """What is said of an instance whose outputs stay on the host that it leaves."""
    return (
        f"{left.instance} moves from {left.left} to {left.goes_to}: what it has made stays on {left.left}, "
        f"in the volume {left.volume}"
    )


def unconfined_text(pool: str) -> str:
    """What is said of a pool whose engine may fetch from anywhere."""
    return (
        f"{pool} has fetches_from: any. Who makes its engine fetch something, by a request, reaches the whole internet "
        "and your network with it, and what is in its container can be sent anywhere. Name the hosts that it needs"
    )


def missing_text(instance: str, host: str) -> str:
    """What is said of an instance that is remembered on a host, and is not there."""
    return (
        f"{instance} was put on {host}, and no such container is there. If this `pulumi up` does not make it, it was "
        "removed by hand: run `pulumi refresh`, and `pulumi up` again"
    )


def silent_text(told: str, host: HostPlan, provider: str | None = None) -> str:
    """What is said of a host that does not answer, after what it was ``told`` to be.

    ``provider`` is the URN by which the state calls it; with it comes what to do.
    """
    many = f"{len(host.instances)} instances" if len(host.instances) != 1 else "one instance"
    text = (
        f"{told}. What is there ({many}) is left as it is, and what was taken out of the config is not removed yet; "
        "everything else is brought to its state."
    )
    if provider:
        text += (
            " Bring the host back and run `pulumi up` again. If it is gone for good: take it out of hosts, run "
            f"`pulumi state delete --target-dependents '{provider}'`, and `pulumi up`"
        )
    return text


def _cards(row: dict[str, Any]) -> tuple[str, str, str]:
    gpus = row["gpus"]
    if not gpus:
        return "-", "-", "-"
    ids = ",".join(gpu["id"] for gpu in gpus)
    left = ",".join("-" if gpu["left"] is None else size_text(gpu["left"]) for gpu in gpus)
    return ids, size_text(gpus[0]["takes"]), left
