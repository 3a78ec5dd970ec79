"""Secrets: a config names the key that holds one, and never has its value (docs/decisions/005)."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from pulumi_tts.config.fields import Strict, refused

_KEY = "[A-Za-z][A-Za-z0-9_-]*"


def _without_namespace(value: object) -> object:
    # Such a key is shown; what is written otherwise may be the secret itself.
    if isinstance(value, str) and re.fullmatch(f"tts:{_KEY}", value):
        raise refused("has tts: before the key", f"Write {{secret: {value.removeprefix('tts:')}}}, without tts:")
    return value


class SecretReference(Strict):
    """A secret kept by Pulumi under a key of its own: `pulumi config set --secret tts:KEY`."""

    secret: Annotated[str, BeforeValidator(_without_namespace), Field(pattern=f"^{_KEY}$")]
    """The config key, without `tts:`, that holds the secret."""
