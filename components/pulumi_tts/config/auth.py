"""Who may come in: users with passwords, programs with keys, and those whom an identity provider vouches for."""

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from pulumi_tts.config.fields import Name, Seconds, Strict, is_ip_address, mapping_as, refused
from pulumi_tts.config.oidc import Oidc
from pulumi_tts.config.provider import provider_address
from pulumi_tts.config.secret import SecretReference

MAX_USERS = 1000
MAX_KEYS = 1000
"""As many as one file of the edge, or the guard, holds without a preview taking longer (about 100 bytes each)."""

SHORTEST_PASSWORD = 12
"""Characters. Who guesses at a login of the edge's is only slowed by bcrypt."""
LONGEST_PASSWORD = 72
"""Bytes; bcrypt cuts what is longer."""
SHORTEST_KEY = 32
"""Characters; of hexadecimal digits that is 128 bits, which nobody guesses, so that one SHA-256 protects them."""
LONGEST_KEY = 256
_FEWEST_IN_PASSWORD, _FEWEST_IN_KEY = 5, 10
"""Different characters; a random key of 32 hexadecimal digits has 14 of them, and fewer than 10 once in 30 000."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # token68 of RFC 7235, 2.1, in any order
_CLAIM = r"^[A-Za-z0-9_:/.-]{1,128}$"
_PRIVATE_PARTS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")  # RFC 7518, 6.2.2, 6.3.2 and 6.4.1


_PUBLIC_PARTS: dict[tuple[object, object], dict[str, range]] = {
    ("RSA", None): {"n": range(256, 1025), "e": range(1, 9)},
    ("EC", "P-256"): dict.fromkeys(("x", "y"), range(32, 33)),
    ("EC", "P-384"): dict.fromkeys(("x", "y"), range(48, 49)),
    ("EC", "P-521"): dict.fromkeys(("x", "y"), range(66, 67)),
    ("OKP", "Ed25519"): {"x": range(32, 33)},
}
"""Of each kind of key, by kty and crv: its parts, and how many bytes they have."""


class Login(StrEnum):
    """How one comes in by a route."""

    open = "open"
    """Without a login."""
    basic = "basic"
    """With a user's name and password, as browsers ask for them."""
    api_keys = "api_keys"
    """With a key: `Authorization: Bearer KEY`, as OpenAI's clients send it, or `X-API-Key: KEY`."""
    jwt = "jwt"
    """With a token of an identity provider: `Authorization: Bearer TOKEN`."""
    oidc = "oidc"
    """With a browser, by the page of an OpenID provider: who has no session is sent there."""


LoginField = Annotated[Login, Field(strict=False)]

UserName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]


class User(Strict):
    """A person, by name and password."""

    name: UserName
    """The name, which is what logs show and limits count by."""
    password: SecretReference | None = None
    """Where the password is kept, as `{secret: KEY}`; at least 12 characters. Default: a generated one, in the stack's
    outputs. Each request costs the edge 60 ms of a core with a given one, 1 ms with a generated one; so one address
    may make 8 requests a second, or 50 where all are generated, and 200 at once; more are answered 429."""


class ApiKey(Strict):
    """A program, by a key."""

    name: UserName
    """The key's name, which is what logs show and limits count by."""
    key: SecretReference | None = None
    """Where the key is kept, as `{secret: KEY}`; at least 32 characters. Default: a generated one, in the stack's
    outputs."""
    pools: Annotated[list[Name], Field(min_length=1)] | None = None
    """The pools that it is for; in others it is answered 403. Default: every pool that takes keys."""


def _jwks_url(value: str) -> str:
    match = provider_address(value, "an address of a key set", "https://login.example.com/jwks.json")
    if match["scheme"] == "https" and is_ip_address(match["host"]):
        raise refused(
            "has an address, and the guard knows certificates by their names",
            "Write the name that the provider's certificate is for",
        )
    return value


