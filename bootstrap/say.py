"""How the bootstrap talks: one line when something starts, one when something long has ended."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Problem(Exception):  # noqa: N818 - not an error of the program
    """Something a person has to put right: its text, shown without a traceback, says what and how."""


def say(line: str) -> None:
    """Print one step; flushed, so that it stands above the output of the command that follows it."""
    print(f"==> {line}", flush=True)


def detail(line: str) -> None:
    """Print one line that belongs to the step above it."""
    print(f"    {line}", flush=True)


def complain(problem: Problem) -> None:
    """Print to stderr what a person has to put right."""
    print(f"\n==> Stopped: {problem}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """How long something took, as a person would say it: `8 s`, `3 min 05 s`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@contextmanager
def long_step(line: str) -> Iterator[None]:
    """Say that something long starts, and how long it took once it has succeeded."""
    say(f"{line} …")
    started = time.monotonic()
    yield
    detail(f"done in {duration(time.monotonic() - started)}")
