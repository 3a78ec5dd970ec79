"""Files below a directory: found without following any link, and removed only if nobody has them open.

An engine writes here meanwhile, and a request may have told it what to write. So nothing is reached by its path: each
directory on the way is opened from the one above it, and links are never followed.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 512  # the unit of st_blocks, whatever the file system's own is
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file as it was found; the one changed longest ago is the smallest."""

    changed: float
    """When it was written, or came here: seconds since 1970."""
    path: str
    """Below the directory."""
    size: int
    """What it takes of the disk, in bytes."""
    inode: int
    links: int
    """How many names it has; with more than one, removing this one frees nothing."""


def files_below(folder: Path) -> Iterator[File]:
    """Every regular file; what vanishes meanwhile, or may not be read, is left out."""
    for where, _, names, at in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            try:
                found = os.stat(name, dir_fd=at, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                path = os.path.relpath(f"{where}/{name}", folder)
                yield _file(path, found)


def remove(folder: Path, file: File) -> str | None:
    """Removes a file if it is still the one that was found and nobody has it open; else the reason why it stays."""
    *folders, name = file.path.split("/")
    with ExitStack() as opened:
        try:
            at = _opened(opened, str(folder), None, _FOLDER)
            for each in folders:
                at = _opened(opened, each, at, _FOLDER)
            descriptor = _opened(opened, name, at, _FILE)
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        if _file(file.path, os.fstat(descriptor)) != file:
            return "has changed meanwhile"
        # The kernel gives a lease for writing only while no other process, in no container, has the file open.
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except BlockingIOError:
            return "is open"
        except OSError as error:
            return f"may be open, which this file system does not tell: {error.strerror}"
        try:
            os.unlink(name, dir_fd=at)
        except OSError as error:
            return f"cannot be removed: {error.strerror}"
    return None


def _opened(opened: ExitStack, name: str, at: int | None, flags: int) -> int:
    descriptor = os.open(name, flags, dir_fd=at)
    opened.callback(os.close, descriptor)
    return descriptor


def _file(path: str, found: os.stat_result) -> File:
    # A copy may keep the time at which its original was written; that it came here changed its other time.
    changed = max(found.st_mtime, found.st_ctime)
    return File(changed, path, found.st_blocks * _BLOCK, found.st_ino, found.st_nlink)
