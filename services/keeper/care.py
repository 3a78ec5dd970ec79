"""The care for the sick: an instance that stays unhealthy is restarted, less and less often, and in the end given up.

Docker restarts a program that ends; it does nothing about one that hangs, or whose health check fails.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from keeper.engines import Container
from keeper.guard import Seen
from keeper.pools import Heal, Instance, Pool
from keeper.restarts import Restarts
from keeper.turns import Turns, TurnTakenError, Urgency
from keeper.watch import Watch

_LOG = logging.getLogger("keeper.care")

HUNG_DRAIN, HUNG_STOP = 10.0, 5.0
"""Seconds that an instance to which the guard sends nothing has to finish its requests, and to stop: it may be slow and
not hang, but who hangs does not finish anything."""
STOPPED = 15.0
"""Seconds after which a container that does not run, and that Docker does not start again either, is started."""


def holder_of(instance: str) -> str:
    """Whose turn it is that a sick instance is restarted in: its own, as two of a pool may be sick."""
    return f"healing {instance}"


def complaint(container: Container | None, seen: Seen | None, ill_for: float, startup: float) -> str | None:
    """Why an instance needs a restart; None where it does not, or where that is not known.

    `ill_for` is how long it has not been seen well by both, or has got no requests and answered none well in between,
    in seconds. One that a person has paused is left alone.
    """
    if container is None or container.state == "paused":
        return None
    if container.health == "unhealthy":
        return "Docker calls it unhealthy"
    if container.state not in ("running", "restarting"):
        return f"it does not run ({container.status})" if ill_for > STOPPED else None
    if ill_for <= startup:
        return None
    if not container.well:
        return f"Docker does not call it healthy after {ill_for:.0f} s ({container.status})"
    return f"the guard finds that it {seen.wrong}, for {ill_for:.0f} s" if seen and seen.wrong else None


@dataclass(slots=True)
class Record:
    """What has been done about one instance; times on the clock that runs since the machine started."""

    container: str
    """Docker's id: another container of that name is another instance, with no history."""
    well_at: float
    """When it was last seen well."""
    well_since: float | None = None
    shunned: float = 0.0
    """Seconds that the guard has sent it nothing though Docker calls it healthy, since it last answered a request well.
    One that fails every request is ejected, and between two ejections every check finds it well."""
    succeeded: int = 0
    """Requests that it had answered well at the last look."""
    looked_at: float | None = None
    last_look: Container | None = None
    tries: int = 0
    """Restarts since it was last well for long."""
    next_try: float = 0.0
    gave_up: bool = False


