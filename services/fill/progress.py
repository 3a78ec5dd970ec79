"""How far it is: a line at every tenth, and at least every minute."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK = 1.0
_SILENT_AT_MOST = 60.0
_STEP = 10  # percent


class Steps:
    """Decides when a line is due."""

    def __init__(self, now: float) -> None:
        self._said_at = now
        self._percent = 0

    def due(self, percent: int, now: float) -> bool:
        """Whether to say how far it is; if so, it counts as said."""
        if percent < self._percent + _STEP and now - self._said_at < _SILENT_AT_MOST:
            return False
        self._percent, self._said_at = percent - percent % _STEP, now
        return True


@contextmanager
def progress(total: int, arrived: Callable[[], int], say: Callable[[str], None]) -> Iterator[None]:
    """Says meanwhile how much of ``total`` bytes has arrived; 0 where only the servers know."""
    started, before = time.monotonic(), arrived()
    steps, over = Steps(started), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK):
            now, there = time.monotonic(), arrived()
            if steps.due(100 * there // total if total else 0, now):
                of_total = f" of {total / 1e6:.0f} MB ({100 * there // total} %)" if total else " MB"
                speed = (there - before) / 1e6 / (now - started)
                say(f"{there / 1e6:.0f}{of_total}, {speed:.1f} MB/s")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
