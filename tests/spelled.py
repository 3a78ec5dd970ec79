"""A secret as it may be written down: searched for in what shows none."""

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> Iterator[str]:
    """As it is, in JSON, in a URL, and in Base64, alone or in the middle of something else."""
    yield from {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret), quote_plus(secret)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            encoded = encode(bytes(before) + secret.encode()).decode().rstrip("=")
            # The first and last characters are of its neighbours too.
            yield encoded[(0, 2, 3)[before] : -1]


def shown(secrets: Mapping[str, str], text: str) -> list[str]:
    """Which of the secrets, by their names, can be read in a text."""
    return [name for name, secret in secrets.items() if any(spelled in text for spelled in spellings(secret))]
