"""The secrets that a config refers to, out of the stack's Pulumi config."""

import pulumi

from pulumi_tts.config import ConfigError, Problem, Stack


def referenced_secrets(stack: Stack, config: pulumi.Config) -> dict[str, pulumi.Input[str]]:
    """Each secret that the config refers to, by its key.

    Raises ConfigError for every one that is missing, or kept in the clear.
    """
    problems = []
    secrets: dict[str, pulumi.Input[str]] = {}
    for path, key in stack.secret_references:
        full_key = f"{config.name}:{key}"
        value = config.get_secret(key)
        if value is None:
            problems.append(_problem(path, key, f"names the config key {full_key}, which is not set"))
        elif not pulumi.runtime.is_config_secret(full_key):
            problems.append(_problem(path, key, f"names the config key {full_key}, which is kept in the clear"))
        else:
            secrets[key] = value
    if problems:
        raise ConfigError(problems)
    return secrets


def _problem(path: str, key: str, reason: str) -> Problem:
    return Problem(path, repr(key), reason, f"Run: pulumi config set --secret tts:{key}")
