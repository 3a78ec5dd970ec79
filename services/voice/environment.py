"""Reading settings from environment variables: every wrong value is reported, none is guessed around."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class SettingsError(Exception):
    """Everything that is wrong with the environment, one line each."""


class Reader:
    """Collects what is wrong until `finish`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def read(self, variable: str, fallback: T, parse: Callable[[str], T], expected: str) -> T:
        """The variable's value; `fallback` where it is absent, empty or (a problem) not what is expected."""
        raw = self._environment.get(variable, "").strip()
        if not raw:
            return fallback
        try:
            return parse(raw)
        except ValueError:
            self._problems.append(f"{variable}={raw!r} should be {expected}; the default is {fallback!s}")
            return fallback

    def finish(self) -> None:
        """Raises SettingsError where anything was wrong."""
        if self._problems:
            raise SettingsError("\n".join(self._problems))


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from low to high."""

    def parse(raw: str) -> int:
        value = int(raw)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A parser of numbers from low to high."""

    def parse(raw: str) -> float:
        value = float(raw)
        if not low <= value <= high:  # also false for NaN
            raise ValueError
        return value

    return parse


def yes_or_no(raw: str) -> bool:
    if raw.lower() not in _TRUE | _FALSE:
        raise ValueError
    return raw.lower() in _TRUE


LONGEST_NAME = 63


def name(raw: str) -> str:
    """A name that is safe in a header, a page and a log line."""
    if len(raw) > LONGEST_NAME or not all(c.isascii() and (c.isalnum() or c in "._-") for c in raw):
        raise ValueError
    return raw
