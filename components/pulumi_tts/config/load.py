"""From what a user wrote to a checked config, or to everything that is wrong with it at once."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from pulumi_tts.config.alerting import Alertmanager, Email, Receiver, Slack, Webhook
from pulumi_tts.config.auth import AUTH_TAGS, ApiKey, Auth, Jwks, Jwt, RouteAuth, User
from pulumi_tts.config.auth_checks import auth_checks
from pulumi_tts.config.care_checks import care_checks
from pulumi_tts.config.checks import cross_checks
from pulumi_tts.config.edge import Dashboard, Discovery, Edge
from pulumi_tts.config.fields import Domain
from pulumi_tts.config.front import AccessLog
from pulumi_tts.config.gpu_checks import pool_checks
from pulumi_tts.config.guard import GUARD_TAGS, Canary, CanaryHeader, Deadlines, Ejection, Guard, GuardHealth, PoolGuard
from pulumi_tts.config.guard_checks import canary_checks
from pulumi_tts.config.host import MPS_TAGS, Gpu, Host, Mps
from pulumi_tts.config.host_checks import host_checks
from pulumi_tts.config.hub import Hub
from pulumi_tts.config.keeper import HEAL_TAGS, Heal, Keeper, Restart
from pulumi_tts.config.limits import LIMITS_TAGS, Limits, Rate
from pulumi_tts.config.observability import Observability, Prometheus, RemoteWrite, Retention, Slo
from pulumi_tts.config.observability_checks import observability_checks
from pulumi_tts.config.outputs import OutputsLimit
from pulumi_tts.config.pin import Pin
from pulumi_tts.config.pool import ENGINE_TAGS, Pool, Routes
from pulumi_tts.config.problems import ConfigError, Problem, did_you_mean, shown
from pulumi_tts.config.profile import Health, Profile
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.stack import Stack
from pulumi_tts.config.tls import (
    CHALLENGE_TAGS,
    SETTING_TAGS,
    TLS_TAGS,
    Dns,
    DnsChallenge,
    GivenCertificate,
    LetsEncrypt,
    SelfSigned,
    Tls,
)
from pulumi_tts.config.tracing import Export, Keep, Tracing
from pulumi_tts.config.weights import Link, Weights

T = TypeVar("T")
Location = tuple[int | str, ...]

_EXPECTED = {
    "string_type": ("is not text", "Write text; quote what YAML takes for something else"),
    "int_type": ("is not a whole number", "Write a whole number, without quotes"),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes"),
    "list_type": ("is not a list", "Write a YAML list: one item a line, each after '- '"),
    "dict_type": ("is not a mapping", "Write a YAML mapping: one 'key: value' a line"),
    "model_type": ("is not a mapping", "Write a YAML mapping: one 'key: value' a line"),
    "missing": ("is missing", "Add it"),
    "greater_than_equal": ("is too small", "Use at least {ge}"),
    "less_than_equal": ("is too large", "Use at most {le}"),
    "too_short": ("has too few items", "Give at least {min_length}"),
    "too_long": ("has too many items", "Give at most {max_length}"),
    "enum": ("is not one of the choices", "Choose {expected}"),
    "string_pattern_mismatch": ("is not written as expected", "It has to match {pattern}"),
}
_SECRET_FIELDS: dict[Location, str] = {
    ("edge", "dashboard", "password"): "dashboardPassword",
    ("edge", "auth", "users", "password"): "thatUsersPassword",
    ("edge", "auth", "api_keys", "key"): "thatAppsKey",
    ("hub", "token"): "hubToken",
    ("edge", "tls", "certificates", "key"): "edgeKey",
    ("observability", "prometheus", "remote_write", "secret"): "remoteWriteToken",
    ("observability", "alertmanager", "receivers", "webhook", "token"): "hookToken",
    ("observability", "alertmanager", "receivers", "email", "password"): "mailPassword",
    ("observability", "alertmanager", "receivers", "slack", "url"): "slackUrl",
}
_SECRET_HEADERS: Location = ("observability", "tracing", "export", "headers")
"""Below it, each by a name of the user's own."""
_SECRET_WORDS = re.compile(r"pass|secret|token|credential|api_?key|\.key$|slack\.url", re.IGNORECASE)
_TAGS = (
    *AUTH_TAGS,
    *ENGINE_TAGS,
    *GUARD_TAGS,
    *HEAL_TAGS,
    *LIMITS_TAGS,
    *MPS_TAGS,
    *TLS_TAGS,
    *CHALLENGE_TAGS,
    *SETTING_TAGS,
)


