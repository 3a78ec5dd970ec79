"""Taking an instance out of rotation and back into it: for `pulumi up`, for a schedule, and for the sick."""

from __future__ import annotations

import asyncio
import difflib
import time
from dataclasses import dataclass

from keeper.guard import Guard, GuardSilentError, Seen
from keeper.pools import Pool, PoolsFile
from keeper.rotation import Rotation
from keeper.turns import Turns, Urgency

LOOK_EVERY = 0.1
QUIET = 2
"""Looks in a row that must find nothing: a request that has just left the queue is for a moment nowhere."""
IDLE = 1.0
"""Seconds without a request after which a connection that is open is taken for one that is merely kept."""

FORGETS = 3.0
"""Seconds that the guard has to forget an instance that is in no file any more; it takes some milliseconds."""


class UnknownInstanceError(Exception):
    """No pool has, or had, an instance of that name."""


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain went."""

    drained: bool
    """Whether nothing is under way to the instance any more."""
    waited: float
    left: int | None
    """Requests that are still under way; None where the guard does not say how many."""
    others: int | None
    """Other instances of the pool that the guard sends requests to; 0: this was the last."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """How putting an instance back went."""

    restored: bool
    """Whether it is in rotation; False where another has it out by now."""
    healthy: bool
    """Whether the guard found it healthy."""
    waited: float
    note: str | None = None


class Drains:
    def __init__(self, pools: PoolsFile, rotation: Rotation, turns: Turns, guard: Guard) -> None:
        self._pools = pools
        self._rotation = rotation
        self._turns = turns
        self._guard = guard

    async def drain(
        self,
        instance: str,
        holder: str,
        *,
        within: float | None = None,
        lease: float | None = None,
        patience: float | None = None,
        urgency: Urgency = Urgency.asked,
    ) -> Drained:
        """Takes an instance out of rotation; returns when nothing is under way to it, or `within` seconds are over: by
        default the pool's drain time.

        It stays out for `lease` seconds after that: by default for five minutes and as long as one start takes.
        While another instance of the pool is out, this waits for up to `patience` seconds: by default as long as a
        restart of that one may take. Raises TurnTakenError, or UnknownInstanceError.
        """
        began = time.monotonic()
        pool = self._pools.fleet.pool_of(instance)
        if not pool:
            return await self._leaving(instance, within)
        within = pool.drain if within is None else within
        lasting = pool.startup + 300 if lease is None else lease
        taken = await self._turns.take(
            pool.name,
            instance,
            holder,
            lease=within + lasting,
            patience=pool.drain + pool.stop + pool.startup + 120 if patience is None else patience,
            urgency=urgency,
        )
        try:
            left = await self._at_rest(pool, instance, within)
            others = await self._others(pool, instance)
        except asyncio.CancelledError:
            self._turns.give(pool.name, instance, holder)
            raise
        self._turns.extend(taken, lasting)
        return Drained(left == 0, _since(began), left, others, "the guard does not answer" if left is None else None)

    async def restore(self, instance: str, *, within: float = 60.0, holder: str | None = None) -> Restored:
        """Puts an instance back into rotation, as soon as the guard finds it healthy or `within` seconds are over;
        returns when the guard sends it requests, at best, or another has taken it out.

        What is not out for `holder` stays as it is; by default, whoever has it out. Raises UnknownInstanceError.
        """
        began = time.monotonic()
        pool = self._pools.fleet.pool_of(instance)
        if not pool:
            raise self._unknown(instance)
        out_for = self._out_for(pool, instance)
        wrong: str | None = None
        if out_for and holder in (None, out_for):
            await self._forgotten(pool, instance)
            wrong = await self._becomes(pool, instance, within, out_for)
            self._turns.give(pool.name, instance, out_for)
        if not self._out_for(pool, instance):
            wrong = await self._becomes(pool, instance, max(1.0, began + within - time.monotonic()), None)
        if taken := self._out_for(pool, instance):
            return Restored(False, wrong is None, _since(began), wrong or f"it is out of rotation for {taken}")
        return Restored(True, wrong is None, _since(began), wrong)

    def _out_for(self, pool: Pool, instance: str) -> str | None:
        lease = self._turns.lease(pool.name)
        return lease.holder if lease and lease.instance == instance else None

    async def _leaving(self, instance: str, within: float | None) -> Drained:
        """An instance that is no longer in its pool's plan is out of rotation already, and needs no turn."""
        began = time.monotonic()
        pool_name = self._rotation.pool_left_by(instance)
        if not pool_name:
            raise self._unknown(instance)
        pool = self._pools.fleet.pool(pool_name)
        if not pool:
            return Drained(True, 0.0, 0, 0, f"the pool {pool_name!r} is no longer in the plan")
        left = await self._at_rest(pool, instance, pool.drain if within is None else within)
        others = await self._others(pool, instance)
        return Drained(left == 0, _since(began), left, others, "it is no longer in its pool's plan")

    async def _at_rest(self, pool: Pool, instance: str, within: float) -> int | None:
        """Waits until nothing is under way; how many requests are, at the end, or None where that is not known."""
        deadline = time.monotonic() + within
        quiet, idle_since = 0, None
        left: int | None = None
        while True:
            try:
                seen = (await self._guard.look(pool.cluster)).get(pool.cluster, {}).get(instance)
            except GuardSilentError:
                quiet, idle_since, left = 0, None, None
            else:
                left = seen.active + seen.waiting if seen else 0
                out = seen is None or seen.draining
                idle_since = (idle_since or time.monotonic()) if out and not left else None
                quiet = quiet + 1 if out and (seen is None or seen.at_rest) else 0
                if quiet >= QUIET or (idle_since and time.monotonic() - idle_since >= IDLE):
                    return 0
            if time.monotonic() >= deadline:
                return left
            await asyncio.sleep(LOOK_EVERY)

    async def _forgotten(self, pool: Pool, instance: str) -> None:
        """Has the guard forget what it holds against an instance: an ejection lasts for minutes, and the next container
        may have the same address."""
        deadline = time.monotonic() + FORGETS
        with self._rotation.without(instance):
            while time.monotonic() < deadline:
                try:
                    if instance not in (await self._guard.look(pool.cluster)).get(pool.cluster, {}):
                        return
                except GuardSilentError:
                    return
                await asyncio.sleep(LOOK_EVERY)

    async def _becomes(self, pool: Pool, instance: str, within: float, out_for: str | None) -> str | None:
        """Waits until the guard finds an instance healthy, for as long as it is out for the same holder, or for nobody;
        what is wrong where the time is over before that."""
        deadline = time.monotonic() + within
        while True:
            try:
                seen = (await self._guard.look(pool.cluster)).get(pool.cluster, {}).get(instance)
                wrong = _not_ready(seen, draining=out_for is not None)
            except GuardSilentError as error:
                wrong = str(error)
            if self._out_for(pool, instance) != out_for:
                return None
            if wrong is None or time.monotonic() >= deadline:
                return wrong
            await asyncio.sleep(LOOK_EVERY)

    async def _others(self, pool: Pool, instance: str) -> int | None:
        try:
            seen = (await self._guard.look(pool.cluster)).get(pool.cluster, {})
        except GuardSilentError:
            return None
        return sum(name != instance and not (each.wrong or each.draining) for name, each in seen.items())

    def _unknown(self, instance: str) -> UnknownInstanceError:
        known = [each.name for pool in self._pools.fleet.pools for each in pool.instances]
        near = difflib.get_close_matches(instance, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known)) or 'none'}"
        return UnknownInstanceError(f"no pool has an instance {instance!r}; {hint}")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)


def _not_ready(seen: Seen | None, *, draining: bool) -> str | None:
    if seen is None:
        return "the guard does not know it: its address is not known"
    if seen.wrong:
        return f"it {seen.wrong}"
    return None if seen.draining == draining else "the guard has not read its endpoints yet"