def _public_key(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("kty") == "oct" or any(part in value for part in _PRIVATE_PARTS):
        raise refused("has a private part: who reads it could let anybody in", "Give the public key")
    # The guard would refuse all that it is told together with a key that it cannot read.
    parts = _PUBLIC_PARTS.get((value.get("kty"), value.get("crv")), {})
    if not parts or any(_bytes(value.get(part)) not in sizes for part, sizes in parts.items()):
        kinds = "RSA of 2048 bits or more, EC (P-256, P-384 or P-521) and OKP (Ed25519)"
        raise refused("is not a whole public key", f"Copy the keys of your identity provider's jwks_uri: {kinds}")
    return value


def _bytes(encoded: object) -> int | None:
    """How many there are in unpadded Base64 for addresses, as keys have it."""
    if not isinstance(encoded, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", encoded):
        return None
    return len(encoded) * 6 // 8


class Jwks(Strict):
    """The public keys that tokens are signed with."""

    url: Annotated[str, AfterValidator(_jwks_url)] | None = None
    """Where the identity provider publishes them (its `jwks_uri`); by https:// with a certificate of a publicly known
    authority, for no other is trusted. The guard gets a network with a way out for it: the first `url` replaces the
    guard, and so does taking it away."""
    cache: Seconds = 600
    """How long they are kept before they are fetched again. Default: 10m."""
    keys: Annotated[list[Annotated[dict[str, Any], AfterValidator(_public_key)]], Field(min_length=1)] | None = None
    """The keys themselves, in place of url."""

    @model_validator(mode="after")
    def _one_source(self) -> "Jwks":
        if (self.url is None) == (self.keys is None):
            raise refused("says not where the keys come from, or says it twice", "Give either url or keys")
        if self.keys is not None and "cache" in self.model_fields_set:
            raise refused("has cache, and keys that are written here are never fetched", "Leave cache out")
        return self


class Jwt(Strict):
    """Tokens of an identity provider."""

    issuer: Annotated[str, Field(min_length=1, max_length=512)]
    """The provider, exactly as its tokens have it in `iss`."""
    audiences: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """Whom tokens are for: one of these has to be in `aud`. Without it, a token for any other service would do."""
    jwks: Jwks
    """The keys that they are signed with."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")] = "sub"
    """The claim that says who it is, which is what logs show and limits count by; one inside another as in `a.b`. A
    token without it is refused. Default: sub."""
    claims: dict[Annotated[str, Field(pattern=_CLAIM)], Annotated[str, Field(min_length=1)]] = {}
    """Claims that a token must have, with the value that each must have, or have in its list; a token without is
    answered 403. Default: none."""
    skew: Seconds = 60
    """By how much the provider's clock and this one may differ. Default: 60s."""


class Auth(Strict):
    """Who may come in, and what they have to show."""

    default: LoginField = Login.open
    """What pools ask for that do not say: `open`, `basic`, `api_keys`, `jwt` or `oidc`. Default: open. Containers that
    join by their labels are not asked here: they bring logins of their own."""
    users: Annotated[list[Annotated[User, mapping_as("{name: anna}")]], Field(max_length=MAX_USERS)] = []
    """Who comes in by `basic`. Default: nobody."""
    api_keys: Annotated[list[Annotated[ApiKey, mapping_as("{name: app}")]], Field(max_length=MAX_KEYS)] = []
    """What comes in by `api_keys`. Default: nothing."""
    jwt: Jwt | None = None
    """Whose tokens come in by `jwt`. Default: nobody's."""
    oidc: Oidc | None = None
    """Who comes in by `oidc`. Default: nobody."""

    @property
    def configured(self) -> frozenset[Login]:
        """The logins by which anybody can come in."""
        by = {
            Login.open: True,
            Login.basic: self.users,
            Login.api_keys: self.api_keys,
            Login.jwt: self.jwt,
            Login.oidc: self.oidc,
        }
        return frozenset(login for login, who in by.items() if who)


class RouteAuth(Strict):
    """What each of a pool's ways in asks for; the stack's default where one is absent."""

    pool: LoginField | None = None
    """The host name shared by all instances."""
    instance: LoginField | None = None
    """The host name of each instance."""
    path: LoginField | None = None
    """The path prefix."""


AUTH_TAGS = ("<login>", "<login of each route>")
AuthField = Annotated[
    Annotated[LoginField, Tag(AUTH_TAGS[0])] | Annotated[RouteAuth, Tag(AUTH_TAGS[1])],
    Discriminator(lambda value: AUTH_TAGS[isinstance(value, dict | RouteAuth)]),
]


def password_weakness(password: str, user: str) -> str | None:
    """Why a password is refused; None for one that is taken."""
    if len(password) < SHORTEST_PASSWORD:
        return f"has {len(password)} characters, fewer than {SHORTEST_PASSWORD}"
    if len(password.encode()) > LONGEST_PASSWORD:
        return f"has {len(password.encode())} bytes, more than the {LONGEST_PASSWORD} that bcrypt reads"
    if len(set(password)) < _FEWEST_IN_PASSWORD:
        return f"has only {len(set(password))} different characters"
    if user.casefold() in password.casefold() and len(password) - len(user) < SHORTEST_PASSWORD:
        return "is little more than the user's name"
    return None


def key_weakness(key: str) -> str | None:
    """Why an API key is refused; None for one that is taken."""
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        return f"has {len(key)} characters, not {SHORTEST_KEY} to {LONGEST_KEY}"
    if not _TOKEN.fullmatch(key):
        return "has characters other than letters, digits and -._~+/="
    if len(set(key)) < _FEWEST_IN_KEY:
        return f"has only {len(set(key))} different characters"
    return None
