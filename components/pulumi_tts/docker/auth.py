"""Passwords of users and API keys: generated or given, secrets in the outputs, and hashes in the files."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pulumi

from pulumi_tts.config import ConfigError, Problem
from pulumi_tts.config.auth import key_weakness, password_weakness
from pulumi_tts.docker.passwords import generated_token, login_password
from pulumi_tts.docker.secrets import not_given
from pulumi_tts.plan.auth import ApiKeyPlan, UserPlan

Secrets = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What each has to show, and the hash by which that is known, by their names; both secret."""

    plain: pulumi.Output[dict[str, str]]
    hashes: pulumi.Output[dict[str, str]]


def passwords(name: str, users: Iterable[UserPlan], secrets: Secrets, parent: pulumi.Resource) -> Shown:
    """The passwords of users, and their bcrypt hashes. A weak one that was given fails the deployment."""
    plain, hashes = {}, {}
    for user in users:
        given = _given(user.password_key, secrets, partial(password_weakness, user=user.name))
        password = login_password(f"{name}-user-{user.name}", given, parent)
        plain[user.name], hashes[user.name] = password.plain, password.hashed
    return Shown(_secret(plain), _secret(hashes))


def api_keys(name: str, keys: Iterable[ApiKeyPlan], secrets: Secrets, parent: pulumi.Resource) -> Shown:
    """API keys, and their SHA-256. A weak one that was given fails the deployment, and so do two that are the same."""
    plain: dict[str, pulumi.Output[str]] = {}
    given: dict[str, pulumi.Output[str]] = {}
    for key in keys:
        own = _given(key.key_key, secrets, key_weakness)
        if own is not None:
            given[key.name] = own
        plain[key.name] = generated_token(f"{name}-key-{key.name}", parent) if own is None else own
    hashes = pulumi.Output.all(_secret(plain), _secret(given)).apply(lambda both: _hashes(*both))
    return Shown(_secret(plain), hashes)


def _given(key: str | None, secrets: Secrets, weakness: Callable[[str], str | None]) -> pulumi.Output[str] | None:
    if key is None:
        return None
    if problems := not_given([("secrets", key)], secrets):
        raise ConfigError(problems)

    def strong(value: str) -> str:
        if why := weakness(value):
            raise ConfigError([Problem("secrets", repr(key), why, "Leave it out, and one is generated")])
        return value

    return pulumi.Output.secret(secrets[key]).apply(strong)


def _secret(values: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[dict[str, str]]:
    together: pulumi.Output[dict[str, str]] = pulumi.Output.from_input(values)  # type: ignore[arg-type]
    # Nothing is no secret, and what it is written into can be read in a preview.
    return pulumi.Output.secret(together) if values else together


def _hashes(keys: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    if len(set(given.values())) < len(given):
        raise ConfigError([Problem("secrets", "(hidden)", "has one key for two names", "Give each a key of its own")])
    return {name: hashlib.sha256(key.encode()).hexdigest() for name, key in keys.items()}
