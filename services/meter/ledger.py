"""What was counted, and how far each log was read for it: both in one transaction, so that nothing counts twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from meter.logfile import Mark

NAME = "usage.db"
TENANT, POOL, ROUTE = COLUMNS = ("tenant", "pool", "route")
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """Who used what, by which way."""

    tenant: str
    pool: str
    route: str


@dataclass(slots=True)
class Used:
    """How much; times in microseconds, whole ones, so that sums do not depend on their order."""

    requests: int = 0
    audio: int = 0
    busy: int = 0
    gpu: int = 0
    sent: int = 0

    def __iadd__(self, other: Used) -> Used:
        for each in fields(Used):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self


_AMOUNTS = tuple(each.name for each in fields(Used))
_NUMBERS = ", ".join(f"{name} INTEGER NOT NULL" for name in _AMOUNTS)
_KEYS = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS days (day TEXT NOT NULL, {_KEYS}, {_NUMBERS}, PRIMARY KEY (day, {", ".join(COLUMNS)}))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals ({_KEYS}, {_NUMBERS}, PRIMARY KEY ({", ".join(COLUMNS)})) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (log TEXT PRIMARY KEY, file TEXT NOT NULL, at INTEGER NOT NULL,
    damaged INTEGER NOT NULL);
"""
_MORE = ", ".join(f"{name} = {name} + excluded.{name}" for name in _AMOUNTS)


def _adding(table: str, keys: Sequence[str]) -> str:
    columns = (*keys, *_AMOUNTS)
    places = ", ".join("?" * len(columns))
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) "  # noqa: S608  names of our own
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {_MORE}"
    )


_ADD_DAY, _ADD_TOTAL = _adding("days", ("day", *COLUMNS)), _adding("totals", COLUMNS)
_SUMS = ", ".join(f"SUM({name})" for name in _AMOUNTS)


class Ledger:
    """One file of SQLite's; a Ledger is used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / NAME, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A line is freed from its log once it is here; so what is here is on the disk.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def add(self, log: str, mark: Mark, used: Mapping[tuple[str, Key], Used], damaged: int = 0) -> None:
        """Counts what a log said up to a mark, by day and key, and how many of its lines could not be read."""
        days = [(day, *astuple(key), *astuple(amount)) for (day, key), amount in used.items()]
        with self._db:
            self._db.executemany(_ADD_DAY, days)
            self._db.executemany(_ADD_TOTAL, [each[1:] for each in days])
            self._db.execute(
                "INSERT INTO logs VALUES (?, ?, ?, ?) ON CONFLICT (log) DO UPDATE "
                "SET file = excluded.file, at = excluded.at, damaged = damaged + excluded.damaged",
                (log, mark.file, mark.offset, damaged),
            )

    def forget(self, before: str) -> None:
        """Forgets who used what on days before one; what was used in all stays."""
        with self._db:
            self._db.execute("DELETE FROM days WHERE day < ?", (before,))

    def mark(self, log: str) -> Mark:
        """How far a log was read."""
        found = self._db.execute("SELECT file, at FROM logs WHERE log = ?", (log,)).fetchone()
        return Mark(*found) if found else Mark()

    def damaged(self, log: str) -> int:
        """How many of a log's lines could not be read."""
        found = self._db.execute("SELECT damaged FROM logs WHERE log = ?", (log,)).fetchone()
        return int(found[0]) if found else 0

    def totals(self) -> Iterator[tuple[Key, Used]]:
        """What was used since the first day, forgotten ones included."""
        for row in self._db.execute(f"SELECT {', '.join((*COLUMNS, *_AMOUNTS))} FROM totals"):  # noqa: S608
            yield Key(*row[:3]), Used(*row[3:])

    def between(self, since: str, until: str, by: Iterable[str]) -> Iterator[tuple[tuple[str, ...], Used]]:
        """What was used from one day on, before another one, by some of COLUMNS."""
        columns = [name for name in COLUMNS if name in set(by)]
        keys = ", ".join(columns)
        told = f"SELECT {keys}, {_SUMS} FROM days WHERE day >= ? AND day < ? GROUP BY {keys} ORDER BY {keys}"  # noqa: S608
        for row in self._db.execute(told, (since, until)):
            yield tuple(row[: len(columns)]), Used(*row[len(columns) :])

    def close(self) -> None:
        self._db.close()
