"""TLS at the edge: where its certificates come from, and what clients have to speak."""

import re
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from pulumi_tts.config.fields import HostTemplate, Port, Seconds, Strict, VariableName, refused
from pulumi_tts.config.outputs import Age
from pulumi_tts.config.pem import Pem
from pulumi_tts.config.problems import did_you_mean
from pulumi_tts.config.secret import SecretReference

NAMES_A_CERTIFICATE = 100
"""As many as Let's Encrypt puts into one (its rate limits, 2025)."""
CERTIFICATES_A_WEEK = 50
"""As many new ones as Let's Encrypt gives a registered domain; renewals are not counted."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SERVER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[\x21-\x7e]*")
_RESOLVER = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}")
_SECRET_VARIABLE = re.compile(r"TOKEN|SECRET|PASS|PRIVATE|(^|_)(API_?)?KEY$|SERVICE_ACCOUNT(?!.*_FILE$)", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"PRIVATE KEY|private_key")  # in PEM, and in the JSON of a service account
_MOZILLAS_HSTS = 730 * 86_400  # seconds: two years (ssl-config.mozilla.org, guideline 6.0)
_LONGEST_LASTING = 398 * 86_400  # seconds; what browsers accept of any public authority


def _no_number(value: str) -> str:
    if "{n}" in value:
        raise refused("has {n}, and no instance is meant", "Write each name, as in 'tools.{domain}'")
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise refused("is not an e-mail address", "Write one that is read, as in 'ops@example.com'")
    return value


def _server(value: str) -> str:
    if not _SERVER.fullmatch(value):
        raise refused(
            "is not an ACME server's directory",
            "Write its https:// address, as in 'https://ca.internal/acme/directory'",
        )
    return value


def _resolver(value: str) -> str:
    if not _RESOLVER.fullmatch(value):
        raise refused("is not a name server with its port", "Write it as in '10.0.0.2:53'")
    return value


def dns_providers() -> list[str]:
    """The DNS providers that the pinned Traefik knows."""
    lines = files("pulumi_tts.config").joinpath("dns_providers.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def _provider(value: str) -> str:
    known = dns_providers()
    if value not in known:
        near = did_you_mean(value, known)
        remedy = (
            near if near.startswith("Did") else "Lego's documentation lists them: https://go-acme.github.io/lego/dns"
        )
        raise refused("is not a DNS provider that Traefik knows", remedy)
    return value


def _no_secret_in_the_clear(value: dict[str, Any]) -> dict[str, Any]:
    for name, setting in value.items():
        if isinstance(setting, str) and (_SECRET_VARIABLE.search(name) or _PRIVATE_KEY.search(setting)):
            raise refused(
                f"has {name} in the clear",
                f"Write {name}: {{secret: KEY}} and run: pulumi config set --secret tts:KEY",
            )
    return value


def _off(value: Any) -> Any:
    # YAML 1.1 takes the word off for false.
    return "off" if value is False else value


def _off_or_tls(value: Any) -> Any:
    written = _off(value)
    if written != "off" and not isinstance(written, dict | Tls):
        raise refused(
            "is neither 'off' nor says where certificates come from",
            "Write {letsencrypt: {email: …}}, {self_signed: {}} or {certificates: […]}",
        )
    return written


def _challenge(value: Any) -> Any:
    if not isinstance(value, dict | DnsChallenge) and value not in list(Challenge):
        raise refused(
            "is not one of the challenges",
            "Choose 'tls_alpn' or 'http', or write {dns: {provider: …, credentials: …}}",
        )
    return value


def _age_or_off(value: Any, age: ValidatorFunctionWrapHandler) -> Any:
    return 0 if _off(value) == "off" else age(value)


def _lasting(value: int) -> int:
    if value > _LONGEST_LASTING:
        raise refused("is longer than any public certificate lasts", "Use at most 398d")
    return value


AgeOrOff = Annotated[
    Age, WrapValidator(_age_or_off), WithJsonSchema({"type": "string", "pattern": "^([0-9]{1,5}(h|d)|off)$"})
]
TlsName = Annotated[HostTemplate, AfterValidator(_no_number)]
SETTING_TAGS = ("<setting>", "<secret setting>")
Setting = Annotated[
    Annotated[str, Tag(SETTING_TAGS[0])] | Annotated[SecretReference, Tag(SETTING_TAGS[1])],
    Discriminator(lambda value: SETTING_TAGS[isinstance(value, dict | SecretReference)]),
]


class TlsProfile(StrEnum):
    """What clients have to speak, after Mozilla's guideline for servers."""

    intermediate = "intermediate"
    """TLS 1.2 with forward secrecy and AEAD ciphers, and TLS 1.3: any browser and library since 2015 or so."""
    modern = "modern"
    """TLS 1.3 alone."""


