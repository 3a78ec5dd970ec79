"""What Prometheus reads from /metrics. Labels have few values: formats, voices and outcomes, all from tables."""

from __future__ import annotations

from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

Outcome = Literal["finished", "refused", "full", "cut", "failed"]
"""finished: all was sent. refused: the caller's mistake (4xx). full: no free slot (503). cut: the caller went
away. failed: ours (5xx, or an answer that ended early)."""

_FIRST_BYTE = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 15.0)
_REQUEST = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing reads


class Metrics:
    def __init__(self, slots: int) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "voice_requests", "Speech requests by how they ended", ["outcome", "format"], registry=registry
        )
        self.audio_seconds = Counter("voice_audio_seconds", "Seconds of speech sent", ["voice"], registry=registry)
        self.audio_bytes = Counter("voice_audio_bytes", "Bytes of audio sent", ["format"], registry=registry)
        self.characters = Counter("voice_characters", "Characters accepted", ["voice"], registry=registry)
        self.first_byte = Histogram(
            *("voice_first_byte_seconds", "From the request to its first byte of audio", ["format"]),
            buckets=_FIRST_BYTE,
            registry=registry,
        )
        self.duration = Histogram(
            *("voice_request_seconds", "From an accepted request to its last byte", ["format"]),
            buckets=_REQUEST,
            registry=registry,
        )
        self.busy = Gauge("voice_slots_busy", "Slots in use", registry=registry)
        Gauge("voice_slots", "Slots there are", registry=registry).set(slots)

    def page(self) -> bytes:
        return generate_latest(self._registry)
