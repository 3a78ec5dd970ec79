"""Scheduled restarts: all instances of a pool, one after the other, while the others serve."""

from __future__ import annotations

import asyncio
import logging
import time

from keeper.pools import Instance, Pool, PoolsFile
from keeper.restarts import Restarts
from keeper.turns import TurnTakenError, Urgency
from keeper.watch import Watch

_LOG = logging.getLogger("keeper.rolls")

HOLDER = "the schedule"
PATIENCE = 600.0
"""Seconds that an instance's restart waits for another instance to serve meanwhile, and for the pool's turn."""
LOOK_EVERY = 1.0


class Rolls:
    """At most one a pool at a time."""

    def __init__(self, pools: PoolsFile, watch: Watch, restarts: Restarts) -> None:
        self._pools = pools
        self._watch = watch
        self._restarts = restarts
        self._rolling: dict[str, asyncio.Task[None]] = {}
        self.problems: dict[str, str] = {}
        """How the last roll of a pool ended, where it did not end well."""

    def rolling(self, pool: str) -> bool:
        return pool in self._rolling

    def begin(self, pool: Pool, why: str) -> None:
        """Begins to restart a pool's instances, unless that is going on already."""
        if pool.name in self._rolling:
            self._end(pool.name, "it was due again before it was through; that one is left out")
            return
        task = asyncio.create_task(self._roll(pool.name, why))
        self._rolling[pool.name] = task
        task.add_done_callback(lambda done: self._done(pool.name, done))

    def _done(self, pool: str, task: asyncio.Task[None]) -> None:
        del self._rolling[pool]
        if not task.cancelled() and (error := task.exception()):
            _LOG.error("%s: the restart of its instances failed", pool, exc_info=error)

    async def _roll(self, name: str, why: str) -> None:
        began = time.monotonic()
        self.problems.pop(name, None)
        _LOG.info("%s: its instances are restarted one by one: %s", name, why)
        pool = self._pools.fleet.pool(name)
        for number, planned in enumerate(pool.instances if pool else ()):
            # The plan may have changed since the one before.
            pool = self._pools.fleet.pool(name)
            instance = pool.instance(planned.name) if pool else None
            if pool and instance and not await self._one(pool, instance, why):
                left = ", ".join(each.name for each in pool.instances[number + 1 :]) or "none"
                self._end(name, f"{instance.name} did not come back; left as they are: {left}")
                return
        _LOG.info("%s: the restart took %.0f s", name, time.monotonic() - began)

    async def _one(self, pool: Pool, instance: Instance, why: str) -> bool:
        """Whether the next one may go: not after one that served, and does not any more."""
        if not await self._others_serve(pool, instance):
            self._end(pool.name, f"{instance.name} was left out: no other instance serves, so it stays")
            return True
        served = instance.name in self._watch.serving(pool)
        try:
            back = await self._restarts.restart(
                pool,
                instance,
                "scheduled",
                why,
                holder=HOLDER,
                urgency=Urgency.scheduled,
                within=pool.drain,
                stop=pool.stop,
                patience=PATIENCE,
                still=lambda: self._serves_without(pool, instance),
            )
        except TurnTakenError as error:
            self._end(pool.name, f"{instance.name} was left out: {error}")
            return True
        if back is None:
            self._end(pool.name, f"{instance.name} was left out: no other instance serves any more")
        return back is not False or not served

    def _serves_without(self, pool: Pool, instance: Instance) -> bool:
        return len(pool.instances) == 1 or bool(self._watch.serving(pool) - {instance.name})

    async def _others_serve(self, pool: Pool, instance: Instance) -> bool:
        deadline = time.monotonic() + PATIENCE
        while not self._serves_without(pool, instance):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return True

    def _end(self, pool: str, problem: str) -> None:
        _LOG.error("%s: the scheduled restart: %s", pool, problem)
        self.problems[pool] = problem
