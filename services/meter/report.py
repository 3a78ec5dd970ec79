"""Who used how much, of which days: what `python3 -m meter report` and `/usage` say."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from meter.ledger import COLUMNS, MICRO, Ledger, Used
from meter.plan import Plan

_DAYS = re.compile(r"([1-9][0-9]{0,3})d")
_HOUR = 3600
SINCE = "30d"


def day(text: str) -> date:
    """A day, as `2026-11-01`, or `30d`: the 30 days that end with today. Raises ValueError."""
    if days := _DAYS.fullmatch(text):
        return datetime.now(UTC).date() - timedelta(days=int(days[1]) - 1)
    return date.fromisoformat(text)


def report(ledger: Ledger, plan: Plan, since: date, until: date, by: str) -> dict[str, Any]:
    """Everything from one day on, before another one, by tenant, pool or route; days are UTC's."""
    rows: dict[str, tuple[Used, float | None]] = {}
    # Prices are those of pools.
    for (*names, pool), used in _by_pool(ledger, since, until, by):
        name = names[0] if names else pool
        amount, cost = rows.setdefault(name, (Used(), 0.0))
        amount += used
        rows[name] = (amount, _sum(cost, _cost(used, plan, pool)))
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "by": by,
        "currency": plan.currency,
        "rows": [{by: name, **_told(used), "cost": cost} for name, (used, cost) in sorted(rows.items())],
    }


def _by_pool(ledger: Ledger, since: date, until: date, by: str) -> list[tuple[tuple[str, ...], Used]]:
    found = list(ledger.between(since.isoformat(), until.isoformat(), {by, "pool"}))
    # A route's pool stands before it.
    return [((names[1], names[0]), used) if by == "route" else (names, used) for names, used in found]


def _cost(used: Used, plan: Plan, pool: str) -> float | None:
    """None where cards were used that have no price."""
    price = plan.pools[pool].price if pool in plan.pools else None
    if price is None:
        return None if used.gpu else 0.0
    return used.gpu / MICRO / _HOUR * price


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _told(used: Used) -> dict[str, Any]:
    return {
        "requests": used.requests,
        "audio_seconds": used.audio / MICRO,
        "busy_seconds": used.busy / MICRO,
        "gpu_seconds": used.gpu / MICRO,
        "sent_bytes": used.sent,
    }


def tomorrow() -> date:
    """The first day that is not over."""
    return datetime.now(UTC).date() + timedelta(days=1)


def parser() -> argparse.ArgumentParser:
    """Of the words after `report`."""
    words = argparse.ArgumentParser(prog="python3 -m meter report")
    words.add_argument("--since", type=day, default=SINCE)
    words.add_argument("--until", type=day, default=tomorrow())
    words.add_argument("--by", choices=COLUMNS, default=COLUMNS[0])
    return words


def run(ledger: Ledger, plan: Plan, words: Sequence[str]) -> int:
    """Prints the report as JSON."""
    asked = parser().parse_args(words)
    print(json.dumps(report(ledger, plan, asked.since, asked.until, asked.by)))
    return 0