def load_stack(raw: object) -> Stack:
    """The checked config.

    Raises ConfigError with every problem found, those of single fields and those between parts.
    """
    problems: list[Problem] = []
    stack: Stack | None = None
    try:
        stack = Stack.model_validate(raw)
    except ValidationError as error:
        problems += [problem_of(details) for details in error.errors()]
    domain, pools, edge = _right_parts(stack, raw)
    problems += cross_checks(domain, pools, edge)
    problems += canary_checks(pools)
    problems += _auth_checks(stack, raw, pools)
    problems += care_checks(pools, _right_zone(stack, raw))
    problems += _observability_checks(stack, raw)
    hosts, all_right = _right_hosts(stack, raw)
    problems += host_checks(hosts)
    if all_right:
        problems += pool_checks(list(hosts.values()), pools)
    if problems or stack is None:
        raise ConfigError(problems)
    return stack


def load_part(model: Any, raw: object, path: str = "") -> Any:
    """One part of a config, such as an Edge, for the components that are used without a whole stack.

    Raises ConfigError with every problem found, their paths below ``path``.
    """
    try:
        return TypeAdapter(model).validate_python(raw)
    except ValidationError as error:
        raise ConfigError([problem_of(details, path) for details in error.errors()]) from None


def load_pool(raw: object, domain: str) -> Pool:
    """A pool that stands alone, checked as in a stack; its problems are below `pool`, or `domain`.

    Raises ConfigError with every problem found.
    """
    checked_domain: str = load_part(Domain, domain, "domain")
    pool: Pool = load_part(Pool, raw, "pool")
    no_edge = Edge(dashboard=Dashboard(enabled=False))
    problems = [
        replace(problem, path=problem.path.replace("pools[0]", "pool", 1))
        for problem in [*cross_checks(checked_domain, {0: pool}, no_edge), *care_checks({0: pool}, Keeper().zone)]
    ]
    if problems:
        raise ConfigError(problems)
    return pool


def _right_parts(stack: Stack | None, raw: object) -> tuple[str, dict[int, Pool], Edge]:
    """The parts that are right alone, so that problems between them show beside those of the others."""
    if stack:
        return stack.domain, dict(enumerate(stack.pools)), stack.edge
    written = cast("Mapping[str, Any]", raw) if isinstance(raw, Mapping) else {}
    right_pools = _right_items(Pool, written.get("pools"))
    domain = _right(Domain, written.get("domain", "localhost")) or "localhost"
    edge = _right(Edge, written.get("edge", {})) or Edge(dashboard=Dashboard(enabled=False))
    return domain, right_pools, edge


def _auth_checks(stack: Stack | None, raw: object, pools: Mapping[int, Pool]) -> list[Problem]:
    """Nothing of an edge that is not right: what it lets in is not known then."""
    if stack:
        return list(auth_checks(stack.edge, pools, [pool.name for pool in stack.pools]))
    written = raw if isinstance(raw, Mapping) else {}
    edge = _right(Edge, written.get("edge", {}))
    return list(auth_checks(edge, pools, _names(written))) if edge else []


def _observability_checks(stack: Stack | None, raw: object) -> list[Problem]:
    if stack:
        watching, names = stack.observability, [pool.name for pool in stack.pools]
    else:
        written = raw if isinstance(raw, Mapping) else {}
        watching, names = _right(Observability, written.get("observability")), _names(written)
    return list(observability_checks(watching, names)) if watching else []


def _names(written: Mapping[str, Any]) -> list[str]:
    """The names of all pools, also of those that are not right."""
    named = written.get("pools")
    items = named if isinstance(named, list) else []
    return [item["name"] for item in items if isinstance(item, Mapping) and isinstance(item.get("name"), str)]


def _right_zone(stack: Stack | None, raw: object) -> str:
    if stack:
        return stack.keeper.zone
    written = raw.get("keeper", {}) if isinstance(raw, Mapping) else {}
    keeper: Keeper = _right(Keeper, written) or Keeper()
    return keeper.zone


def _right_hosts(stack: Stack | None, raw: object) -> tuple[dict[int, Host], bool]:
    """The hosts that are right alone, and whether that is all of them."""
    if stack:
        return dict(enumerate(stack.hosts)), True
    written = raw.get("hosts", [{}]) if isinstance(raw, Mapping) else [{}]
    right = _right_items(Host, written)
    return right, isinstance(written, list) and len(right) == len(written)


