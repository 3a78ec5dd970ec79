"""Samples to samples, by two small C libraries of Debian: libsonic (which espeak-ng uses itself) changes the
speed without the pitch, libsoxr the rate.

Every function takes and gives mono signed 16-bit samples in the machine's byte order (little-endian on every
machine that this runs on) as bytes.
"""

from __future__ import annotations

import ctypes

RATE = 24_000
"""Hz of everything that this engine says: what OpenAI's `pcm` is, so its clients play it at the right pitch."""

SAMPLE_BYTES = 2
_SOXR_INT16 = 3  # soxr_datatype_t: SOXR_INT16_I
_SOXR_NO_DITHER = 8  # the same text gives the same bytes


class _SoxrIoSpec(ctypes.Structure):
    """soxr.h: soxr_io_spec_t."""

    _fields_ = (
        ("itype", ctypes.c_int),
        ("otype", ctypes.c_int),
        ("scale", ctypes.c_double),
        ("e", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
    )


def _load(name: str, package: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise RuntimeError(f"{name} is not installed ({error}); on Debian: apt-get install {package}") from error


def _sonic() -> ctypes.CDLL:
    library = _load("libsonic.so.0", "libsonic0")
    stream = ctypes.c_void_p
    library.sonicCreateStream.restype = stream
    library.sonicCreateStream.argtypes = [ctypes.c_int, ctypes.c_int]
    library.sonicSetSpeed.argtypes = [stream, ctypes.c_float]
    library.sonicWriteShortToStream.argtypes = [stream, ctypes.c_char_p, ctypes.c_int]
    library.sonicFlushStream.argtypes = [stream]
    library.sonicSamplesAvailable.argtypes = [stream]
    library.sonicReadShortFromStream.argtypes = [stream, ctypes.c_char_p, ctypes.c_int]
    library.sonicDestroyStream.argtypes = [stream]
    return library


def _soxr() -> ctypes.CDLL:
    library = _load("libsoxr.so.0", "libsoxr0")
    library.soxr_oneshot.restype = ctypes.c_char_p
    library.soxr_oneshot.argtypes = [
        *(ctypes.c_double, ctypes.c_double, ctypes.c_uint),
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p),
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)),
        *(ctypes.POINTER(_SoxrIoSpec), ctypes.c_void_p, ctypes.c_void_p),
    ]
    return library


_SONIC = _sonic()
_SOXR = _soxr()


def change_speed(samples: bytes, rate: int, speed: float) -> bytes:
    """The same speech `speed` times as fast at the same pitch."""
    if speed == 1:
        return samples
    stream = _SONIC.sonicCreateStream(rate, 1)
    if not stream:
        raise MemoryError("libsonic could not make a stream")
    try:
        _SONIC.sonicSetSpeed(stream, speed)
        _SONIC.sonicWriteShortToStream(stream, samples, len(samples) // SAMPLE_BYTES)
        _SONIC.sonicFlushStream(stream)
        available = _SONIC.sonicSamplesAvailable(stream)
        buffer = ctypes.create_string_buffer(max(1, available * SAMPLE_BYTES))
        read = _SONIC.sonicReadShortFromStream(stream, buffer, available)
        return buffer.raw[: read * SAMPLE_BYTES]
    finally:
        _SONIC.sonicDestroyStream(stream)


def resample(samples: bytes, rate: int, to: int = RATE) -> bytes:
    """The same sound at another rate (soxr's default quality)."""
    if rate == to or not samples:
        return samples
    count = len(samples) // SAMPLE_BYTES
    room = count * to // rate + 1024
    buffer = ctypes.create_string_buffer(room * SAMPLE_BYTES)
    made = ctypes.c_size_t()
    error = _SOXR.soxr_oneshot(
        *(rate, to, 1, samples, count, None, buffer, room, ctypes.byref(made)),
        *(ctypes.byref(_SoxrIoSpec(_SOXR_INT16, _SOXR_INT16, 1.0, None, _SOXR_NO_DITHER)), None, None),
    )
    if error:
        raise RuntimeError(f"libsoxr: {error.decode()}")
    return buffer.raw[: made.value * SAMPLE_BYTES]
