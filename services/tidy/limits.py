"""The limits of each directory, as the container was told in the variable `TIDY`."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(os.environ.get("TIDY_FOLDER", "/outputs"))
"""Where the volumes are mounted, each under its name."""

YOUNG = float(os.environ.get("TIDY_YOUNG", "600"))
"""Seconds for which a new or changed file is never removed, whatever the limits say."""

EVERY = float(os.environ.get("TIDY_EVERY", "300"))
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one directory may hold."""

    folder: Path
    age: float | None
    """Seconds since a file was last changed."""
    size: int | None
    """Bytes on the disk, of all files together."""


def limits_of(variables: Mapping[str, str] = os.environ) -> list[Limit]:
    """The limits in these variables. Raises KeyError or ValueError if there are none."""
    told: dict[str, dict[str, int]] = json.loads(variables["TIDY"])
    return [Limit(ROOT / name, limit.get("age"), limit.get("size")) for name, limit in told.items()]
