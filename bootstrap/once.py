"""Folders in the cache that are slow to make: made once, whole, whoever else is making them."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.say import detail

UNFINISHED = ".making-"


def make_once(folder: Path, make: Callable[[Path], None]) -> None:
    """Have `folder`, which `make` fills under another name: until it is whole it does not exist.

    Waits where another process is at it. Raises what `make` raises, and leaves nothing then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.parent / "lock"):
        if folder.is_dir():
            return
        for left_by_a_killed_process in folder.parent.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left_by_a_killed_process)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder.parent) as unfinished:
            making = Path(unfinished) / folder.name
            making.mkdir()
            make(making)
            making.rename(folder)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock among processes; the system lets go of it however this one ends."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            detail(f"waiting for another process, which is filling {lock.parent}")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
