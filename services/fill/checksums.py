"""Checksums of files, as those who publish them give them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file has to add up to."""

    kind: str
    """`sha256`, or `git-sha1`: what git, and so the hub, calls a small file by."""
    value: str


def checksum_of(path: Path, kind: str) -> Checksum:
    """The checksum that a file has."""
    # Not for secrecy: it is what the hub publishes for files that are kept in git itself.
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git-sha1":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return Checksum(kind, digest.hexdigest())
