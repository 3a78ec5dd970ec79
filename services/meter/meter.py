"""Counts what the logs of edge and guard say, a little later than they say it."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from meter.counting import Names, counted
from meter.ledger import Ledger
from meter.lines import DamagedLineError, Request, in_the_guards_words, of_edge, of_guard, parsed
from meter.logfile import LogFile, Mark
from meter.plan import Plan, PlanFile
from meter.settings import Settings

_LOG = logging.getLogger("meter")

LOGS = ("guard", "edge")
"""Whose requests are counted, each by its own log: `<name>.log`."""
LATE = 30.0
"""Seconds without having looked after which something is wrong."""

Line = Mapping[str, Any]


class Meter:
    def __init__(self, settings: Settings) -> None:
        self._plan_file = PlanFile(settings.plan)
        self._ledger = Ledger(settings.data)
        self._names = Names(key for key, _ in self._ledger.totals())
        self.files = {log: LogFile(settings.logs / f"{log}.log") for log in LOGS}
        self._forgotten: date | None = None
        self._looked = time.monotonic()

    @property
    def problem(self) -> str | None:
        """Why nothing is counted; None where it is."""
        if self._plan_file.problem:
            return f"meter.json: {self._plan_file.problem}"
        silent = time.monotonic() - self._looked
        return f"the logs were not looked at for {silent:.0f} s" if silent > LATE else None

    @property
    def plan(self) -> Plan:
        return self._plan_file.plan or Plan()

    def look(self) -> bool:
        """Counts some of what is there; whether there was any. Before the first plan, all of it stays where it is."""
        self._plan_file.look()
        plan = self._plan_file.plan
        self._looked = time.monotonic()
        if plan is None:
            return False
        self._forget(plan)
        found = [self._count(log, plan) for log in LOGS]
        return any(found)

    def _count(self, log: str, plan: Plan) -> bool:
        file, before = self.files[log], self._ledger.mark(log)
        raw, mark = file.read(before)
        if mark == before:
            return False
        lines, damaged = _each(raw, parsed)
        reading: Callable[[Line], Request | None] = of_guard if log == "guard" else lambda line: of_edge(line, plan)
        requests, unknown = _each(lines, reading)
        used = counted((request for request in requests if request), plan, self._names)
        self._ledger.add(log, mark, used, damaged + unknown)
        if log == "edge":
            _pass_on(lines)
        self._free(log, file, mark)
        return True

    def _free(self, log: str, file: LogFile, mark: Mark) -> None:
        could = file.cannot_free is None
        file.free(mark)
        if could and file.cannot_free:
            _LOG.error(
                "%s.log takes ever more room: its file system frees no part of a file (%s)", log, file.cannot_free
            )

    def _forget(self, plan: Plan) -> None:
        today = datetime.now(UTC).date()
        if self._forgotten != today:
            self._ledger.forget((today - timedelta(days=plan.keep)).isoformat())
            self._forgotten = today


def _each(items: list[Any], reading: Callable[[Any], Any]) -> tuple[list[Any], int]:
    """What is made of each, and how many were damaged."""
    read, damaged = [], 0
    for item in items:
        try:
            read.append(reading(item))
        except DamagedLineError as error:
            damaged += 1
            _LOG.warning("a line that cannot be read: %s", error)
    return read, damaged


def _pass_on(lines: list[Line]) -> None:
    """What the edge said goes on to where it would have said it, had it not written it into a file."""
    said = "".join(json.dumps(in_the_guards_words(line), ensure_ascii=False) + "\n" for line in lines)
    sys.stdout.write(said)
    sys.stdout.flush()
