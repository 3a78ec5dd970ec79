"""Who used how much, as people and programs read it."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

_AMOUNTS = ("requests", "audio_seconds", "busy_seconds", "gpu_seconds", "sent_bytes", "cost")
_HEADINGS = ("REQUESTS", "AUDIO S", "BUSY S", "GPU S", "SENT MB", "COST")
_MEGA = 1_000_000


def usage_json(report: Mapping[str, Any]) -> str:
    """The whole report: seconds and bytes as they were counted, ``cost`` null where a price is lacking."""
    return json.dumps(report, indent=2)


def usage_csv(report: Mapping[str, Any]) -> str:
    """A line for each row, after one with the columns' names; an empty cost where a price is lacking."""
    text = io.StringIO()
    columns = (report["by"], *_AMOUNTS, "currency", "since", "until")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    common = {"currency": report["currency"], "since": report["since"], "until": report["until"]}
    writer.writerows({**row, report["by"]: _harmless(row[report["by"]]), **common} for row in report["rows"])
    return text.getvalue().rstrip("\n")


def _harmless(name: str) -> str:
    """A name as a spreadsheet shows it, and does not compute it: a token's subject may be anything."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def usage_table(report: Mapping[str, Any]) -> str:
    """The same in columns as wide as they need, with a sum below; days are UTC's."""
    rows = report["rows"]
    until = f"before {report['until']}"
    if not rows:
        return f"Nothing was used since {report['since']}, {until}."
    total = {amount: _sum(row[amount] for row in rows) for amount in _AMOUNTS}
    currency = report["currency"]
    heading = (report["by"].upper(), *_HEADINGS[:-1], f"{_HEADINGS[-1]} {currency}")
    lines = [heading, *(_line(row[report["by"]], row) for row in rows), _line("all", total)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    padded = ("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)
    return "\n".join([*padded, f"Since {report['since']}, {until} (UTC)."])


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = list(amounts)
    return None if None in known else sum(amount for amount in known if amount is not None)


def _line(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    cost = row["cost"]
    return (
        name,
        str(row["requests"]),
        *(f"{row[column]:.1f}" for column in ("audio_seconds", "busy_seconds", "gpu_seconds")),
        f"{row['sent_bytes'] / _MEGA:.1f}",
        "-" if cost is None else f"{cost:.2f}",
    )
