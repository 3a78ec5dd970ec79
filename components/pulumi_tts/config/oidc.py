"""People who come in by an OpenID provider: the one that knows who they are, and which of them are let in."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from pulumi_tts.config.fields import Domain, HostTemplate, Seconds, Strict, refused
from pulumi_tts.config.provider import provider_address
from pulumi_tts.config.secret import SecretReference

MAX_EMAILS = 1000
_SHORTEST_SESSION = 300

_EMAIL = r"^[a-z0-9.!$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9.-]{1,253}$"
_WORD = r"^[!#-+.-\[\]-~-]([!#-+.-\[\]-~ -]{0,253}[!#-+.-\[\]-~-])?$"  # of RFC 6749's; a comma would part two
_SCOPE = r"^[!#-+.-\[\]-~-]{1,128}$"


def _issuer(value: str) -> str:
    provider_address(value, "an issuer", "https://login.example.com")
    if re.search("[?#]", value):  # OpenID Connect Discovery 1.0, 4.1
        raise refused("has a query or a fragment, and no issuer has", "Copy `issuer` of its openid-configuration")
    return value


def _host(value: str) -> str:
    if "{n}" in value:
        raise refused("has {n}, but there is one login", "Use a name such as 'login.{domain}'")
    return value


def _scopes(value: list[str]) -> list[str]:
    if "openid" not in value:
        raise refused("lacks openid, without which a provider says nobody's name", "Add openid")
    return value


def _session(value: int) -> int:
    if value < _SHORTEST_SESSION:
        raise refused("is too short: pages would lose their session while they are open", "Use at least 5m")
    return value


class OidcUser(StrEnum):
    """What people are called by."""

    email = "email"
    """Their e-mail address, as the provider writes it."""
    sub = "sub"
    """The provider's own id of them."""


class Allowed(Strict):
    """Who of all that the provider knows may come in: by address, by domain, by group."""

    emails: (
        Annotated[list[Annotated[str, Field(pattern=_EMAIL)]], Field(min_length=1, max_length=MAX_EMAILS)] | None
    ) = None
    """E-mail addresses, in lower case. Default: those of `domains`; without either, everybody's."""
    domains: Annotated[list[Domain], Field(min_length=1)] | None = None
    """Domains of e-mail addresses: everybody who has one there. Default: none."""
    groups: Annotated[list[Annotated[str, Field(pattern=_WORD)]], Field(min_length=1)] | None = None
    """Groups, as the provider has them in the claim `groups`: who is let in by address has to be in one of them too.
    Default: no matter which."""

    @model_validator(mode="after")
    def _somebody(self) -> "Allowed":
        if not (self.emails or self.domains or self.groups):
            raise refused("allows nobody", "Give emails, domains or groups; or write anybody")
        return self


class Anybody(StrEnum):
    """No list."""

    anybody = "anybody"
    """Whoever the provider lets in."""


ALLOWED_TAGS = ("<anybody>", "<allowed>")
AllowedField = Annotated[
    Annotated[Anybody, Field(strict=False), Tag(ALLOWED_TAGS[0])] | Annotated[Allowed, Tag(ALLOWED_TAGS[1])],
    Discriminator(lambda value: ALLOWED_TAGS[isinstance(value, dict | Allowed)]),
]


class Oidc(Strict):
    """The OpenID provider, and who of those it knows may come in.

    oauth2-proxy speaks with it, in a container of its own, of which any change but `allowed.emails` makes a new one:
    for a moment nobody comes in. Sessions outlive that.
    """

    issuer: Annotated[str, AfterValidator(_issuer)]
    """The provider, exactly as it calls itself; below it is `/.well-known/openid-configuration`. By https:// with a
    certificate of a publicly known authority."""
    client_id: Annotated[str, Field(pattern=_WORD)]
    """What the provider calls this stack."""
    client_secret: SecretReference
    """Where the secret is kept that the provider has given to it, as `{secret: KEY}`."""
    allowed: AllowedField
    """Who may come in: `{emails, domains, groups}`, or `anybody` whom the provider lets in, for a provider that knows
    nobody else."""
    host: Annotated[HostTemplate, AfterValidator(_host)] = "login.{domain}"
    """The host name, in `{domain}`, to which the provider sends people back: it has to know
    `https://HOST/oauth2/callback` as a redirect address of this client. At `/oauth2/sign_out` one signs out. Default:
    `login.{domain}`."""
    scopes: Annotated[list[Annotated[str, Field(pattern=_SCOPE)]], AfterValidator(_scopes)] = ["openid", "email"]
    """What the provider is asked for; some want one more for groups. Default: openid and email."""
    user: OidcUser = Field(default=OidcUser.email, strict=False)
    """What logs show and limits count by: `email` or `sub`. Default: email."""
    session: Annotated[Seconds, AfterValidator(_session)] = 8 * 3600
    """How long one is let in before the provider is asked again, which shows no page while one is signed in there; also
    how long somebody stays in who has lost their account there. Default: 8h."""

    @model_validator(mode="after")
    def _by_address(self) -> "Oidc":
        if isinstance(self.allowed, Allowed) and self.user is OidcUser.sub:
            for name in ("emails", "domains"):
                if getattr(self.allowed, name):
                    raise refused(
                        f"has allowed.{name} and user: sub, with which nobody's address is looked at",
                        "Write user: email, or allowed: {groups: […]}",
                    )
        return self


def client_secret_weakness(secret: str) -> str | None:
    """Why a provider's secret is refused; None for one that is taken. How long it is, is up to the provider."""
    return None if re.fullmatch(r"[!-~]+", secret) else "has spaces, line breaks or other characters that no secret has"
