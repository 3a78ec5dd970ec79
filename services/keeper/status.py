"""What the keeper knows, as people and programs read it: who is busy, what waits, what was restarted and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class LastRestart:
    """An instance's last restart."""

    at: str
    """In UTC, as ISO 8601 has it."""
    why: str
    problem: str | None
    """Why it did not help; None where the instance came up."""
    took: float
    """Seconds, from out of rotation to back in it; 0 where nobody measured it."""


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One instance. What is None is not known."""

    name: str
    host: str
    serving: bool
    """Whether the guard sends it requests."""
    guard: str | None
    """What the guard says against it; None where it says nothing, or is silent."""
    docker: str | None
    """Docker's words: `Up 3 hours (healthy)`."""
    busy: int | None
    """Requests that it works on."""
    out_for: str | None
    """On whose behalf it is out of rotation."""
    complaint: str | None
    """Why it needs a restart."""
    restarts: int
    """Restarts because it was sick, since it was last well for long."""
    gave_up: bool
    """Whether these did not help, and it is left alone."""
    last_restart: LastRestart | None

    @property
    def word(self) -> str:
        """Its state in a word or two."""
        if self.gave_up:
            return "given up"
        if self.out_for:
            return "draining" if self.busy else "out of rotation"
        if self.serving:
            return "working" if self.busy else "free"
        if self.guard or self.complaint:
            return "down"
        return "not known"


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """One pool."""

    name: str
    slots: int | None
    """Requests that one instance works on at a time; None where they are not counted."""
    waiting: int | None
    """Requests that wait for a slot; None where that is not known."""
    cron: str | None
    zone: str | None
    next_restart: datetime | None
    restarting: bool
    missed: datetime | None
    """When a scheduled restart was due that did not take place."""
    problem: str | None
    """How the last scheduled restart ended, where it did not end well."""
    instances: tuple[InstanceStatus, ...]

    @property
    def serving(self) -> int:
        return sum(instance.serving for instance in self.instances)

    @property
    def busy(self) -> int:
        return sum(instance.busy or 0 for instance in self.instances)

    @property
    def next_restart_there(self) -> str | None:
        """In the schedule's own time zone, for people."""
        return f"{self.next_restart:%a %d %b %Y, %H:%M %Z}" if self.next_restart else None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything, at one time."""

    stack: str
    time: datetime
    sources: Mapping[str, str | None]
    """What the keeper looks at, and what is wrong with each; None where nothing is."""
    pools: tuple[PoolStatus, ...]

    @property
    def problems(self) -> list[str]:
        return [f"{source}: {problem}" for source, problem in self.sources.items() if problem]


def as_json(status: Status) -> dict[str, Any]:
    """The status for programs; times in ISO 8601."""
    return {
        "stack": status.stack,
        "time": _iso(status.time),
        "sources": dict(status.sources),
        "pools": [_pool(pool) for pool in status.pools],
    }


def _pool(pool: PoolStatus) -> dict[str, Any]:
    told = asdict(pool)
    told |= {"next_restart": _iso(pool.next_restart), "missed": _iso(pool.missed)}
    told |= {"size": len(pool.instances), "serving": pool.serving, "busy": pool.busy}
    for each, instance in zip(told["instances"], pool.instances, strict=True):
        each["state"] = instance.word
    return told


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
