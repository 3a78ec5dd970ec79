# ruff: noqa: RUF001 - the punctuation of several scripts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.text import PIECE_LIMIT, clean, pieces, speakable, to_ascii


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met J. Bach at 3.14 p.m. sharp.", ["Dr. Smith met J. Bach at 3.14 p.m.", "sharp."]),
        ("你好，世界。今天！", ["你好，世界。", "今天！"]),
        ('She said "Go." Then left', ['She said "Go."', "Then left"]),
        ("line one\nline two", ["line one", "line two"]),
        ("... !!! ---", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_a_long_sentence_is_cut_at_pauses() -> None:
    parts = pieces("word, " * 200)
    assert max(map(len, parts)) <= PIECE_LIMIT
    assert all(part.endswith(",") for part in parts)


@given(st.text(max_size=2000))
def test_pieces_lose_nothing_that_can_be_spoken(text: str) -> None:
    cleaned = clean(text)
    cut = pieces(cleaned)
    assert all(speakable(piece) and len(piece) <= PIECE_LIMIT for piece in cut)
    spoken = [c for c in cleaned if speakable(c)]
    assert [c for piece in cut for c in piece if speakable(c)] == spoken


@given(st.text())
def test_clean_text_is_encodable_and_free_of_control_characters(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\0" not in cleaned


def test_ascii_keeps_words_together_and_names_what_it_cannot_say() -> None:
    assert to_ascii("Café “Größe” – naïve…") == ('Cafe "Grosse" - naive...', "")
    assert to_ascii("hi 你好 😀") == ("hi", "你好")
