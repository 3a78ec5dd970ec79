"""Waiting for something, and what may not take longer."""

import time
from collections.abc import Callable

import pytest


class TooSlowError(AssertionError):
    """It took longer than it may."""


measured_again = pytest.mark.flaky(reruns=2, only_rerun=["TooSlowError"])
"""For tests of how long something takes. A machine that does other things too makes it longer, never shorter: what
holds in one of three tries holds. What is lost or wrong is so at the first try."""


def in_time(took: float, limit: float) -> float:
    """What it took, in seconds. Raises TooSlowError where that is over the limit."""
    if took > limit:
        raise TooSlowError(f"it took {took:.3f} s, {limit:g} s at most")
    return took


def until(holds: Callable[[], bool], within: float, glance: float = 0.02) -> None:
    """Waits until something holds, and looks every so many seconds. Raises TooSlowError."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise TooSlowError(f"did not come true within {within:g} s")
        time.sleep(glance)
