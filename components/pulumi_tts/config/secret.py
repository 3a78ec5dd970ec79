"""Secrets: a config names the key that holds one, and never has its value (docs/decisions/005)."""

from typing import Annotated

from pydantic import Field

from pulumi_tts.config.fields import Strict


class SecretReference(Strict):
    """A secret kept by Pulumi under a key of its own: `pulumi config set --secret tts:KEY`."""

    secret: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    """The config key, without `tts:`, that holds the secret."""