class Care:
    """For all instances of all pools that have `heal`."""

    def __init__(self, watch: Watch, restarts: Restarts, turns: Turns) -> None:
        self._watch = watch
        self._restarts = restarts
        self._turns = turns
        self._records: dict[str, Record] = {}
        self._working: dict[str, asyncio.Task[None]] = {}

    def gave_up(self, instance: str) -> bool:
        """Whether it was restarted in vain so often that it is left alone."""
        return instance in self._records and self._records[instance].gave_up

    def tries(self, instance: str) -> int:
        """How often it was restarted since it was last well for long."""
        return self._records[instance].tries if instance in self._records else 0

    def complaint(self, pool: Pool, instance: Instance) -> str | None:
        """Why it needs a restart, by the last look."""
        record = self._records.get(instance.name)
        if not record:
            return None
        ill_for = max(time.monotonic() - record.well_at, record.shunned)
        return complaint(self._watch.container(instance), self._watch.seen(pool, instance.name), ill_for, pool.startup)

    def tend(self, pools: tuple[Pool, ...]) -> None:
        """After each look: begins the restarts that are needed now."""
        for pool in pools:
            for instance in pool.instances:
                self._note(pool, instance)
                if pool.heal and self._needs(pool, instance, pool.heal) and instance.name not in self._working:
                    task = asyncio.create_task(self._heal(pool, instance, pool.heal))
                    self._working[instance.name] = task
                    task.add_done_callback(partial(self._done, instance.name))
        names = {instance.name for pool in pools for instance in pool.instances}
        self._records = {name: record for name, record in self._records.items() if name in names}

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        del self._working[name]
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("%s: the care for it failed", name, exc_info=error)

    def _note(self, pool: Pool, instance: Instance) -> None:
        container = self._watch.container(instance)
        if container is None:
            return
        now = time.monotonic()
        record = self._records.get(instance.name)
        if not record or record.container != container.id:
            if record and record.gave_up:
                _LOG.info("%s has a new container: it is cared for again", instance.name)
            record = self._records[instance.name] = Record(container.id, now)
        self._notice_start(pool, instance, container, record)
        seen = self._watch.seen(pool, instance.name)
        self._note_answers(container, seen, record)
        # Without the guard's word Docker's has to do.
        if not (container.well and (seen is None or not seen.wrong)):
            record.well_since = None
            return
        record.well_at = now
        record.well_since = record.well_since or now
        mended = record.gave_up and record.shunned <= pool.startup
        if mended or (pool.heal and record.tries and now - record.well_since >= pool.heal.longest):
            _LOG.info("%s is well again: its restarts are forgotten", instance.name)
            record.gave_up, record.tries, record.next_try = False, 0, 0.0

    def _note_answers(self, container: Container, seen: Seen | None, record: Record) -> None:
        now = time.monotonic()
        since, record.looked_at = now - (record.looked_at or now), now
        if not container.well:
            record.shunned = 0.0  # what it is at its next start is another matter
        elif seen and seen.wrong:
            record.shunned += since
        elif seen and seen.succeeded != record.succeeded:
            record.shunned = 0.0
        record.succeeded = seen.succeeded if seen else record.succeeded

    def _notice_start(self, pool: Pool, instance: Instance, container: Container, record: Record) -> None:
        before, record.last_look = record.last_look, container
        lease = self._turns.lease(pool.name)
        ours = lease is not None and lease.instance == instance.name
        began = container.health == "starting" and before is not None and before.health != "starting"
        # The very first start is no restart.
        if began and not ours and before and before.state != "created":
            self._restarts.noticed(pool, instance, "it ended by itself, and Docker started it again")

    def _needs(self, pool: Pool, instance: Instance, heal: Heal) -> bool:
        why = self.complaint(pool, instance)
        record = self._records.get(instance.name)
        if not why or not record or record.gave_up or time.monotonic() < record.next_try:
            return False
        lease = self._turns.lease(pool.name)
        if lease and lease.instance == instance.name and lease.holder != holder_of(instance.name):
            return False  # somebody is at work on it
        if record.tries >= heal.tries:
            record.gave_up = True
            _LOG.error(
                "%s is given up after %d restarts in vain: %s. It is cared for again once it is well, or has a new "
                "container",
                *(instance.name, record.tries, why),
            )
            return False
        return not self._is_last_that_serves(pool, instance)

    def _is_last_that_serves(self, pool: Pool, instance: Instance) -> bool:
        """Whether it does work, as the only one: then those that do none come first, as long as there is hope."""
        others = [other.name for other in pool.instances if other.name != instance.name]
        return self._watch.serving(pool) == {instance.name} and not all(self.gave_up(other) for other in others)

    async def _heal(self, pool: Pool, instance: Instance, heal: Heal) -> None:
        why = self.complaint(pool, instance) or ""
        record = self._records[instance.name]
        working = instance.name in self._watch.serving(pool)
        try:
            back = await self._restarts.restart(
                pool,
                instance,
                "sick",
                why,
                holder=holder_of(instance.name),
                urgency=Urgency.sick,
                within=pool.drain if working else min(pool.drain, HUNG_DRAIN),
                stop=pool.stop if working else min(pool.stop, HUNG_STOP),
                patience=pool.drain + pool.stop + 2 * pool.startup,
                still=lambda: self.complaint(pool, instance) is not None,
            )
        except TurnTakenError as error:
            _LOG.warning("%s is not restarted yet: %s", instance.name, error)
            return
        if back is None:
            return
        now = time.monotonic()
        record.tries += 1
        record.next_try = now + pause_after(heal, record.tries)
        if back:
            record.well_at, record.shunned = now, 0.0


def pause_after(heal: Heal, tries: int) -> float:
    """Seconds until the next restart, after so many that did not help for long."""
    return min(heal.longest, heal.pause * 2.0 ** (tries - 1))
