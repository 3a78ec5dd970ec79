"""A log that another program appends to: read on from a mark, and freed of what was read.

Nothing is renamed and nobody is told to reopen anything, so no line can fall between two files: what was counted is
punched out of the file, whose end stays where its writer has it. Its size goes on growing, the room it takes does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BATCH = 1 << 20
"""Bytes that are read at once; no line is as long."""
STEP = 1 << 20
"""What was read is freed in pieces of so many bytes."""
KEPT = 8 << 20
"""Bytes that were read and stay, for whoever looks into the file."""

# linux/falloc.h
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read."""

    file: str = ""
    """Which: a number of a file is given again to another one once it is gone, so its folder has a name of its own."""
    offset: int = 0


def name_of(folder: Path) -> str:
    """The name of its own that a folder has, and is given where it has none: another volume is another one."""
    file = folder / ".meter"
    try:
        return file.read_text()
    except FileNotFoundError:
        incoming = file.with_suffix(".new")
        incoming.write_text(uuid.uuid4().hex)
        incoming.replace(file)
        return file.read_text()


class LogFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = name_of(path.parent)
        self._freed = 0
        self.cannot_free: str | None = None
        """Why the file takes ever more room; None where it does not."""

    def read(self, mark: Mark) -> tuple[list[bytes], Mark]:
        """The whole lines after a mark, some 1 MiB at most, and the mark after them.

        A file that is not there yet has none. Another file than the mark's, or one that is shorter, is read from its
        beginning. A piece without the end of a line in 1 MiB counts as one.
        """
        with self._opened(os.O_RDONLY) as file:
            if file is None:
                return [], mark
            found = os.fstat(file)
            name = f"{self._folder} {found.st_ino}"
            same = mark.file == name and mark.offset <= found.st_size
            begins = _past_holes(file, mark.offset if same else 0)
            data = os.pread(file, BATCH, begins)
        ends = data.rfind(b"\n") + 1 or (len(data) if len(data) == BATCH else 0)
        lines = data[:ends].strip(b"\0\n").split(b"\n") if ends else []
        return lines, Mark(name, begins + ends)

    def free(self, mark: Mark) -> None:
        """Frees what is before a mark, but for the last 8 MiB."""
        upto = (mark.offset - KEPT) // STEP * STEP
        if upto <= 0 or upto == self._freed or self.cannot_free:
            return
        with self._opened(os.O_RDWR) as file:
            if file is None:
                return
            try:
                _punch(file, upto)
                self._freed = upto
            except OSError as error:
                self.cannot_free = os.strerror(error.errno or errno.EOPNOTSUPP)

    def unread(self, mark: Mark) -> int:
        """Bytes after a mark."""
        try:
            found = self._path.stat()
        except OSError:
            return 0
        same = mark.file == f"{self._folder} {found.st_ino}"
        return max(0, found.st_size - mark.offset) if same else found.st_size

    def room(self) -> int:
        """Bytes that the file takes on its disk."""
        try:
            return self._path.stat().st_blocks * 512
        except OSError:
            return 0

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int | None]:
        try:
            file = os.open(self._path, flags | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            yield file
        finally:
            os.close(file)


def _past_holes(file: int, offset: int) -> int:
    """Where the first byte at or after an offset is that was not freed."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # there is none
            return offset
        raise


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


def _punch(file: int, length: int) -> None:
    # The standard library knows posix_fallocate alone, which frees nothing.
    if _LIBC.fallocate(file, _KEEP_SIZE | _PUNCH_HOLE, 0, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
