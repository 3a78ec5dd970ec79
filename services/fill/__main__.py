"""`python3 -m fill`: fetches what the variable `FILL` says; `python3 -m fill verify`: reads all of it again.

Its lines are for people. The last line of a run that failed begins with `failed:`, and the exit status is 1.
"""

import os
import signal
import sys
import time
from pathlib import Path

from fill.errors import FillError
from fill.fetch import arrived, fetch_all
from fill.job import FOLDER, Job, job_of
from fill.manifest import is_filled, verified, write_manifest
from fill.progress import progress
from fill.sources import wanted_files


def say(line: str) -> None:
    print(line, flush=True)


def fill(job: Job, folder: Path) -> None:
    """Has everything of the job in the folder, and says so. Raises FillError if that cannot be."""
    if is_filled(job, folder):
        say(f"{job.called} is there")
        return
    files = wanted_files(job)
    sizes = [wanted.size for wanted in files]
    total = 0 if None in sizes else sum(size or 0 for size in sizes)
    there = arrived(files, folder)
    continued = f", of which {there / 1e6:.0f} MB are there" if there else ""
    say(f"fetching {job.called}: {len(files)} files{f', {total / 1e6:.0f} MB' if total else ''}{continued}")
    started = time.monotonic()
    with progress(total, lambda: arrived(files, folder), say):
        fetch_all(files, folder)
    write_manifest(job, [wanted.path for wanted in files], folder)
    took = time.monotonic() - started
    size = arrived(files, folder) / 1e6
    say(f"{job.called} is there: {len(files)} files, {size:.0f} MB in {took:.0f} s, as published")


def main() -> int:
    # As the first process of its container it would ignore a stop; what has arrived is continued the next time.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    os.umask(0o022)  # engines read the files as users of their own
    try:
        if sys.argv[1:] == ["verify"]:
            say(f"{verified(FOLDER)} files are what was fetched")
        else:
            fill(job_of(), FOLDER)
    except FillError as error:
        say(f"failed: {error}")
        return 1
    except OSError as error:
        say(f"failed: the volume cannot be written: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
