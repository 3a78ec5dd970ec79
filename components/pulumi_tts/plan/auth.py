"""Who may come in by a route, and who checks it: the edge itself, or the guard, whom the edge asks."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from pulumi_tts.config.auth import LONGEST_KEY, Auth, Jwt, Login
from pulumi_tts.config.limits import Limits
from pulumi_tts.plan.oidc import OidcPlan, session_cookie

__all__ = [
    "AUTH_PORT",
    "EDGE_HEADER",
    "LONGEST_KEY",
    "OTHER_SPELLINGS",
    "USER_HEADER",
    "ApiKeyPlan",
    "EdgeAuthPlan",
    "GuardAuthPlan",
    "JwtPlan",
    "LimitsPlan",
    "Login",
    "RatePlan",
    "UserPlan",
    "checked_at",
    "plan_edge_auth",
    "plan_guard_auth",
    "plan_limits",
]

USER_HEADER = "X-Pulumi-Tts-User"
"""Names whoever came in: the edge sets it after the login, the guard logs it; engines do not get it."""
OTHER_SPELLINGS = tuple(
    "".join(parts) for parts in product(*(("X",), "-_", ("Pulumi",), "-_", ("Tts",), "-_", ("User",))) if "_" in parts
)
"""What programs that take `_` for `-` in a header's name would read as that header."""
WITHOUT_USER = (USER_HEADER, "")
"""Takes it away before an engine that the edge asks itself."""

EDGE_HEADER = "X-Pulumi-Tts-Edge"
"""Says to the guard that it is the edge who asks, by a secret that the two share; no engine gets it."""

AUTH_PORT = 8082
"""Where the guard tells the edge whether a key or a token is good."""
JWT_PATH = "/jwt"
KEYS_PATH = "/api_keys/"
"""Before the name of the pool that a key is shown for."""
SESSION_PATH = "/session"
"""Whose session oauth2-proxy has found, and what is left of the cookies without it."""
COOKIES_PATH = "/cookies"
"""What is left of cookies without a session."""
SIGNED_OUT_PATH = "/signed_out"
"""What somebody is told who has signed out."""
EMAIL_HEADER = "X-Auth-Request-Email"
"""By which oauth2-proxy says whose session it is."""
LIMITED_PATH = "/limited"
"""What a client is told that asks for more than it may."""


@dataclass(frozen=True, slots=True)
class UserPlan:
    """A user of `basic`."""

    name: str
    password_key: str | None
    """The config key of a password given by the user; absent for a generated one."""


@dataclass(frozen=True, slots=True)
class ApiKeyPlan:
    """An API key, by its name."""

    name: str
    key_key: str | None
    """The config key of a key given by the user; absent for a generated one."""
    pools: tuple[str, ...] | None
    """The pools that it is for; absent for all."""


@dataclass(frozen=True, slots=True)
class JwtPlan:
    """Whose tokens are good; times in seconds."""

    issuer: str
    audiences: tuple[str, ...]
    url: str | None
    """Where the keys are fetched from."""
    cache: int
    keys: str | None
    """The keys as JSON, where they are not fetched."""
    user: str
    claims: tuple[tuple[str, str], ...]
    skew: int


@dataclass(frozen=True, slots=True)
class RatePlan:
    """Requests over time; the period in seconds."""

    average: int
    period: int
    burst: int


@dataclass(frozen=True, slots=True)
class LimitsPlan:
    """How much one user may ask for on a route; neither of both: as much as there is."""

    rate: RatePlan | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class EdgeAuthPlan:
    """What the edge asks of who comes in, where a route does not say."""

    default: Login
    limits: LimitsPlan
    users: tuple[UserPlan, ...]
    checked_at: str | None
    """Where the guard answers whether keys and tokens are good; absent where there is no such guard."""
    trusted_proxies: tuple[str, ...] = ()
    """Whose word is taken for the address that a limit counts by, in CIDR notation."""
    oidc: OidcPlan | None = None
    """Absent without a login by an OpenID provider."""


@dataclass(frozen=True, slots=True)
class GuardAuthPlan:
    """What the guard tells the edge about keys, tokens and limits."""

    keys: tuple[ApiKeyPlan, ...]
    jwt: JwtPlan | None
    session_cookie: str | None = None
    """What the cookies' names begin with of a session by an OpenID provider; absent without such a login."""

    @property
    def fetches(self) -> bool:
        """Whether the guard needs a way out, to the keys that tokens are signed with."""
        return self.jwt is not None and self.jwt.url is not None


def checked_at(guard: str) -> str:
    """Where a guard answers the edge; ``guard`` is its container's name."""
    return f"http://{guard}:{AUTH_PORT}"


def plan_edge_auth(
    auth: Auth,
    limits: Limits | None,
    guard: str | None,
    trusted_proxies: Iterable[str],
    oidc: OidcPlan | None = None,
) -> EdgeAuthPlan:
    """What follows from who may come in, at the edge; ``guard`` is the container of the one that checks."""
    return EdgeAuthPlan(
        default=auth.default,
        limits=plan_limits(limits) or LimitsPlan(),
        users=tuple(UserPlan(user.name, user.password.secret if user.password else None) for user in auth.users),
        checked_at=checked_at(guard) if guard else None,
        trusted_proxies=tuple(trusted_proxies),
        oidc=oidc,
    )


def plan_guard_auth(auth: Auth, limits: Iterable[Limits | str | None]) -> GuardAuthPlan | None:
    """What follows from it at the guard; absent where the edge has nothing to ask it: no login, no limits."""
    if not (auth.api_keys or auth.jwt or auth.oidc or any(isinstance(each, Limits) for each in limits)):
        return None
    return GuardAuthPlan(
        keys=tuple(
            ApiKeyPlan(key.name, key.key.secret if key.key else None, tuple(sorted(key.pools)) if key.pools else None)
            for key in auth.api_keys
        ),
        jwt=_jwt(auth.jwt) if auth.jwt else None,
        session_cookie=session_cookie(auth.oidc) if auth.oidc else None,
    )


def plan_limits(limits: Limits | str | None) -> LimitsPlan | None:
    """What follows from a pool's limits; absent for those of the edge."""
    if limits is None:
        return None
    if not isinstance(limits, Limits):
        return LimitsPlan()
    rate = limits.rate
    return LimitsPlan(
        rate=RatePlan(rate.average, rate.period, rate.burst or rate.average) if rate else None,
        concurrent=limits.concurrent,
    )


def _jwt(jwt: Jwt) -> JwtPlan:
    return JwtPlan(
        issuer=jwt.issuer,
        audiences=tuple(jwt.audiences),
        url=jwt.jwks.url,
        cache=jwt.jwks.cache,
        keys=json.dumps({"keys": jwt.jwks.keys}) if jwt.jwks.keys else None,
        user=jwt.user,
        claims=tuple(sorted(jwt.claims.items())),
        skew=jwt.skew,
    )
