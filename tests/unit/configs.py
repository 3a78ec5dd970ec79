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
