"""What the environment says, read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voice.environment import Reader, whole


@dataclass(frozen=True)
class Settings:
    """Each field is the variable KEEPER_<FIELD>."""

    host: str = "0.0.0.0"  # noqa: S104 - within its container
    port: int = 8000
    files: Path = Path("/files/current")
    """Where `pools.json` and Envoy's `clusters.json` and `listeners.json` come from."""
    run: Path = Path("/run/guard")
    """The folder shared with Envoy: its admin socket, and all that it reads."""
    control: Path = Path("/tmp/keeper.sock")  # noqa: S108 - the container's own, which no one else mounts
    """The socket on which `python3 -m keeper drain` asks."""
    token: Path | None = None
    """The file of the token that Docker's socket proxies want; None where they want none."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every wrong variable; an absent or empty one has its default."""
    default = Settings()
    reader = Reader(environment)
    read = reader.read
    settings = Settings(
        host=read("KEEPER_HOST", default.host, str, "an address"),
        port=read("KEEPER_PORT", default.port, whole(1, 65535), "a port, 1 to 65535"),
        files=read("KEEPER_FILES", default.files, Path, "a folder"),
        run=read("KEEPER_RUN", default.run, Path, "a folder"),
        control=read("KEEPER_CONTROL", default.control, Path, "a path for a socket"),
        token=read("KEEPER_TOKEN", default.token, Path, "a file"),
    )
    reader.finish()
    return settings
