"""From what a caller sent to clean pieces that a synthesiser can speak one after the other. Pure functions."""

# ruff: noqa: RUF001 - the punctuation of several scripts is what this is about

from __future__ import annotations

import re
import unicodedata

PIECE_LIMIT = 300
"""Characters in a piece at most. Some 20 s of English or 75 s of Mandarin: a bound for one synthesiser run."""

_SENTENCE = re.compile(
    r".+?(?:[。！？；]+[\"”’」』)\]]*|[.!?…]+[\"'”’)\]]*(?=\s|\Z)|\n|\Z)",
    re.DOTALL,
)
_ABBREVIATION = re.compile(r"(?:^|[\s(\"'])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|No|vs|cf|etc|e\.g|i\.e|[A-Z])\.$")
_PAUSES = re.compile(r"[,，、:：;\s]")


def clean(text: str) -> str:
    """The text in composed form, without what has no sound and upsets programs: control characters, lone
    surrogates (JSON can carry them, UTF-8 cannot), unassigned and private characters."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        character if character == "\n" or unicodedata.category(character) not in _SOUNDLESS else " "
        for character in composed
    )
    return "".join(kept).strip()


_SOUNDLESS = {"Cc", "Cs", "Cn", "Co"}


def speakable(text: str) -> bool:
    """True where there is at least one letter, number or symbol; punctuation alone is silence."""
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def pieces(text: str, limit: int = PIECE_LIMIT) -> list[str]:
    """The sentences of a clean text in their order, each at most `limit` characters and each speakable."""
    return [piece.strip() for sentence in _sentences(text) for piece in _cut(sentence, limit) if speakable(piece)]


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    for found in _SENTENCE.finditer(text):
        if sentences and _ABBREVIATION.search(sentences[-1].rstrip(" ")):
            sentences[-1] += found.group()
        else:
            sentences.append(found.group())
    return sentences


def _cut(sentence: str, limit: int) -> list[str]:
    """A sentence in parts of at most `limit` characters, cut at the last pause of each where it has one."""
    parts = []
    while len(sentence) > limit:
        ends = [found.end() for found in _PAUSES.finditer(sentence, 0, limit)]
        end = ends[-1] if ends else limit
        parts.append(sentence[:end])
        sentence = sentence[end:]
    return [*parts, sentence]


_LETTERS = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i",
        "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": ", ", "…": "...",
    }
)  # fmt: skip


def to_ascii(text: str) -> tuple[str, str]:
    """The text for a synthesiser that only knows ASCII, and the letters and numbers that it cannot be told.

    Accents go (café → cafe) and symbols such as emoji are left out; letters of other scripts are returned.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    ascii_text = "".join(character if character.isascii() else " " * _separates(character) for character in decomposed)
    lost = "".join(dict.fromkeys(c for c in decomposed if not c.isascii() and unicodedata.category(c)[0] in "LN"))
    return " ".join(ascii_text.split()), lost


def _separates(character: str) -> int:
    """0 for the combining marks that decomposing leaves inside a word, 1 for all else."""
    return 0 if unicodedata.category(character)[0] == "M" else 1
