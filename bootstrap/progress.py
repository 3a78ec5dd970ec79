"""Steps so long that silence would be taken for a hang."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap.say import detail, duration, long_step

EVERY_SECONDS = 15.0


@contextmanager
def slow_step(line: str, every: float = EVERY_SECONDS) -> Iterator[None]:
    """A long step that says every so many seconds how long it has been at it."""
    ended = threading.Event()

    def tick() -> None:
        started = time.monotonic()
        while not ended.wait(every):
            detail(f"{duration(time.monotonic() - started)} so far")

    ticking = threading.Thread(target=tick, daemon=True)
    with long_step(line):
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()
