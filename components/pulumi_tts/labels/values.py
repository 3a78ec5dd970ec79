"""The values of labels, as Go's parsers take them."""

import re
from collections.abc import Callable

_BOOLS = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
_DURATION = re.compile(r"[-+]?([0-9]+|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")

_WANTED: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "bool": (lambda value: value in _BOOLS, "neither true nor false", "Write true or false"),
    "int": (lambda value: bool(_INT.fullmatch(value)), "not a whole number", "Write one, as in 10"),
    "float": (lambda value: bool(_FLOAT.fullmatch(value)), "not a number", "Write one, as in 0.5"),
    "duration": (
        lambda value: bool(_DURATION.fullmatch(value)),
        "not a duration",
        "Write seconds, or numbers with ms, s, m or h, as in 1m30s",
    ),
}


def wrong_value(kind: str, value: str) -> tuple[str, str] | None:
    """Why a value is not of the kind that is wanted, and what would be right; nothing if it is."""
    if kind not in _WANTED:
        return None
    right, reason, remedy = _WANTED[kind]
    return None if right(value) else (f"{value!r} is {reason}", remedy)
