"""What is to be fetched, as the container was told in the variable `FILL`."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("FILL_FOLDER", "/weights"))
"""Where the volume is mounted."""


@dataclass(frozen=True, slots=True)
class Link:
    """A file by its address, with the checksum that it has to have."""

    url: str
    sha256: str
    to: str
    """Its path in the volume."""


@dataclass(frozen=True, slots=True)
class Job:
    """The files of a repository at a commit, and files by their addresses; one of both may be absent."""

    repository: str | None
    revision: str | None
    files: tuple[str, ...]
    """Patterns of the repository's files; none for all of them."""
    links: tuple[Link, ...]

    @property
    def called(self) -> str:
        """The job as a person would call it."""
        named = [f"{self.repository}@{self.revision}"] if self.repository else []
        return " and ".join([*named, *(link.url for link in self.links)])


def job_of(variables: Mapping[str, str] = os.environ) -> Job:
    """The job in these variables. Raises KeyError or ValueError if there is none."""
    told: dict[str, Any] = json.loads(variables["FILL"])
    return Job(
        repository=told.get("repository"),
        revision=told.get("revision"),
        files=tuple(told.get("files", ())),
        links=tuple(Link(**link) for link in told.get("links", ())),
    )
