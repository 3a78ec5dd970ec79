"""The config of a stack, and the secrets that it refers to, out of Pulumi's config."""

from collections.abc import Container, Iterable
from typing import Any

import pulumi

from pulumi_tts.config import ConfigError, Problem, Stack
from pulumi_tts.config.auth_checks import secret_problems
from pulumi_tts.config.tls_checks import key_problems

_LONGEST = 16_384  # bytes; of private keys, an RSA key of 8192 bits has 6 400


def written_stack(config: pulumi.Config) -> Any:
    """What stands under `tts:stack`. Raises ConfigError if nothing does, or if a secret was put into it."""
    if config.get("stack") is None:
        problem = Problem("", "(nothing)", "is missing", "Write it into the stack's file; docs/config.yaml shows how")
        raise ConfigError([problem])
    if pulumi.runtime.is_config_secret(f"{config.name}:stack"):
        problem = Problem(
            "",
            "(hidden)",
            "has a secret inside, which would end up in the clear in containers and the state",
            "Take it out; where a secret is asked for, write {secret: KEY} and run: pulumi config set --secret tts:KEY",
        )
        raise ConfigError([problem])
    return config.require_object("stack")


def referenced_secrets(stack: Stack, config: pulumi.Config) -> dict[str, pulumi.Input[str]]:
    """Each secret that the config refers to, by its key.

    Raises ConfigError for every one that is missing, kept in the clear, empty, too long or weak.
    """
    problems: list[Problem] = []
    values: dict[str, str] = {}
    secrets: dict[str, pulumi.Input[str]] = {}
    for path, key in stack.secret_references:
        full_key = f"{config.name}:{key}"
        value = config.get(key)
        if value is None:
            problems.append(_problem(path, key, f"names the config key {full_key}, which is not set"))
        elif not pulumi.runtime.is_config_secret(full_key):
            problems.append(_problem(path, key, f"names the config key {full_key}, which is kept in the clear"))
        elif not 1 <= len(value.encode()) <= _LONGEST:
            reason = f"names the config key {full_key}, which has {len(value.encode())} bytes, not 1 to {_LONGEST}"
            problems.append(_problem(path, key, reason))
        else:
            values[key] = value
            secrets[key] = pulumi.Output.secret(value)
            problems += key_problems(stack.edge, path, value)
    problems += secret_problems(stack.edge, values)
    if problems:
        raise ConfigError(problems)
    return secrets


def not_given(references: Iterable[tuple[str, str]], given: Container[str]) -> list[Problem]:
    """A problem for each secret, of a path and a key, that is not among those given to a component."""
    return [
        Problem(path, repr(key), "is not among the secrets that were given", f"Add it: secrets={{{key!r}: …}}")
        for path, key in references
        if key not in given
    ]


def _problem(path: str, key: str, reason: str) -> Problem:
    return Problem(path, repr(key), reason, f"Run: pulumi config set --secret tts:{key}")
