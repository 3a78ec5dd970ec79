"""When restarts are due: cron lines in their time zones, on a clock that may jump."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim

from keeper.metrics import Metrics
from keeper.pools import Fleet, Pool, Restart

_LOG = logging.getLogger("keeper.schedule")

LATE = timedelta(minutes=5)
"""How late a restart may begin; one that is due longer was missed."""
BACK = timedelta(days=1)
"""A clock that goes back by more than this was wrong before, and what was due is counted anew. By less: what has been
done does not come again."""


def next_run(restart: Restart, after: datetime) -> datetime:
    """The first time after `after` that a restart is due, in UTC.

    As Debian's cron has it: a time of day that the clock skips is made up for at once, one that comes twice is taken
    once, and steps through the hours are steps of real time.
    """
    return next(CronSim(restart.cron, after.astimezone(ZoneInfo(restart.zone)))).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """The next restart of a pool."""

    restart: Restart
    at: datetime


class Timetable:
    """The next restart of each pool, kept in the shared folder: so a keeper that was away knows what it missed."""

    def __init__(self, file: Path, metrics: Metrics) -> None:
        self._file = file
        self._due: dict[str, Due] = dict(_read(file))
        self._last: datetime | None = None
        self._missed: dict[str, datetime] = {}
        self._metrics = metrics

    def next(self, pool: str) -> datetime | None:
        """When a pool's instances are restarted next."""
        return self._due[pool].at if pool in self._due else None

    def missed_at(self, pool: str) -> datetime | None:
        """When a pool's last restart was due that did not take place."""
        return self._missed.get(pool)

    def due(self, fleet: Fleet, now: datetime) -> list[Pool]:
        """The pools whose restart begins now, each time only once. To be asked every few seconds."""
        before = dict(self._due)
        if self._last and now < self._last - BACK:
            _LOG.warning("the clock went back from %s: what is due is counted anew", self._last.isoformat())
            self._due = {}
        self._last = now
        begun = [pool for pool in fleet.pools if pool.restart and self._is_due(pool.name, pool.restart, now)]
        planned = {pool.name for pool in fleet.pools if pool.restart}
        self._due = {name: due for name, due in self._due.items() if name in planned}
        if self._due != before:
            self._keep()
        return begun

    def _is_due(self, pool: str, restart: Restart, now: datetime) -> bool:
        due = self._due.get(pool)
        if due and due.restart == restart and now < due.at:
            return False
        self._due[pool] = Due(restart, next_run(restart, now))
        if not due or due.restart != restart:
            return False
        if now - due.at <= LATE:
            return True
        self._missed[pool] = due.at
        self._metrics.missed.labels(pool).inc()
        _LOG.error(
            "the restart of %s at %s was missed, and is not made up for; the next is at %s",
            *(pool, due.at.isoformat(), self._due[pool].at.isoformat()),
        )
        return False

    def _keep(self) -> None:
        text = {
            pool: {"cron": due.restart.cron, "zone": due.restart.zone, "at": due.at.isoformat()}
            for pool, due in self._due.items()
        }
        part = self._file.with_name(f".{self._file.name}.part")
        part.write_text(json.dumps(text))
        part.replace(self._file)


def _read(file: Path) -> Iterator[tuple[str, Due]]:
    try:
        for pool, raw in json.loads(file.read_text()).items():
            yield pool, Due(Restart(raw["cron"], raw["zone"]), datetime.fromisoformat(raw["at"]))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _LOG.warning("%s is not a file of this program's: %s", file.name, error)
