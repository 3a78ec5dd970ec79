"""Configs that tests start from."""

from copy import deepcopy
from typing import Any

_VOICE: dict[str, Any] = {
    "name": "voice",
    "engine": "voice",
    "instances": 2,
    "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"},
}
_STUDIO: dict[str, Any] = {"name": "studio", "engine": "studio", "instances": 2, "routes": {"path": "/studio"}}


def voice(**changes: Any) -> dict[str, Any]:
    """A pool that programs call."""
    return deepcopy(_VOICE) | changes


def studio(**changes: Any) -> dict[str, Any]:
    """A pool that people open in a browser."""
    return deepcopy(_STUDIO) | changes


def stack(*pools: Any, **changes: Any) -> dict[str, Any]:
    """A stack of pools; those of the dev stack where none are given."""
    return {"images": "local", "pools": list(pools) or [voice(), studio()]} | changes


def second(**changes: Any) -> dict[str, Any]:
    """A host that is not the edge's."""
    return {"name": "b", "docker": "ssh://b", "address": "10.0.0.7"} | changes


def many(count: int) -> list[dict[str, Any]]:
    """So many hosts that are not the edge's."""
    return [second(name=f"b{n}", docker=f"ssh://b{n}", address=f"10.0.1.{n}") for n in range(1, count + 1)]
