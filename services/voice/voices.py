"""Who can speak: a table, and the ways in which a caller may name its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from voice.errors import SpeechError, nearest

Program = Literal["flite", "espeak-ng"]


@dataclass(frozen=True)
class Voice:
    id: str
    program: Program
    program_voice: str
    """What the program calls it."""
    language: str
    """BCP 47."""
    description: str


VOICES: tuple[Voice, ...] = (
    Voice("slt", "flite", "slt", "en-US", "US English, woman; the best of the English ones"),
    Voice("rms", "flite", "rms", "en-US", "US English, man"),
    Voice("awb", "flite", "awb", "en-GB", "Scottish English, man"),
    Voice("kal", "flite", "kal16", "en-US", "US English, man, from diphones"),
    Voice("en-us", "espeak-ng", "en-us", "en-US", "US English, formant synthesis: robotic, very fast"),
    Voice("en-gb", "espeak-ng", "en-gb", "en-GB", "British English, formant synthesis"),
    Voice("cmn", "espeak-ng", "cmn", "zh-CN", "Mandarin; Latin letters within it are read as English"),
    Voice("cmn-pinyin", "espeak-ng", "cmn-latn-pinyin", "zh-CN", "Mandarin; Latin letters are read as pinyin"),
    Voice("yue", "espeak-ng", "yue", "zh-HK", "Cantonese"),
    Voice("ja", "espeak-ng", "ja", "ja", "Japanese (kana; most kanji are spelled out)"),
    Voice("ko", "espeak-ng", "ko", "ko", "Korean"),
    Voice("de", "espeak-ng", "de", "de", "German"),
    Voice("fr", "espeak-ng", "fr", "fr", "French"),
    Voice("es", "espeak-ng", "es", "es", "Spanish"),
    Voice("it", "espeak-ng", "it", "it", "Italian"),
    Voice("pt", "espeak-ng", "pt", "pt", "Portuguese"),
    Voice("nl", "espeak-ng", "nl", "nl", "Dutch"),
    Voice("pl", "espeak-ng", "pl", "pl", "Polish"),
    Voice("ru", "espeak-ng", "ru", "ru", "Russian"),
    Voice("el", "espeak-ng", "el", "el", "Greek"),
    Voice("ar", "espeak-ng", "ar", "ar", "Arabic"),
    Voice("hi", "espeak-ng", "hi", "hi", "Hindi"),
)

BY_ID = {voice.id: voice for voice in VOICES}

ALIASES = {
    # OpenAI's names, so that a client written for OpenAI speaks unchanged.
    "alloy": "slt", "nova": "slt", "shimmer": "slt", "coral": "slt", "sage": "slt", "marin": "slt",
    "echo": "rms", "onyx": "rms", "ash": "rms", "verse": "rms", "cedar": "rms",
    "fable": "awb", "ballad": "awb",
    # What people try first.
    "mandarin": "cmn", "chinese": "cmn", "zh": "cmn", "zh-cn": "cmn", "english": "slt", "en": "slt",
}  # fmt: skip

AUTO = "auto"

_SCRIPTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),  # before Han: Japanese mixes both
    (re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]"), "cmn"),
    (re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), "ko"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
)


def find(name: str, text: str) -> Voice:
    """The voice of that name or alias; for `auto`, the first whose script the text uses, else English.

    Raises SpeechError (400, unknown_voice) with the nearest name.
    """
    key = name.strip().lower()
    if key == AUTO:
        return BY_ID[next((voice for script, voice in _SCRIPTS if script.search(text)), "slt")]
    voice = BY_ID.get(ALIASES.get(key, key))
    if voice is None:
        hint = nearest(key, [AUTO, *BY_ID, *ALIASES])
        message = f'there is no voice "{name[:60]}": {hint} GET /v1/audio/voices lists them all.'
        raise SpeechError(message, code="unknown_voice", param="voice")
    return voice
