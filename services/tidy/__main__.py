"""`python3 -m tidy`: looks at every directory again and again; `python3 -m tidy once`: looks once, and ends."""

import signal
import sys
import threading
import time

from tidy.limits import EVERY, YOUNG, limits_of
from tidy.tidying import tidy


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    over = threading.Event()
    # As the first process of its container it would ignore a stop.
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    # Comes when somebody opens a file while it is being removed, and would end the process.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    limits = limits_of()
    while True:
        for limit in limits:
            tidy(limit, time.time(), YOUNG, say)
        if sys.argv[1:] == ["once"] or over.wait(EVERY):
            return


if __name__ == "__main__":
    main()
