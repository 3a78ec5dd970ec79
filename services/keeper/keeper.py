"""All parts of the keeper, and what each does by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from keeper.addresses import AddressBook, Resolver
from keeper.care import Care, holder_of
from keeper.commands import STATUS, TAKEN, UNKNOWN
from keeper.control import Answer, ControlServer, Request
from keeper.drains import Drains, UnknownInstanceError
from keeper.guard import Guard
from keeper.metrics import Metrics
from keeper.pools import Instance, Pool, PoolsFile
from keeper.restarts import History, Restarts
from keeper.rolls import HOLDER as SCHEDULE
from keeper.rolls import Rolls
from keeper.rotation import ENDPOINTS, Rotation, known_endpoints
from keeper.schedule import Timetable
from keeper.settings import Settings
from keeper.status import InstanceStatus, PoolStatus, Status
from keeper.turns import Lease, Turns, TurnTakenError
from keeper.watch import Watch

_LOG = logging.getLogger("keeper")

ROUND = 0.5
"""Seconds between two looks at the plan and at all addresses."""
QUESTIONS = 400
"""Names that are asked for in a second, at most: beyond 200 names, a round takes longer."""
WATCH_EVERY = 2.0
"""Seconds between two looks at what Docker and the guard say."""


class Keeper:
    def __init__(self, settings: Settings) -> None:
        run = settings.run
        self.metrics = Metrics()
        self.pools = PoolsFile(settings.files / "pools.json")
        self._book = AddressBook(known_endpoints(run / ENDPOINTS))
        self._rotation = Rotation(settings.files, run, self._book)
        self._turns = Turns(run / "leases.json", self._drain)
        guard = Guard(run)
        self._drains = Drains(self.pools, self._rotation, self._turns, guard)
        self._watch = Watch(guard, lambda: _token(settings.token))
        self._history = History(run / "restarts.json")
        restarts = Restarts(self._watch, self._drains, self._turns, self._history, self.metrics)
        self._care = Care(self._watch, restarts, self._turns)
        self._rolls = Rolls(self.pools, self._watch, restarts)
        self._timetable = Timetable(run / "schedule.json", self.metrics)
        self._resolver = Resolver()
        self._control = ControlServer(settings.control, self._handle)

    @property
    def problem(self) -> str | None:
        """Why Envoy may not have what it should; None where it has."""
        if self.pools.problem:
            return f"pools.json: {self.pools.problem}"
        return self._rotation.problem if self._rotation.published else "no address was looked for yet"

    def status(self) -> Status:
        """What is known now."""
        fleet = self.pools.fleet
        hosts = {f"host {host.name}" for host in fleet.hosts}
        sources: Mapping[str, str | None] = {
            "plan": self.problem,
            "addresses": "the resolver does not answer; last addresses stay" if self._book.silent else None,
            **{source: self._watch.problems.get(source) for source in ("guard", *sorted(hosts))},
        }
        return Status(fleet.stack, datetime.now(UTC), sources, tuple(self._pool_status(pool) for pool in fleet.pools))

    async def run(self) -> None:
        """Works until it is cancelled; what goes wrong in a way that is not foreseen ends it."""
        self._end_what_an_earlier_run_began()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_after_rotation())
            group.create_task(self._look_after_instances())
            group.create_task(self._control.run())

    # ---- what it does by itself

    async def _look_after_rotation(self) -> None:
        try:
            while True:
                began = time.monotonic()
                if self.pools.look():
                    self._rotation.take(self.pools.fleet)
                names = self._rotation.names()
                self._book.learn(await self._resolver.round(names))
                if self._rotation.published:
                    self._book.keep_only(names)
                self._turns.expire(self._is_planned)
                self._drain()
                self._rotation.publish()
                await asyncio.sleep(began + max(ROUND, len(names) / QUESTIONS) - time.monotonic())
        finally:
            self._resolver.close()

    async def _look_after_instances(self) -> None:
        while True:
            fleet = self.pools.fleet
            await self._watch.look(fleet)
            self._care.tend(fleet.pools)
            for pool in self._timetable.due(fleet, datetime.now(UTC)):
                self._rolls.begin(pool, "it was time")
            await asyncio.sleep(WATCH_EVERY)

    def _drain(self) -> None:
        self._rotation.drain(self._turns.out)

    def _is_planned(self, lease: Lease) -> bool:
        pool = self.pools.fleet.pool(lease.pool)
        # Before the first plan is read, nothing is known to be gone.
        return not self._rotation.published or (pool is not None and pool.instance(lease.instance) is not None)

    def _end_what_an_earlier_run_began(self) -> None:
        """What `pulumi up` has taken out stays out; what this program was at work on, nobody is any more."""
        for lease in self._turns.all:
            if lease.holder == SCHEDULE or lease.holder == holder_of(lease.instance):
                _LOG.error("%s: the keeper ended while it was out for %s", lease.instance, lease.holder)
                self._turns.give(lease.pool, lease.instance, lease.holder)
            if lease.holder == SCHEDULE:
                self._rolls.problems[lease.pool] = f"the keeper ended in the middle of it, with {lease.instance}"

    # ---- what it is asked

    async def _handle(self, request: Request) -> Answer:
        instance = request["instance"]
        waiting = {key: request[key] for key in ("within", "lease", "patience") if key in request}
        try:
            if request["do"] == "restore":
                return asdict(await self._drains.restore(instance, **waiting))
            return asdict(await self._drains.drain(instance, request["holder"], **waiting))
        except UnknownInstanceError as error:
            return {"note": str(error), STATUS: UNKNOWN}
        except TurnTakenError as error:
            by_hand = f"`docker exec {self.pools.fleet.stack}-keeper python3 -m keeper restore {error.held.instance}`"
            return {"drained": False, "note": f"{error}; {by_hand} puts it back", STATUS: TAKEN}

    # ---- what it says

    def _pool_status(self, pool: Pool) -> PoolStatus:
        restart, upcoming = pool.restart, self._timetable.next(pool.name)
        return PoolStatus(
            name=pool.name,
            slots=pool.slots,
            waiting=self._watch.waiting(pool),
            cron=restart.cron if restart else None,
            zone=restart.zone if restart else None,
            next_restart=upcoming.astimezone(ZoneInfo(restart.zone)) if restart and upcoming else None,
            restarting=self._rolls.rolling(pool.name),
            missed=self._timetable.missed_at(pool.name),
            problem=self._rolls.problems.get(pool.name),
            instances=tuple(self._instance_status(pool, instance) for instance in pool.instances),
        )

    def _instance_status(self, pool: Pool, instance: Instance) -> InstanceStatus:
        container, seen = self._watch.container(instance), self._watch.seen(pool, instance.name)
        lease = self._turns.lease(pool.name)
        unseen = None if "guard" in self._watch.problems else "is not known to the guard: it has no address"
        return InstanceStatus(
            name=instance.name,
            host=instance.host,
            serving=instance.name in self._watch.serving(pool),
            guard=seen.wrong if seen else unseen,
            docker=container.status if container else None,
            busy=seen.active if seen else None,
            out_for=lease.holder if lease and lease.instance == instance.name else None,
            complaint=self._care.complaint(pool, instance),
            restarts=self._care.tries(instance.name),
            gave_up=self._care.gave_up(instance.name),
            last_restart=self._history.last(instance.name),
        )


def _token(file: Path | None) -> str | None:
    return file.read_text().strip() if file else None
