"""How long an answer sounds: by its size and its content type, never by the text.

Exact for WAV and raw samples, to the header of 44 bytes that WAV has before them; nominal for what is compressed.
"""

from __future__ import annotations

from collections.abc import Mapping

from meter.plan import Audio

_WAV = {"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"}
_HEADER = 44
_SWITCHING = 101
_WITH_AUDIO = (_SWITCHING, 200, 206)


def sounds_for(audio: Audio, status: int, content_type: str, size: int) -> float:
    """Seconds; 0 for an answer that is no audio, as far as is known."""
    if status not in _WITH_AUDIO:
        return 0.0
    kind, parameters = _parsed(content_type)
    if status == _SWITCHING:
        kind = "websocket"
    if kind in _WAV:
        return max(0, size - _HEADER) / _bytes_per_second(audio, {})
    if kind in audio.raw:
        return size / _bytes_per_second(audio, parameters)
    if kind in audio.kilobits:
        return size * 8 / (audio.kilobits[kind] * 1000)
    return 0.0


def _parsed(content_type: str) -> tuple[str, Mapping[str, str]]:
    """`audio/pcm;rate=24000` as its type, or `none`, and its parameters."""
    kind, *rest = content_type.split(";")
    parameters = dict(each.strip().lower().partition("=")[::2] for each in rest)
    return kind.strip().lower() or "none", parameters


def _bytes_per_second(audio: Audio, parameters: Mapping[str, str]) -> float:
    """As the answer itself says it, or as is known of the engine."""
    rate = _number(parameters.get("rate")) or audio.rate
    channels = _number(parameters.get("channels")) or audio.channels
    return rate * channels * audio.bits / 8


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
