"""What a test can tell about a sound."""

from __future__ import annotations

import io
import wave
from array import array


def read_wav(data: bytes) -> tuple[int, array[int]]:
    """Rate and samples of a mono 16-bit WAV whose sizes are exactly those that its header says."""
    assert int.from_bytes(data[4:8], "little") == len(data) - 8, "the RIFF size is the rest of the file"
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        frames = sound.readframes(sound.getnframes())
        assert len(frames) == sound.getnframes() * 2 == len(data) - 44
        return sound.getframerate(), array("h", frames)


def loudness(samples: array[int]) -> float:
    """Root mean square, of 32768."""
    return float((sum(sample * sample for sample in samples) / max(1, len(samples))) ** 0.5)
