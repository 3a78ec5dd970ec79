"""Secrets where they can be read: `docker inspect` shows environment, labels and command to whoever may ask Docker."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import Resource, text

_NAMED = re.compile(
    r"(?:password|passwd|passphrase|(?:^|[_.\-])(?:pass|pwd|secret|token|credential"
    r"|(?:api|access|private|secret|signing|encryption)[_.\-]?key|apikey))"
    r"(?:$|s$|[_.\-](?!(?:file|path|dir|url|ttl|name|length|expiry|type)$))",
    re.IGNORECASE,
)
"""A name that says secret; not one that says where it is (…_FILE), or something else about it. MAX_TOKENS is none."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COUNTED = re.compile(r"(?:^|[_.\-])tokens$", re.IGNORECASE)

_LOOKS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password hash": re.compile(r"\$(?:2[abxy]|argon2(?:id|i|d)|5|6|apr1|y)\$"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{22,})"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "an OpenAI key": re.compile(r"\bsk-[\w-]{20,}"),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@", re.IGNORECASE),
}

_SAID_TO_BE_NONE = ("", "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1")


def no_secrets_in_sight(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No secret stands in a container's environment, labels or command."""
    for place, name, value in _places(container):
        if what := secret_in(name, value):
            yield Problem(
                place,
                "(hidden)",
                f"looks like {what}, and is shown by `docker inspect`, whatever Pulumi encrypts in its state",
                "Hand it over as a file: `uploads` with a secret value, or a volume; many programs read NAME_FILE",
            )


def secret_in(name: str, value: str) -> str:
    """What kind of secret a value looks like, by itself or by its name; empty if it does not."""
    for what, pattern in _LOOKS.items():
        if pattern.search(value):
            return what
    words = _WORDS.sub("_", name)
    if _NAMED.search(words) and not _COUNTED.search(words) and not _is_harmless(value):
        return "a secret, by its name"
    return ""


def _is_harmless(value: str) -> bool:
    """Whether what stands under a secret's name is where to find it, or says only whether there is one."""
    return value.strip().lower() in _SAID_TO_BE_NONE or value.startswith(("/", "file:", "./"))


def _places(container: Resource) -> Iterator[tuple[str, str, str]]:
    for env in container.texts("envs"):
        name, _, value = env.partition("=")
        yield f"envs.{name}", name, value
    for label in container.mappings("labels"):
        name = text(label.get("label"))
        yield f"labels.{name}", name, text(label.get("value"))
    for key in ("entrypoints", "command"):
        yield from _arguments(key, container.texts(key))


def _arguments(key: str, arguments: list[str]) -> Iterator[tuple[str, str, str]]:
    """`--name=value`, and `--name value`, as programs take them."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if equals and name.startswith("-"):
            yield f"{key}.{name}", name.lstrip("-"), value
            continue
        before = arguments[at - 1] if at else ""
        of = before if before.startswith("-") and "=" not in before and not argument.startswith("-") else ""
        yield (f"{key}.{of}" if of else f"{key}[{at}]"), of.lstrip("-"), argument
