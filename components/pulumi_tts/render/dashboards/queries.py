"""What panels ask Prometheus, and how much of its answer is drawn."""

from dataclasses import dataclass

MOST = 32
"""Lines of one panel, at most: with more, nobody finds the one that it is about, and a browser is slow."""
LONGEST = 64
"""Rows of one table, at most."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a panel's."""

    expression: str
    name: str = ""
    """What it is called in the legend, in which `{{label}}` stands for a label's value; of a table, its column."""
    unit: str | None = None
    """Of its column, where that is another than the panel's."""
    limits: tuple[float, float] | None = None
    """From where on its column is to be looked at, and from where on it is bad."""


def most(series: str, lines: int, expression: str | None = None) -> str:
    """A series of each of so many pools or instances, or what ``expression`` makes of it; of more than can be drawn,
    those of which it was highest.

    In the whole time that is shown: `topk` alone chooses anew at each point, and so draws many more.
    """
    drawn = expression or series
    return drawn if lines <= MOST else f"({drawn}) and topk({MOST}, max_over_time({series}[$__range] @ end()))"