class KeyType(StrEnum):
    """The kind of key that certificates are ordered for."""

    ec256 = "EC256"
    """P-256: short, fast, and taken by every client of the last ten years."""
    ec384 = "EC384"
    """P-384."""
    rsa2048 = "RSA2048"
    """For clients that know no elliptic curves."""
    rsa4096 = "RSA4096"
    """The same, longer and slower."""


class Challenge(StrEnum):
    """How the ACME server is shown that the names are ours, where it can reach the edge."""

    tls_alpn = "tls_alpn"
    """It connects to port 443 of each name."""
    http = "http"
    """It asks on port 80 of each name."""


class Dns(Strict):
    """A DNS provider whose API can write records of the names' zones."""

    provider: Annotated[str, AfterValidator(_provider)]
    """Its name in lego's list (https://go-acme.github.io/lego/dns), as `cloudflare` or `route53`."""
    credentials: Annotated[dict[VariableName, Setting], AfterValidator(_no_secret_in_the_clear)] = {}
    """What the provider wants, by lego's names of it: `{secret: KEY}`, or text for what is no secret. Default: nothing.

    Secrets reach the edge as files; a change of one replaces the edge, which reads them when it starts."""
    resolvers: list[Annotated[str, AfterValidator(_resolver)]] = []
    """Name servers, with their ports, that are asked for the zones. Default: those of the edge's container."""
    wait: Seconds | None = None
    """So long after a record was written, the ACME server is told to look; for edges that cannot reach the zones' own
    name servers. Default: until those have it."""


class DnsChallenge(Strict):
    """How the ACME server is shown that the names are ours, where it cannot reach the edge, or for wildcards."""

    dns: Dns
    """The provider of the names' zones."""


CHALLENGE_TAGS = ("<reached>", "<by DNS>")
ChallengeField = Annotated[
    Annotated[Challenge, Field(strict=False), Tag(CHALLENGE_TAGS[0])] | Annotated[DnsChallenge, Tag(CHALLENGE_TAGS[1])],
    Discriminator(lambda value: CHALLENGE_TAGS[isinstance(value, dict | DnsChallenge)]),
    BeforeValidator(_challenge),
]


class LetsEncrypt(Strict):
    """Certificates that are ordered, and renewed in time, by ACME: from Let's Encrypt, or from a server of one's own.

    They are kept in a volume that outlives edge and stack. Each shared route's name has its own certificate, the
    names of a pool's instances have one for each hundred, so that one name's trouble is not all names' trouble."""

    email: Annotated[str, AfterValidator(_email)]
    """Whom the account belongs to."""
    challenge: ChallengeField = Challenge.tls_alpn
    """How the server is shown that the names are ours: `tls_alpn`, `http`, or `{dns: …}`. Default: tls_alpn."""
    staging: bool = False
    """Whether Let's Encrypt's server for trials is asked: looser limits, nobody trusts what it signs. Default: no."""
    server: Annotated[str, AfterValidator(_server)] | None = None
    """The directory of another ACME server. Default: Let's Encrypt's."""
    ca: Pem | None = None
    """Who has signed that server's own certificate: PEM text or a file. Default: those that the edge's image trusts."""
    key_type: KeyType = Field(default=KeyType.ec256, strict=False)
    """The kind of key: EC256, EC384, RSA2048 or RSA4096. Default: EC256."""
    wildcard: bool = False
    """Whether one certificate for `*.{domain}` takes the place of many; wants `challenge: {dns: …}`. Default: no."""
    lasts: Annotated[Age, AfterValidator(_lasting)] = 90 * 86_400
    """How long the server's certificates last, as in `90d` or `24h`; from that follows how often they are looked at,
    and when they are renewed: of 90d 30 days before their end, of 24h 6 hours, of less 20 minutes. Default: 90d."""

    @property
    def dns(self) -> Dns | None:
        """The DNS provider, where there is one."""
        return self.challenge.dns if isinstance(self.challenge, DnsChallenge) else None


