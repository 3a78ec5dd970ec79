"""The search for secrets finds them."""

import base64
from urllib.parse import quote

import pytest

from tests.spelled import shown

SECRET = 'a "secret/ü+?'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://me:{quote(SECRET, safe='')}@example.com",
        '{"a": "a \\"secret/\\u00fc+?"}',
        base64.b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{user}:{SECRET}, and more".encode()).decode() for user in ("a", "ad", "adm", "admi")),
        *(base64.urlsafe_b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "ad", "adm")),
    ],
)
def test_a_secret_is_found_however_it_is_written(text: str) -> None:
    assert shown({"mine": SECRET, "other": "not there"}, text) == ["mine"]


def test_what_is_not_there_is_not_found() -> None:
    assert shown({"mine": SECRET}, "a secret/ü+?") == []
