"""Back-pressure: so many requests at once and no queue; one more is told when to come back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from voice.errors import SpeechError

_LONGEST_WAIT = 60
_WEIGHT = 0.3  # of the latest request in the running mean


class Slots:
    """For one event loop: not safe between threads."""

    def __init__(self, total: int, busy: Gauge) -> None:
        self.total = total
        self.busy = 0
        self._gauge = busy
        self._mean = 1.0

    @contextmanager
    def taken(self) -> Iterator[Callable[[], None]]:
        """Holds one slot, until the block ends or what it is given is called. Raises SpeechError (503, slots_full)
        where none is free."""
        if self.busy >= self.total:
            raise self._full()
        self._count(1)
        start = time.monotonic()
        held = True

        def free() -> None:
            nonlocal held
            if held:
                held = False
                self._count(-1)
                self._mean += _WEIGHT * (time.monotonic() - start - self._mean)

        try:
            yield free
        finally:
            free()

    def _count(self, change: int) -> None:
        self.busy += change
        self._gauge.set(self.busy)

    def _full(self) -> SpeechError:
        wait = min(_LONGEST_WAIT, max(1, math.ceil(self._mean / self.total)))
        message = (
            f"all {self.total} slots are speaking: come back in {wait} s (Retry-After). "
            "The instance is healthy; more instances or slots (VOICE_SLOTS) serve more at once."
        )
        headers = {"Retry-After": str(wait)}
        return SpeechError(message, code="slots_full", status=503, headers=headers)
