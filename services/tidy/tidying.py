"""One look at a directory: what is too old, or too much, goes, oldest first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import nsmallest

from tidy.files import File, files_below, remove
from tidy.limits import Limit

AT_ONCE = 10_000
"""How many files are held in memory; where there are more, the oldest go first, and then the next."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to."""

    removed: int
    left: int
    """Bytes."""
    more: bool
    """Whether there may be more to remove at once."""


def tidy(limit: Limit, now: float, young: float, say: Callable[[str], None]) -> None:
    """Brings a directory within its limit, as far as files are neither young nor open, and says what it did."""
    while True:
        looked = _look(limit, now, young, say)
        if not looked.more:
            break
    if limit.size is not None and looked.left > limit.size:
        over = _megabytes(looked.left - limit.size)
        say(f"{limit.folder.name}: {over} more than its limit stay: they are too young, or open")


def _look(limit: Limit, now: float, young: float, say: Callable[[str], None]) -> Looked:
    total = _Total()
    oldest = nsmallest(AT_ONCE, total.counted(files_below(limit.folder)))
    removed = 0
    for file in oldest:
        reason = _reason(file, limit, now, total.bytes)
        if now - file.changed < young or reason is None:
            return Looked(removed, total.bytes, more=False)
        kept = remove(limit.folder, file)
        what = f"{file.path} ({_megabytes(file.size)}, {(now - file.changed) / 86_400:.1f} days)"
        if kept:
            say(f"{limit.folder.name}: kept {what}: it {kept}")
            continue
        removed += 1
        total.bytes -= file.size if file.links == 1 else 0
        say(f"{limit.folder.name}: removed {what}: {reason}")
    return Looked(removed, total.bytes, more=removed > 0 and len(oldest) == AT_ONCE)


class _Total:
    """What all files take together; one with several names counts once."""

    def __init__(self) -> None:
        self.bytes = 0

    def counted(self, files: Iterator[File]) -> Iterator[File]:
        seen: set[int] = set()
        for file in files:
            if file.links == 1 or file.inode not in seen:
                self.bytes += file.size
            if file.links > 1:
                seen.add(file.inode)
            yield file


def _reason(file: File, limit: Limit, now: float, total: int) -> str | None:
    if limit.age is not None and now - file.changed > limit.age:
        return f"older than {limit.age / 86_400:g} days"
    if limit.size is not None and total > limit.size:
        return f"the oldest, and {_megabytes(total)} are more than {_megabytes(limit.size)}"
    return None


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
