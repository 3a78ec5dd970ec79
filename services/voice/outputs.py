"""Finished answers kept as files, written aside and then moved into place, so that none is ever half there."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_LOG = logging.getLogger(__name__)
_PART = ".part"


class Outputs:
    """A folder of kept answers that stays below `max_bytes` by letting the oldest go.

    Keeping is a service to the operator, never a reason to fail a listener: a full or missing disk is logged.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        for left_over in folder.glob(f".*{_PART}"):  # of a process that was killed while it wrote
            with suppress(OSError):
                left_over.unlink()

    def start(self, request_id: str, extension: str) -> Kept:
        """`request_id` must be safe in a file name (see api.request_id)."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Kept(self._folder, f"{stamp}-{request_id}.{extension}")

    def prune(self) -> None:
        """Removes the oldest files until the rest is within the bound."""
        with suppress(OSError):
            files = sorted(
                (
                    (status.st_mtime, status.st_size, path)
                    for path in self._folder.iterdir()
                    if not path.name.startswith(".") and (status := path.stat())
                ),
                reverse=True,
            )
            total = 0
            for _, size, path in files:
                total += size
                if total > self._max_bytes:
                    path.unlink(missing_ok=True)


class Kept:
    """One answer on its way to the disk."""

    def __init__(self, folder: Path, name: str) -> None:
        self._final = folder / name
        self._part = folder / f".{name}{_PART}"
        self._file: BinaryIO | None = None
        with self._reported():
            self._file = self._part.open("wb")

    def write(self, chunk: bytes) -> None:
        if self._file:
            with self._reported():
                self._file.write(chunk)

    def finish(self) -> None:
        if self._file:
            with self._reported():
                self._file.close()
                self._part.replace(self._final)

    def drop(self) -> None:
        """Forgets an answer that was not finished."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            self._file = None

    def _reported(self) -> _Reported:
        return _Reported(self)


class _Reported:
    """Logs an OSError within it, and gives up on the file."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, OSError):
            return False
        _LOG.warning("an answer is not kept: %s", error)
        self._kept.drop()
        return True