def _right_items(model: type[T], written: object) -> dict[int, T]:
    items = enumerate(written) if isinstance(written, list) else ()
    return {at: right for at, item in items if (right := _right(model, item))}


def _right(kind: Any, raw: object) -> Any:
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError:
        return None


def problem_of(details: ErrorDetails, below: str = "") -> Problem:
    """One of pydantic's errors in this package's words."""
    location = tuple(part for part in details["loc"] if part not in _TAGS)
    value = "(nothing)" if details["type"] == "missing" else _shown_unless_secret(location, details["input"])
    return Problem(yaml_path(location, below), value, *_reason_and_remedy(location, details))


def _reason_and_remedy(location: Location, details: ErrorDetails) -> tuple[str, str]:
    kind = details["type"]
    context = details.get("ctx", {})
    named = tuple(part for part in location if isinstance(part, str))
    if kind == "model_type" and named in _SECRET_FIELDS:
        return _in_the_clear(_SECRET_FIELDS[named])
    if kind == "model_type" and named[:-1] == _SECRET_HEADERS:
        return _in_the_clear("otlpToken")
    if kind == "refused":
        return context["reason"], context["remedy"]
    if kind == "extra_forbidden":
        known = _fields_at(location[:-1])
        return "is under a key that is not known here", did_you_mean(str(details["loc"][-1]), known)
    if kind in _EXPECTED:
        reason, remedy = _EXPECTED[kind]
        return reason, remedy.format_map(context) if context else remedy
    return "is not accepted", details["msg"]


def _in_the_clear(key: str) -> tuple[str, str]:
    return "is a secret in the clear", f"Write {{secret: {key}}} here and run: pulumi config set --secret tts:{key}"


def _shown_unless_secret(location: Location, value: object) -> str:
    """The value for a message; what may be a secret stays out of terminals and CI logs."""
    secret = (
        _SECRET_WORDS.search(yaml_path(location[-2:]))
        or location[: len(_SECRET_HEADERS)] == _SECRET_HEADERS
        or (isinstance(value, str) and "PRIVATE KEY" in value)
    )
    return "(hidden)" if secret else shown(value)


def yaml_path(location: Location, below: str = "") -> str:
    """A place in the YAML as people write it: `pools[0].routes.instance`."""
    path = below
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path


_MODELS: dict[str, type[BaseModel]] = {
    "pools": Pool,
    "engine": Profile,
    "health": Health,
    "weights": Weights,
    "links": Link,
    "hub": Hub,
    "token": SecretReference,
    "routes": Routes,
    "edge": Edge,
    "dashboard": Dashboard,
    "access_log": AccessLog,
    "discovery": Discovery,
    "password": SecretReference,
    "auth": Auth,
    "pools.auth": RouteAuth,
    "users": User,
    "api_keys": ApiKey,
    "api_keys.key": SecretReference,
    "jwt": Jwt,
    "jwks": Jwks,
    "limits": Limits,
    "rate": Rate,
    "hosts": Host,
    "gpus": Gpu,
    "mps": Mps,
    "outputs_limit": OutputsLimit,
    "pins": Pin,
    "guard": Guard,
    "pools.guard": PoolGuard,
    "guard.health": GuardHealth,
    "ejection": Ejection,
    "deadlines": Deadlines,
    "canary": Canary,
    "header": CanaryHeader,
    "keeper": Keeper,
    "restart": Restart,
    "heal": Heal,
    "tls": Tls,
    "self_signed": SelfSigned,
    "tls.certificates": GivenCertificate,
    "certificates.key": SecretReference,
    "letsencrypt": LetsEncrypt,
    "challenge": DnsChallenge,
    "dns": Dns,
    "credentials": SecretReference,
    "observability": Observability,
    "tracing": Tracing,
    "keep": Keep,
    "export": Export,
    "export.headers": SecretReference,
    "prometheus": Prometheus,
    "retention": Retention,
    "remote_write": RemoteWrite,
    "remote_write.secret": SecretReference,
    "slo": Slo,
    "alertmanager": Alertmanager,
    "receivers": Receiver,
    "webhook": Webhook,
    "email": Email,
    "slack": Slack,
    "slack.url": SecretReference,
}


def _fields_at(location: Location) -> list[str]:
    """The keys that may stand at a place of the config."""
    keys = [part for part in location if isinstance(part, str)]
    if not keys:
        return list(Stack.model_fields)
    # Below credentials stand names of a user's own.
    places = (".".join(keys[-2:]), keys[-1], *keys[-2:-1])
    return list(next(_MODELS[place] for place in places if place in _MODELS).model_fields)
