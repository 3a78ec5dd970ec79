"""What the environment says, read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voice.environment import Reader, whole


@dataclass(frozen=True)
class Settings:
    """Each field is the variable METER_<FIELD>."""

    host: str = "0.0.0.0"  # noqa: S104 - within its container
    port: int = 8000
    plan: Path = Path("/files/current/meter.json")
    """What is counted, and for how much."""
    logs: Path = Path("/access")
    """The folder of `edge.log` and `guard.log`."""
    data: Path = Path("/data")
    """The folder of what was counted."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every wrong variable; an absent or empty one has its default."""
    default = Settings()
    reader = Reader(environment)
    read = reader.read
    settings = Settings(
        host=read("METER_HOST", default.host, str, "an address"),
        port=read("METER_PORT", default.port, whole(1, 65535), "a port, 1 to 65535"),
        plan=read("METER_PLAN", default.plan, Path, "a file"),
        logs=read("METER_LOGS", default.logs, Path, "a folder"),
        data=read("METER_DATA", default.data, Path, "a folder"),
    )
    reader.finish()
    return settings
