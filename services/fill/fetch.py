"""One file after the other into the volume: continued where it was cut off, and moved into place once it is right."""

import hashlib
import shutil
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get

from fill.checksums import checksum_of
from fill.errors import FillError
from fill.manifest import OWN_FOLDER
from fill.sources import Wanted

_NOTHING_BEYOND = 416
_AT_ONCE = 4
"""Files that are fetched side by side: a hub serves each no faster than it likes to."""


def part_of(wanted: Wanted, folder: Path) -> Path:
    """Where a file is while it is not complete; another version of it has another."""
    name = hashlib.sha256(f"{wanted.path}\0{wanted.checksum.value}".encode()).hexdigest()[:24]
    return folder / OWN_FOLDER / "parts" / name


def arrived(files: Sequence[Wanted], folder: Path) -> int:
    """How many bytes of these files are there."""
    places = [place for wanted in files for place in (folder / wanted.path, part_of(wanted, folder))]
    return sum(place.stat().st_size for place in places if place.is_file())


def fetch_all(files: Sequence[Wanted], folder: Path) -> None:
    """Brings every file into the folder; what is there and right is left alone.

    Raises FillError at the first that cannot be had, or is not what it should be. What was fetched so far stays, and is
    continued the next time.
    """
    for wanted in files:
        _refuse_outside(wanted, folder)
    _refuse_full_disk(files, folder)
    (folder / OWN_FOLDER / "parts").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        fetches = [workers.submit(_fetch, wanted, folder) for wanted in files]
        done, waiting = wait(fetches, return_when=FIRST_EXCEPTION)
        for fetch in waiting:
            fetch.cancel()
        for fetch in done:
            fetch.result()


def _fetch(wanted: Wanted, folder: Path) -> None:
    target, part = folder / wanted.path, part_of(wanted, folder)
    if target.is_file() and checksum_of(target, wanted.checksum.kind) == wanted.checksum:
        return
    # Complete when the last run ended, and not yet moved: a server would refuse to continue it.
    if not (part.is_file() and checksum_of(part, wanted.checksum.kind) == wanted.checksum):
        _continue(wanted, part)
        found = checksum_of(part, wanted.checksum.kind)
        if found != wanted.checksum:
            part.unlink()
            raise FillError(
                f"{wanted.path} from {wanted.url} has the {found.kind} {found.value}, and should have "
                f"{wanted.checksum.value}; it was thrown away"
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def _continue(wanted: Wanted, part: Path) -> None:
    with part.open("ab") as file:
        there = file.tell()
        if wanted.size is not None and there > wanted.size:
            file.truncate(0)
            there = 0
        try:
            http_get(wanted.url, file, resume_size=there, headers=wanted.headers, expected_size=wanted.size)
        except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
            if isinstance(error, HfHubHTTPError) and error.response.status_code == _NOTHING_BEYOND:
                part.unlink()  # longer than the file, so it is none of it; the next time it is fetched whole
            raise FillError(f"{wanted.path} could not be fetched from {wanted.url}: {error}") from error


def _refuse_outside(wanted: Wanted, folder: Path) -> None:
    target = (folder / wanted.path).resolve()
    if not target.is_relative_to(folder.resolve()) or target.is_relative_to((folder / OWN_FOLDER).resolve()):
        raise FillError(f"{wanted.path!r} would not be a file of the model: it leads out of its folder")


def _refuse_full_disk(files: Sequence[Wanted], folder: Path) -> None:
    missing = sum(wanted.size or 0 for wanted in files) - arrived(files, folder)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise FillError(f"{missing / 1e9:.1f} GB are still to come, and the disk has room for {free / 1e9:.1f} GB")
