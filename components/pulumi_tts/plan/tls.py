"""TLS: which names need certificates, and where those come from."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from pulumi_tts.config.checks import filled
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.tls import NAMES_A_CERTIFICATE, Challenge, Dns, DnsChallenge, KeyType, LetsEncrypt, TlsProfile
from pulumi_tts.plan.names import acme_volume
from pulumi_tts.plan.routes import Route

__all__ = [
    "AcmePlan",
    "Challenge",
    "DnsPlan",
    "GivenPlan",
    "TlsPlan",
    "TlsProfile",
    "leaf_names",
    "ordered_names",
    "plan_tls",
]

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

MANY = 20
"""So many names below one domain, and a certificate of the stack's own authority has a wildcard in their place."""

_HOUR = 3600
_INSTANCE = re.compile(r"(.+)\.([0-9]+)")


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """How records of the names' zones are written."""

    provider: str
    settings: tuple[tuple[str, str], ...]
    """What the provider wants and is no secret, by lego's names."""
    secrets: tuple[tuple[str, str], ...]
    """What is one: lego's name, and the config key that holds it."""
    resolvers: tuple[str, ...]
    wait: int | None
    """In seconds, instead of asking the zones' own name servers."""


@dataclass(frozen=True, slots=True)
class AcmePlan:
    """How certificates are ordered."""

    email: str
    server: str
    ca: str | None
    """PEM: who has signed the server's certificate, where the image does not know."""
    key_type: KeyType
    challenge: Challenge | DnsPlan
    hours: int
    """How long certificates last."""
    wildcard: bool
    volume: str
    """Keeps the account, and the certificates."""


@dataclass(frozen=True, slots=True)
class GivenPlan:
    """A certificate that somebody else made."""

    certificate: str
    """PEM, those who signed it after it."""
    key: str
    """The config key that holds its private key."""


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """An edge's TLS. Without `acme` and `given`, its certificates are from an authority of the stack's own."""

    port: int
    domain: str
    names: tuple[str, ...]
    """Names that certificates are for beside those of routes."""
    guests: bool
    """Whether containers of others may have names below the domain."""
    profile: TlsProfile
    hsts: int
    """In seconds; 0 for none."""
    acme: AcmePlan | None
    given: tuple[GivenPlan, ...]

    @property
    def self_signed(self) -> bool:
        """Whether its certificates are from an authority of the stack's own."""
        return self.acme is None and not self.given

    @property
    def secret_keys(self) -> frozenset[str]:
        """The config keys of all secrets that it refers to."""
        dns = self.acme.challenge if self.acme and isinstance(self.acme.challenge, DnsPlan) else None
        return frozenset([given.key for given in self.given] + [key for _, key in (dns.secrets if dns else ())])


def plan_tls(edge: Edge, name: str, domain: str) -> TlsPlan | None:
    """What follows from an edge's `tls`; ``name`` is its container's."""
    tls = edge.https
    if tls is None or edge.https_port is None:
        return None
    return TlsPlan(
        port=edge.https_port,
        domain=domain,
        names=tuple(filled(template, domain) for template in tls.names),
        guests=edge.discovery.enabled,
        profile=tls.profile,
        hsts=tls.keeps_to_https,
        acme=_acme(tls.letsencrypt, name) if tls.letsencrypt else None,
        given=tuple(GivenPlan(given.certificate, given.key.secret) for given in tls.certificates or ()),
    )


def _acme(acme: LetsEncrypt, name: str) -> AcmePlan:
    return AcmePlan(
        email=acme.email,
        server=acme.server or (STAGING if acme.staging else LETS_ENCRYPT),
        ca=acme.ca,
        key_type=acme.key_type,
        challenge=_dns(acme.challenge.dns) if isinstance(acme.challenge, DnsChallenge) else acme.challenge,
        hours=max(1, acme.lasts // _HOUR),
        wildcard=acme.wildcard,
        volume=acme_volume(name),
    )


def _dns(dns: Dns) -> DnsPlan:
    settings = sorted(dns.credentials.items())
    return DnsPlan(
        provider=dns.provider,
        settings=tuple((name, value) for name, value in settings if isinstance(value, str)),
        secrets=tuple((name, value.secret) for name, value in settings if isinstance(value, SecretReference)),
        resolvers=tuple(dns.resolvers),
        wait=dns.wait,
    )


def ordered_names(tls: TlsPlan, acme: AcmePlan, routes: Sequence[Route]) -> list[tuple[str, ...]]:
    """The names of each certificate that is ordered; ``routes`` are all that the edge has, the dashboard's too.

    A further instance changes the last certificate of its pool and no other; below a wildcard it changes none.
    """
    below = [host for host in (*(route.host for route in routes), *tls.names) if _is_in(host, tls.domain)]
    wide = [_with_wildcards(tls.domain, below)] if acme.wildcard else []
    each = sorted((route for route in routes if not (wide and _is_in(route.host, tls.domain))), key=_in_order)
    orders = [
        tuple(dict.fromkeys(route.host for route in together)) for _, together in groupby(each, key=_certificate_of)
    ]
    further = [(name,) for name in tls.names if not (wide and _is_in(name, tls.domain))]
    return list(dict.fromkeys([*wide, *orders, *further]))


def _is_in(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _in_order(route: Route) -> tuple[str, int, str]:
    instance = _INSTANCE.fullmatch(route.name)
    return (instance[1], int(instance[2]), route.host) if instance else (route.name, -1, route.host)


def _certificate_of(route: Route) -> tuple[str, int]:
    """Which certificate a route's name is in: one of its own, or that of a hundred instances."""
    instance = _INSTANCE.fullmatch(route.name)
    return (instance[1], (int(instance[2]) - 1) // NAMES_A_CERTIFICATE) if instance else (f"host {route.host}", 0)


def leaf_names(tls: TlsPlan, routes: Iterable[Route]) -> tuple[str, ...]:
    """The names of the one certificate that the stack's own authority signs."""
    hosts = sorted({route.host for route in routes} | set(tls.names))
    below: dict[str, int] = {}
    for host in hosts:
        parent = host.partition(".")[2]
        below[parent] = below.get(parent, 0) + 1
    # Browsers and OpenSSL take no wildcard in a domain of one label, such as *.localhost.
    wide = {parent for parent, count in below.items() if count > MANY and "." in parent}
    if tls.guests and "." in tls.domain:
        wide.add(tls.domain)
    exact = [host for host in hosts if host.partition(".")[2] not in wide]
    return tuple(sorted({*exact, *(f"*.{parent}" for parent in wide)}))


def _with_wildcards(domain: str, below: Iterable[str]) -> tuple[str, ...]:
    """The domain, everything one label below it, and for names further below the same of their parents."""
    parents = [f"*.{host.partition('.')[2]}" for host in sorted(set(below)) if host != domain]
    return tuple(dict.fromkeys([domain, f"*.{domain}", *parents]))
