"""All parts of the keeper, and what each does by itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from keeper.addresses import AddressBook, Resolver
from keeper.commands import STATUS, TAKEN
from keeper.control import Answer, ControlServer, Request
from keeper.drains import Drains, UnknownInstanceError
from keeper.guard import Guard
from keeper.pools import PoolsFile
from keeper.rotation import ENDPOINTS, Rotation, known_endpoints
from keeper.settings import Settings
from keeper.turns import Lease, Turns, TurnTakenError

ROUND = 0.5
"""Seconds between two looks at the plan and at all addresses."""
QUESTIONS = 400
"""Names that are asked for in a second, at most: beyond 200 names, a round takes longer."""


class Keeper:
    def __init__(self, settings: Settings) -> None:
        run = settings.run
        self.pools = PoolsFile(settings.files / "pools.json")
        self.book = AddressBook(known_endpoints(run / ENDPOINTS))
        self.rotation = Rotation(settings.files, run, self.book)
        self.turns = Turns(run / "leases.json", self._drain)
        self.guard = Guard(run)
        self.drains = Drains(self.pools, self.rotation, self.turns, self.guard)
        self._resolver = Resolver()
        self._control = ControlServer(settings.control, self._handle)

    @property
    def problem(self) -> str | None:
        """Why Envoy may not have what it should; None where it has."""
        if self.pools.problem:
            return f"pools.json: {self.pools.problem}"
        return self.rotation.problem if self.rotation.published else "no address was looked for yet"

    async def run(self) -> None:
        """Works until it is cancelled; what goes wrong in a way that is not foreseen ends it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_after_rotation())
            group.create_task(self._control.run())

    async def _look_after_rotation(self) -> None:
        try:
            while True:
                began = time.monotonic()
                if self.pools.look():
                    self.rotation.take(self.pools.fleet)
                names = self.rotation.names()
                self.book.learn(await self._resolver.round(names))
                self.book.keep_only(names)
                self.turns.expire(self._is_planned)
                self._drain()
                self.rotation.publish()
                await asyncio.sleep(began + max(ROUND, len(names) / QUESTIONS) - time.monotonic())
        finally:
            self._resolver.close()

    def _drain(self) -> None:
        self.rotation.drain(self.turns.out)

    def _is_planned(self, lease: Lease) -> bool:
        pool = self.pools.fleet.pool(lease.pool)
        # Before the first plan is read, nothing is known to be gone.
        return not self.rotation.published or (pool is not None and pool.instance(lease.instance) is not None)

    async def _handle(self, request: Request) -> Answer:
        instance = request["instance"]
        waiting = {key: request[key] for key in ("within", "lease", "patience") if key in request}
        try:
            if request["do"] == "restore":
                return asdict(await self.drains.restore(instance, **waiting))
            return asdict(await self.drains.drain(instance, request["holder"], **waiting))
        except UnknownInstanceError as error:
            return {"unknown": True, "reason": str(error)}
        except TurnTakenError as error:
            return {"drained": False, "reason": str(error), STATUS: TAKEN}
