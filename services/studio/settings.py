"""What the environment says, read once at the start."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice.environment import Reader, name, whole, yes_or_no


@dataclass(frozen=True)
class Settings:
    """Each field is the variable STUDIO_<FIELD>, but for Gradio's own two."""

    host: str = "0.0.0.0"  # noqa: S104 - within its container
    port: int = 7860
    slots: int = 2
    """Speeches that are made at once."""
    queue: int = 20
    """Visitors that may wait for a slot; one more is told that the queue is full."""
    max_characters: int = 4096
    keep_outputs: bool = True
    """Keep each speech as a file in outputs_dir too."""
    outputs_dir: Path = Path("/outputs")
    outputs_max_mb: int = 1024
    """MiB of kept files; beyond it the oldest go."""
    instance: str = field(default_factory=socket.gethostname)
    """This instance's name, on the page and sent as X-Instance. Default: the host name, the container's in a pool."""
    root_path: str = ""
    """GRADIO_ROOT_PATH: the prefix that the proxy in front strips, such as /studio."""
    temp_dir: Path = Path(tempfile.gettempdir()) / "gradio"
    """GRADIO_TEMP_DIR: what pages play from; emptied of what is older than page.CACHE_AGE."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every wrong variable; an absent or empty one has its default."""
    default = Settings()
    reader = Reader(environment)
    read = reader.read
    settings = Settings(
        host=read("STUDIO_HOST", default.host, str, "an address"),
        port=read("STUDIO_PORT", default.port, whole(1, 65535), "a port, 1 to 65535"),
        slots=read("STUDIO_SLOTS", default.slots, whole(1, 64), "a whole number, 1 to 64"),
        queue=read("STUDIO_QUEUE", default.queue, whole(1, 10_000), "a whole number, 1 to 10000"),
        max_characters=read("STUDIO_MAX_CHARACTERS", default.max_characters, whole(1, 50_000), "1 to 50000"),
        keep_outputs=read("STUDIO_KEEP_OUTPUTS", default.keep_outputs, yes_or_no, "on or off"),
        outputs_dir=read("STUDIO_OUTPUTS_DIR", default.outputs_dir, Path, "a folder"),
        outputs_max_mb=read("STUDIO_OUTPUTS_MAX_MB", default.outputs_max_mb, whole(1, 10**6), "1 to 1000000"),
        instance=read("STUDIO_INSTANCE", default.instance, name, "letters, digits, '.', '_', '-', 63 at most"),
        root_path=read("GRADIO_ROOT_PATH", default.root_path, _prefix, "a path such as /studio"),
        temp_dir=read("GRADIO_TEMP_DIR", default.temp_dir, Path, "a folder"),
    )
    reader.finish()
    return settings


def _prefix(raw: str) -> str:
    if not raw.startswith("/") or any(c in raw for c in "?# "):
        raise ValueError
    return raw.rstrip("/")
