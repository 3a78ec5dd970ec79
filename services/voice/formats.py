"""From samples to what is sent: WAV, raw PCM, MP3 or FLAC, each as a stream of chunks.

- pcm, mp3 and flac are streams by nature and leave as they are made. A FLAC made this way says "length unknown"
  in its header, as that format provides for.
- A WAV header carries the length. Synthesis is 40 (flite) to 300 times (espeak-ng) faster than speech, so the
  whole speech is made first and the header is exact, rather than a made-up length that players show or choke on.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from typing import Literal, get_args

import lameenc  # type: ignore[import-not-found]  # a C extension without stubs

from voice import dsp
from voice.errors import SpeechError

Format = Literal["wav", "pcm", "flac", "mp3"]
FORMATS: tuple[str, ...] = get_args(Format)

CONTENT_TYPES: dict[Format, str] = {
    "wav": "audio/wav",
    "pcm": f"audio/pcm;rate={dsp.RATE};channels=1",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
}

MP3_KBIT = 64
"""Mono at 24 kHz: transparent for this speech."""

WAV_SECONDS = 1800
"""Seconds of speech in one WAV at most: 86 MB, which is in memory until it has been sent."""

BYTES_PER_SECOND = dsp.RATE * dsp.SAMPLE_BYTES
_READ_BYTES = 16_384


def seconds(samples: int) -> float:
    """How long that many bytes of samples sound."""
    return samples / BYTES_PER_SECOND


def wav_header(samples: int) -> bytes:
    """The 44 bytes before that many bytes of samples."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, dsp.RATE, BYTES_PER_SECOND, dsp.SAMPLE_BYTES, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + samples, b"WAVE") + form + struct.pack("<4sI", b"data", samples)


async def whole(parts: AsyncIterable[bytes]) -> list[bytes]:
    """All parts of a speech that becomes a WAV.

    Raises SpeechError (400, too_long_for_wav) beyond WAV_SECONDS.
    """
    collected: list[bytes] = []
    size = 0
    async for part in parts:
        collected.append(part)
        size += len(part)
        if seconds(size) > WAV_SECONDS:
            message = (
                f"this speech is longer than {WAV_SECONDS} s, the most that fits one WAV here: "
                'take response_format "mp3", "flac" or "pcm", which are streamed without a limit, or send less text.'
            )
            raise SpeechError(message, code="too_long_for_wav", param="response_format")
    return collected


async def encoded(parts: AsyncIterable[bytes], form: Format) -> AsyncGenerator[bytes, None]:
    """The parts in a streamed format; for wav and pcm as they are (see `wav_header`)."""
    if form == "mp3":
        encoder = _mp3()
        async for part in parts:
            yield bytes(await asyncio.to_thread(encoder.encode, part))
        yield bytes(encoder.flush())
    elif form == "flac":
        async with aclosing(_flac(parts)) as chunks:
            async for chunk in chunks:
                yield chunk
    else:
        async for part in parts:
            yield part


def _mp3() -> lameenc.Encoder:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(dsp.RATE)
    encoder.set_bit_rate(MP3_KBIT)
    encoder.set_quality(5)
    return encoder


async def _flac(parts: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """By the `flac` program: samples go in at one end while frames come out at the other."""
    process = await asyncio.create_subprocess_exec(
        *("flac", "--silent", "--stdout", "--no-md5-sum", "--force-raw-format", "--endian=little", "--sign=signed"),
        *("--channels=1", f"--bps={dsp.SAMPLE_BYTES * 8}", f"--sample-rate={dsp.RATE}", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None  # noqa: S101 - PIPE was asked for
    assert process.stdout is not None  # noqa: S101
    feeding = asyncio.create_task(_feed(process.stdin, parts))
    try:
        while chunk := await process.stdout.read(_READ_BYTES):
            yield chunk
        await feeding
        if await process.wait():
            raise SpeechError("the FLAC encoder failed.", code="encoding_failed", status=500)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _feed(stdin: asyncio.StreamWriter, parts: AsyncIterable[bytes]) -> None:
    """Closes the input at the end, also when making the parts fails: the reader then ends and sees why."""
    try:
        async for part in parts:
            stdin.write(part)
            await stdin.drain()
    finally:
        stdin.close()
