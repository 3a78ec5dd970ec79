"""The manifest: which files a volume has, with their checksums; it is there once all of them are, and right."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fill.checksums import checksum_of
from fill.errors import FillError
from fill.job import Job

OWN_FOLDER = ".fill"
"""What is ours in the volume, beside the model's files."""

_FILE = f"{OWN_FOLDER}/manifest.json"


def is_filled(job: Job, folder: Path) -> bool:
    """Whether everything of this job is there, by names and sizes: quick, also for many gigabytes."""
    manifest = _read(folder)
    if manifest is None or manifest["job"] != _written(job):
        return False
    return all(
        (folder / path).is_file() and (folder / path).stat().st_size == entry["size"]
        for path, entry in manifest["files"].items()
    )


def write_manifest(job: Job, paths: Iterable[str], folder: Path) -> None:
    """Says that these files are all of the job, and right."""
    files = {
        path: {"sha256": checksum_of(folder / path, "sha256").value, "size": (folder / path).stat().st_size}
        for path in sorted(paths)
    }
    beside = folder / f"{_FILE}.new"
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(json.dumps({"job": _written(job), "files": files}, indent=1))
    beside.replace(folder / _FILE)


def verified(folder: Path) -> int:
    """Reads every file again; how many there are.

    Raises FillError naming each that is gone, or is not what was fetched.
    """
    manifest = _read(folder)
    if manifest is None:
        raise FillError("there is no manifest: the volume was not filled to its end")
    wrong = list(_wrong(manifest["files"], folder))
    if wrong:
        raise FillError("; ".join(wrong))
    return len(manifest["files"])


def _wrong(files: dict[str, dict[str, Any]], folder: Path) -> Iterator[str]:
    for path, entry in files.items():
        if not (folder / path).is_file():
            yield f"{path} is gone"
        elif (found := checksum_of(folder / path, "sha256").value) != entry["sha256"]:
            yield f"{path} has the sha256 {found}, and was fetched with {entry['sha256']}"


def _read(folder: Path) -> Any:
    try:
        return json.loads((folder / _FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None


def _written(job: Job) -> Any:
    """The job as JSON gives it back."""
    return json.loads(json.dumps(asdict(job)))
