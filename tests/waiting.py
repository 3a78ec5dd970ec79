"""Waiting for something, and what may not take longer."""

import time
from collections.abc import Callable

import pytest


class TooSlowError(AssertionError):
    """It took longer than it may."""


measured_again = pytest.mark.flaky(reruns=4, only_rerun=["TooSlowError"])
"""For tests of how long something takes. A machine that does other things too makes it longer, never shorter: what
holds in one of five tries holds. What is lost or wrong is so at the first try."""


def in_time(took: float, limit: float) -> float:
    """What it took, in seconds. Raises TooSlowError where that is over the limit."""
    if took > limit:
        raise TooSlowError(f"it took {took:.3f} s, {limit:g} s at most")
    return took


def wait_for(holds: Callable[[], bool], seconds: float = 10, glance: float = 0.02) -> float:
    """Waits until something holds, looked at every so many seconds; how long that took. Raises TooSlowError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TooSlowError(f"did not come true within {seconds:g} s")
        time.sleep(glance)
    return time.monotonic() - began
