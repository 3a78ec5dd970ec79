"""Restarting one instance: out of rotation, stopped and started, healthy, back in rotation."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from keeper.drains import Drains
from keeper.engines import DockerError
from keeper.metrics import Metrics
from keeper.pools import Instance, Pool
from keeper.status import LastRestart
from keeper.turns import Turns, Urgency
from keeper.watch import Watch

_LOG = logging.getLogger("keeper.restarts")

Reason = Literal["scheduled", "sick", "itself"]
"""Whose restart it was: the schedule's, the care's for the sick, or nobody's: it ended, and Docker started it again."""

BACK_IN_ROTATION = 60.0
"""Seconds that the guard has to find an instance healthy that Docker calls so."""
LOOK_EVERY = 0.5


class History:
    """Each instance's last restart; on file in the shared folder, for the keeper that comes after this one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = _read(file)

    def last(self, instance: str) -> LastRestart | None:
        return self._last.get(instance)

    def add(self, instance: str, last: LastRestart) -> None:
        self._last[instance] = last
        part = self._file.with_name(f".{self._file.name}.part")
        part.write_text(json.dumps({name: asdict(each) for name, each in self._last.items()}))
        part.replace(self._file)


class Restarts:
    def __init__(self, watch: Watch, drains: Drains, turns: Turns, history: History, metrics: Metrics) -> None:
        self._watch = watch
        self._drains = drains
        self._turns = turns
        self._history = history
        self._metrics = metrics

    async def restart(
        self,
        pool: Pool,
        instance: Instance,
        reason: Reason,
        why: str,
        *,
        holder: str,
        urgency: Urgency,
        within: float,
        stop: float,
        patience: float,
        still: Callable[[], bool],
    ) -> bool | None:
        """Whether the instance came up again; None where it was not `still` wanted once it was its turn.

        It has `within` seconds to finish its requests, and `stop` seconds to end after that. Raises TurnTakenError
        where the pool's turn did not come within `patience` seconds.
        """
        lease = pool.stop + pool.startup + 2 * BACK_IN_ROTATION
        await self._turns.take(
            pool.name, instance.name, holder, lease=within + lease, patience=patience, urgency=urgency
        )
        began = time.monotonic()
        try:
            if not still():
                return None
            drained = await self._drains.drain(instance.name, holder, within=within, lease=lease)
            _LOG.info("%s is restarted: %s (%s requests are cut)", instance.name, why, drained.left or "no")
            problem = await self._restarted(pool, instance, stop)
            if problem is None:
                restored = await self._drains.restore(instance.name, within=BACK_IN_ROTATION, holder=holder)
                problem = None if restored.healthy else restored.note
        finally:
            self._turns.give(pool.name, instance.name, holder)
        took = round(time.monotonic() - began, 1)
        self._count(pool, instance, reason, LastRestart(_now(), why, problem, took))
        log = _LOG.error if problem else _LOG.info
        log("%s %s after %s s", instance.name, f"did not come back: {problem}," if problem else "is back", took)
        return problem is None

    def noticed(self, pool: Pool, instance: Instance, why: str) -> None:
        """A restart that was not this program's."""
        _LOG.warning("%s: %s", instance.name, why)
        self._count(pool, instance, "itself", LastRestart(_now(), why, None, 0.0))

    def _count(self, pool: Pool, instance: Instance, reason: Reason, last: LastRestart) -> None:
        self._history.add(instance.name, last)
        self._metrics.restarts.labels(pool.name, instance.name, reason, "failed" if last.problem else "back").inc()

    async def _restarted(self, pool: Pool, instance: Instance, stop: float) -> str | None:
        """Restarts its container and waits until Docker calls it healthy; what is wrong, if anything."""
        try:
            await self._watch.host(instance.host).restart(instance.name, stop)
        except DockerError as error:
            return str(error)
        deadline = time.monotonic() + pool.startup
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_EVERY)
            try:
                container = (await self._watch.host(instance.host).containers()).get(instance.name)
            except DockerError:
                continue
            if container and container.well:
                return None
            if container and container.health == "unhealthy":
                return f"Docker calls it unhealthy again: {container.status}"
        return f"Docker did not call it healthy within {pool.startup:.0f} s"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(file: Path) -> dict[str, LastRestart]:
    try:
        return {name: LastRestart(**each) for name, each in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _LOG.warning("%s is not a file of this program's: %s", file.name, error)
        return {}
