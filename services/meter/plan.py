"""What the plan says, from `meter.json`: what pools answer, which share of a card their instances have, and prices."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("meter.plan")


@dataclass(frozen=True, slots=True)
class Audio:
    """How long an answer sounds, by its size and its content type."""

    rate: int
    """Samples a second of one channel, of what is not compressed."""
    channels: int
    bits: int
    raw: frozenset[str]
    """Content types of samples without a header; `none` for an answer without one, `websocket` for what one carries."""
    kilobits: Mapping[str, float]
    """Of compressed ones, by content type: thousands of bits a second."""


@dataclass(frozen=True, slots=True)
class Pool:
    audio: Audio | None
    """None where it answers no audio."""
    works: bool
    """Whether a request under way is work: a page keeps some open for as long as somebody looks at it."""
    price: float | None
    """Of an hour of one of its cards."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is counted by."""

    guards: frozenset[str] = frozenset()
    """Where the edge reaches the guard, as `host:port`: requests that go there the guard's own log tells of, and what
    the edge has it answer (that somebody is over a limit) reached no pool."""
    pools: Mapping[str, Pool] = field(default_factory=dict)
    routes: frozenset[str] = frozenset()
    """Of all pools."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """How much of a card one request takes of an instance, by the instance's name; 0 without a card."""
    upstreams: Mapping[str, str] = field(default_factory=dict)
    """The instances' names, by where the edge reaches them."""
    tenants: frozenset[str] = frozenset()
    """Those that the config names."""
    most: int = 0
    """How many others are counted by their names."""
    keep: int = 1
    """Days of which is known who used what."""
    currency: str = ""


class BadFileError(Exception):
    """`meter.json` is not what it should be, and why."""


def read_plan(text: str) -> Plan:
    """Raises BadFileError."""
    try:
        raw = json.loads(text)
        return Plan(
            guards=frozenset(raw["guards"]),
            pools={name: _pool(pool) for name, pool in raw["pools"].items()},
            routes=frozenset(route for pool in raw["pools"].values() for route in pool["routes"]),
            shares={name: float(each["share"]) for name, each in raw["instances"].items()},
            upstreams={each["upstream"]: name for name, each in raw["instances"].items()},
            tenants=frozenset(raw["tenants"]),
            most=int(raw["most"]),
            keep=int(raw["keep"]),
            currency=str(raw["currency"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadFileError(f"{type(error).__name__}: {error}") from error


def _pool(raw: Mapping[str, Any]) -> Pool:
    audio = raw["audio"]
    return Pool(
        audio=Audio(
            rate=int(audio["rate"]),
            channels=int(audio["channels"]),
            bits=int(audio["bits"]),
            raw=frozenset(audio["raw"]),
            kilobits={kind: float(kilobits) for kind, kilobits in audio["kilobits"].items()},
        )
        if audio
        else None,
        works=bool(raw["works"]),
        price=raw["price"],
    )


class PlanFile:
    """The file, which changes while it is read; the last one that was right stays in force."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self.plan: Plan | None = None
        """None before the first one was read."""
        self.problem: str | None = "was not read yet"

    def look(self) -> None:
        """Reads it where it is another one than before."""
        try:
            found = self._path.stat()
            if (found.st_ino, found.st_mtime_ns) == self._seen:
                return
            self.plan = read_plan(self._path.read_text())
            self._seen = (found.st_ino, found.st_mtime_ns)
            self.problem = None
        except (BadFileError, OSError, UnicodeDecodeError) as error:
            if self.problem != str(error):
                _LOG.error("%s: %s", self._path, error)
            self.problem = str(error)