class SelfSigned(Strict):
    """Certificates of an authority of the stack's own, made without any network; its certificate is in the outputs
    (`tls.ca`), for people to trust. It can sign for the stack's names and no others. A leaf lasts 366 days and is made
    anew by the first `up` of each quarter, so bring the stack up once in half a year."""


class GivenCertificate(Strict):
    """A certificate that somebody else made."""

    certificate: Pem
    """The certificate, and after it those of who signed it: PEM text or a file."""
    key: SecretReference
    """Where its private key is kept, PEM text without a passphrase: `{secret: KEY}`."""


class Tls(Strict):
    """Certificates, one kind of three, and what clients have to speak. HTTP on the plain port then only redirects."""

    self_signed: SelfSigned | None = None
    """From an authority of the stack's own: `{}`."""
    certificates: Annotated[list[GivenCertificate], Field(min_length=1, max_length=100)] | None = None
    """Made by somebody else; together they have to be for every name of the stack."""
    letsencrypt: LetsEncrypt | None = None
    """Ordered from Let's Encrypt, or another ACME server."""
    names: list[TlsName] = []
    """Further host names that certificates are to be for, as those of containers that join by labels. Default: none."""
    port: Port | None = None
    """The HTTPS port. Default: 443 with letsencrypt, else 8443."""
    profile: TlsProfile = Field(default=TlsProfile.intermediate, strict=False)
    """What clients have to speak, after Mozilla: `intermediate` or `modern`. Default: intermediate."""
    hsts: AgeOrOff | None = None
    """How long browsers keep to HTTPS once they have met it (Strict-Transport-Security), as in `730d`, or `off`.
    Default: 730d, as Mozilla says; off with self_signed, where `localhost` may have other pages on other ports."""

    @property
    def keeps_to_https(self) -> int:
        """How long browsers keep to HTTPS, in seconds; 0 where they are not told to."""
        return self.hsts if self.hsts is not None else (0 if self.self_signed else _MOZILLAS_HSTS)

    @property
    def secret_references(self) -> list[tuple[str, str]]:
        """Every `{secret: KEY}` below `edge.tls`: its path and its key."""
        keys = [(f"certificates[{at}].key", given.key) for at, given in enumerate(self.certificates or ())]
        dns = self.letsencrypt.dns if self.letsencrypt else None
        settings = [
            (f"letsencrypt.challenge.dns.credentials.{name}", setting)
            for name, setting in (dns.credentials.items() if dns else ())
            if isinstance(setting, SecretReference)
        ]
        return [(f"edge.tls.{path}.secret", reference.secret) for path, reference in [*keys, *settings]]

    @model_validator(mode="after")
    def _one_kind(self) -> "Tls":
        kinds = ("self_signed", "certificates", "letsencrypt")
        written = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(written) != 1:
            reason = f"has {' and '.join(written)}" if written else "says not where its certificates come from"
            raise refused(reason, "Give one of self_signed, certificates and letsencrypt; or write tls: off")
        return self


TLS_TAGS = ("<no TLS>", "<TLS>")
TlsField = Annotated[
    Annotated[Literal["off"], Tag(TLS_TAGS[0])] | Annotated[Tls, Tag(TLS_TAGS[1])],
    Discriminator(lambda value: TLS_TAGS[isinstance(value, dict | Tls)]),
    BeforeValidator(_off_or_tls),
]
