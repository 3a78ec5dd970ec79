"""One instance of a pool is out at a time, whoever takes it out: `pulumi up`, a schedule, or the care for the sick.

Taking an instance out is a lease: who does not give it back in time loses it, and the instance is in rotation again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path

_LOG = logging.getLogger("keeper.turns")


class Urgency(IntEnum):
    """Who comes first where several wait for a pool's turn."""

    asked = 0
    """`pulumi up`, or a person."""
    sick = 1
    scheduled = 2


OPERATOR = "operator"
"""Who takes an instance out by hand, and says no more about it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An instance that is out of rotation; times on the clock that runs since the machine started."""

    pool: str
    instance: str
    holder: str
    since: float
    until: float


class TurnTakenError(Exception):
    """An instance of the pool is out for somebody else, and stays out."""

    def __init__(self, held: Lease) -> None:
        super().__init__(f"{held.instance} is out of rotation for {held.holder}, and only one of a pool may be")
        self.held = held


@dataclass(frozen=True, slots=True)
class _Waiting:
    urgency: Urgency
    order: int
    instance: str
    holder: str
    lease: float
    granted: asyncio.Future[Lease]


class Turns:
    """The leases of all pools, at most one each. They are on file in the shared folder, so that a keeper that is
    replaced in the middle of `pulumi up` knows them; the folder is in memory, and goes with the machine's start."""

    def __init__(self, file: Path, changed: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._changed = changed
        self._clock = clock
        self._leases = {lease.pool: lease for lease in _read(file)}
        self._waiting: dict[str, list[_Waiting]] = {}
        self._order = 0

    @property
    def out(self) -> frozenset[str]:
        """The instances that are out of rotation."""
        return frozenset(lease.instance for lease in self._leases.values())

    @property
    def all(self) -> tuple[Lease, ...]:
        """Every lease."""
        return tuple(self._leases.values())

    def lease(self, pool: str) -> Lease | None:
        return self._leases.get(pool)

    async def take(
        self, pool: str, instance: str, holder: str, *, lease: float, patience: float, urgency: Urgency
    ) -> Lease:
        """Takes an instance out for `lease` seconds; waits up to `patience` seconds while another holder has the
        pool's turn. Raises TurnTakenError.

        A holder has one turn in a pool: its next instance puts the one before back into rotation. What is out by hand
        is taken over by who is asked for that very instance: nobody else would give it back.
        """
        held = self._leases.get(pool)
        by_hand = held is not None and (held.instance, held.holder) == (instance, OPERATOR)
        if not held or held.holder == holder or (by_hand and urgency is Urgency.asked):
            return self._grant(pool, instance, holder, lease)
        self._order += 1
        granted: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(urgency, self._order, instance, holder, lease, granted)
        line = self._waiting.setdefault(pool, [])
        line.append(waiting)
        try:
            async with asyncio.timeout(patience):
                return await granted
        except TimeoutError:
            if _was_granted(granted):
                return granted.result()
            raise TurnTakenError(self._leases[pool]) from None
        except asyncio.CancelledError:
            if _was_granted(granted):
                self.give(pool, instance, holder)
            raise
        finally:
            if waiting in line:
                line.remove(waiting)

    def extend(self, lease: Lease, seconds: float) -> None:
        """Lets a lease last so long from now; what was given back meanwhile stays given back."""
        held = self._leases.get(lease.pool)
        if held and (held.instance, held.holder) == (lease.instance, lease.holder):
            self._grant(lease.pool, lease.instance, lease.holder, seconds)

    def give(self, pool: str, instance: str, holder: str) -> bool:
        """Back into rotation; whether it was out for that holder. What another has by now stays out."""
        held = self._leases.get(pool)
        if not held or (held.instance, held.holder) != (instance, holder):
            return False
        del self._leases[pool]
        # Whose time is over, or who has gone, is in line until its own task runs.
        if line := [waiting for waiting in self._waiting.get(pool, ()) if not waiting.granted.done()]:
            first = min(line, key=lambda waiting: (waiting.urgency, waiting.order))
            self._waiting[pool].remove(first)
            first.granted.set_result(self._grant(pool, first.instance, first.holder, first.lease))
        else:
            self._keep()
        return True

    def expire(self, still_there: Callable[[Lease], bool]) -> None:
        """Ends the leases whose time is over, and of instances that are no longer there."""
        now = self._clock()
        for lease in list(self._leases.values()):
            gone = not still_there(lease)
            if gone or lease.until <= now:
                log = _LOG.info if gone else _LOG.warning
                log("%s: the lease of %s ends, %s", lease.instance, lease.holder, "it is gone" if gone else "overdue")
                self.give(lease.pool, lease.instance, lease.holder)

    def _grant(self, pool: str, instance: str, holder: str, seconds: float) -> Lease:
        held = self._leases.get(pool)
        now = self._clock()
        since = held.since if held and held.instance == instance else now
        lease = Lease(pool, instance, holder, since, now + seconds)
        self._leases[pool] = lease
        self._keep()
        return lease

    def _keep(self) -> None:
        part = self._file.with_name(f".{self._file.name}.part")
        part.write_text(json.dumps([asdict(lease) for lease in self._leases.values()]))
        part.replace(self._file)
        self._changed()


def _was_granted(future: asyncio.Future[Lease]) -> bool:
    return future.done() and not future.cancelled()


def _read(file: Path) -> Iterator[Lease]:
    try:
        yield from [Lease(**each) for each in json.loads(file.read_text())]
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError) as error:
        _LOG.warning("%s is not a file of this program's: %s", file.name, error)
