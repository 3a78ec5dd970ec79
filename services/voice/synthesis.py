"""Text to samples: one run of a synthesiser program for each piece, killed when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncGenerator
from contextlib import suppress

from voice import dsp
from voice.errors import SpeechError
from voice.text import clean, pieces, speakable, to_ascii
from voice.voices import Voice

RUN_LIMIT = 60.0
"""Seconds that one run may take. A piece takes some 0.1 s: only a hung program comes near it."""

# Nothing of ours is for the programs. Without a home, espeak-ng's sound library looks for no sound server.
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LANG": "C.UTF-8"}

_HEADER = struct.Struct("<4s4x4s4s4xHHI6xH")
_HEADER_BYTES = 44


async def speak(text: str, voice: Voice, speed: float = 1.0) -> AsyncGenerator[bytes, None]:
    """The text as speech, sentence by sentence: mono signed 16-bit little-endian samples at dsp.RATE.

    Raises SpeechError: 400 for a text that this voice cannot say, 500 for a program that fails.
    """
    sounded = False
    for piece in _prepared(text, voice):
        samples, rate = await _run(piece, voice)
        if samples:
            sounded = True
            yield await asyncio.to_thread(_shaped, samples, rate, speed)
    if not sounded:
        raise _failed(voice, "gave no audio")


def _shaped(samples: bytes, rate: int, speed: float) -> bytes:
    return dsp.resample(dsp.change_speed(samples, rate, speed), rate)


def _prepared(text: str, voice: Voice) -> list[str]:
    cleaned = clean(text)
    if voice.program == "flite":
        cleaned, lost = to_ascii(cleaned)
        if lost:
            message = (
                f'the voice "{voice.id}" reads Latin letters only, and the input has "{lost[:10]}": '
                'take a voice of that language (GET /v1/audio/voices), or "auto".'
            )
            raise SpeechError(message, code="voice_cannot_read_input", param="input")
    if not speakable(cleaned):
        message = (
            "the input has nothing to speak: it needs at least one letter, number or symbol that this voice can say."
        )
        raise SpeechError(message, code="nothing_to_speak", param="input")
    return pieces(cleaned)


def _command(piece: str, voice: Voice) -> tuple[list[str], bytes]:
    """The program's arguments and its standard input. No shell is involved, and no option can come from the text."""
    if voice.program == "espeak-ng":
        return ["espeak-ng", "-b", "1", "-v", voice.program_voice, "--stdin", "--stdout"], piece.encode()
    # flite takes a whole text as one utterance only as an argument (of `-t`, so a leading "-" is text).
    return ["flite", "-voice", voice.program_voice, "-t", piece, "-o", "/dev/stdout"], b""


async def _run(piece: str, voice: Voice) -> tuple[bytes, int]:
    """One piece's samples and their rate in Hz."""
    command, stdin = _command(piece, voice)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
    )
    try:
        wav, complaints = await asyncio.wait_for(process.communicate(stdin), RUN_LIMIT)
    except TimeoutError:
        raise _failed(voice, f"did not finish within {RUN_LIMIT:.0f} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        reason = complaints.decode(errors="replace").strip()[:200]
        raise _failed(voice, f"ended with status {process.returncode}{': ' if reason else ''}{reason}")
    return _samples(wav, voice)


def _samples(wav: bytes, voice: Voice) -> tuple[bytes, int]:
    """What follows the 44-byte header that both programs write. Its sizes are not read: espeak-ng writes it
    to a pipe before it knows them."""
    if len(wav) < _HEADER_BYTES:
        raise _failed(voice, "gave no audio")
    riff, wave, fmt, encoding, channels, rate, bits = _HEADER.unpack_from(wav)
    if (riff, wave, fmt, encoding, channels, bits) != (b"RIFF", b"WAVE", b"fmt ", 1, 1, 16):
        raise _failed(voice, "gave something other than mono 16-bit WAV")
    even = len(wav) - (len(wav) - _HEADER_BYTES) % dsp.SAMPLE_BYTES
    return wav[_HEADER_BYTES:even], rate


def _failed(voice: Voice, what: str) -> SpeechError:
    message = f'{voice.program}, which speaks for "{voice.id}", {what}. Other input or another voice may work.'
    return SpeechError(message, code="synthesis_failed", status=500)
