"""Which model an engine speaks with, and how its weights get to it."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from pulumi_tts.config.fields import Directory, Strict, refused

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PATTERN = re.compile(r"[A-Za-z0-9_.*?\[\]!/-]+")


def _url(value: str) -> str:
    try:
        url = urlsplit(value)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.username is None
    except ValueError:  # a bracket that is not closed
        right = False
    if not right or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise refused("is not a web address", "Write https://host/path, without a user or a password")
    return value


def _relative(value: str) -> str:
    if not all(_SEGMENT.fullmatch(segment) for segment in value.split("/")):
        raise refused(
            "is not a path below a directory",
            "Use letters, digits, '.', '_' and '-', as in 'checkpoints/model.safetensors'",
        )
    return value


def _pattern(value: str) -> str:
    if not _PATTERN.fullmatch(value):
        raise refused("is not a pattern of files", "Write one as in '*.safetensors' or 'config.json'")
    return value


Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://[!-~]+$"})]


class Link(Strict):
    """A file by its address, with the checksum that it has to have."""

    url: Url
    """Where it is, as in `https://example.com/model.safetensors`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Its SHA-256, as its publisher gives it; another file is refused."""
    to: Annotated[str, AfterValidator(_relative)] | None = None
    """Its path below the weights' directory. Default: the last part of the address."""

    @property
    def path(self) -> str:
        """Its path below the weights' directory."""
        return self.to or urlsplit(self.url).path.rpartition("/")[2]

    @model_validator(mode="after")
    def _has_a_name(self) -> "Link":
        if not _SEGMENT.fullmatch(self.path.rpartition("/")[2]):
            raise refused("has an address that does not end in a file's name", "Say what to call the file with to")
        return self


class Weights(Strict):
    """The model that an engine loads, pinned: it reaches the image's build, the command, and clients.

    A build gets it as its arguments `WEIGHTS_REPOSITORY` and `WEIGHTS_REVISION`; a command has it in place of its
    words `{repository}`, `{revision}` and `{directory}`; every answer has `X-Model-Version: repository@revision`.
    """

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")] | None = None
    """The model's repository on Hugging Face, as in `FunAudioLLM/Fun-CosyVoice3-0.5B-2512`."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """A commit of it, in full. No default: a branch moves, so each pool says which one it speaks with."""
    directory: Directory | None = None
    """Where the engine reads it: it is then fetched once for each host, before any instance starts, into a volume that
    all instances of the stack with these weights share, read-only. Default: it is in the image, or the engine fetches
    it."""
    files: Annotated[list[Annotated[str, AfterValidator(_pattern)]], Field(min_length=1)] | None = None
    """Which of the repository's files are fetched into `directory`, as in `*.safetensors`. Default: all."""
    links: Annotated[list[Link], Field(min_length=1)] | None = None
    """Further files for `directory`, or all of them where there is no repository. Default: none."""

    @property
    def version(self) -> str | None:
        """What clients are told, once both are known."""
        return f"{self.repository}@{self.revision}" if self.repository and self.revision else None
