"""What the environment says, read once at the start."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice.environment import Reader, name, number, whole, yes_or_no


@dataclass(frozen=True)
class Settings:
    """Each field is the variable VOICE_<FIELD>."""

    host: str = "0.0.0.0"  # noqa: S104 - within its container
    port: int = 8000
    slots: int = 2
    """Requests that are spoken at once; one more is answered 503 with Retry-After."""
    max_characters: int = 4096
    """Of one input: OpenAI's own bound."""
    keep_outputs: bool = True
    """Keep each finished answer as a file in outputs_dir."""
    outputs_dir: Path = Path("/outputs")
    outputs_max_mb: int = 1024
    """MiB of kept files; beyond it the oldest go."""
    instance: str = field(default_factory=socket.gethostname)
    """This instance's name, sent as X-Instance. Default: the host name, which a pool makes the container's."""
    pace: float = 0.0
    """For load tests only: seconds of waiting for each second of audio, as a slower engine would take.
    Holds slots and streams as such an engine does; uses no CPU."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every wrong variable; an absent or empty one has its default."""
    default = Settings()
    reader = Reader(environment)
    read = reader.read
    settings = Settings(
        host=read("VOICE_HOST", default.host, str, "an address"),
        port=read("VOICE_PORT", default.port, whole(1, 65535), "a port, 1 to 65535"),
        slots=read("VOICE_SLOTS", default.slots, whole(1, 64), "a whole number, 1 to 64"),
        max_characters=read("VOICE_MAX_CHARACTERS", default.max_characters, whole(1, 50_000), "1 to 50000"),
        keep_outputs=read("VOICE_KEEP_OUTPUTS", default.keep_outputs, yes_or_no, "on or off"),
        outputs_dir=read("VOICE_OUTPUTS_DIR", default.outputs_dir, Path, "a folder"),
        outputs_max_mb=read("VOICE_OUTPUTS_MAX_MB", default.outputs_max_mb, whole(1, 10**6), "1 to 1000000"),
        instance=read("VOICE_INSTANCE", default.instance, name, "letters, digits, '.', '_', '-', 63 at most"),
        pace=read("VOICE_PACE", default.pace, number(0, 100), "seconds for a second of audio, 0 to 100"),
    )
    reader.finish()
    return settings
