"""How much is being made right now, so that a stop can wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Work:
    def __init__(self) -> None:
        self._running = 0
        self._idle_since = time.monotonic()

    @contextmanager
    def one(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._idle_since = time.monotonic()

    async def quiet(self, seconds: float) -> None:
        """Returns when nothing has run for that long from now on: long enough for what waits to be started,
        and for what is finished to reach its visitor."""
        begin = time.monotonic()
        while self._running or time.monotonic() - max(begin, self._idle_since) < seconds:
            await asyncio.sleep(0.1)
