"""What only the whole edge can know of its TLS: whether the names of the stack can have the certificates asked for."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network

from pulumi_tts.config.edge import Edge, Unprotected
from pulumi_tts.config.pem import chain, covers, fits, has_expired, names_of
from pulumi_tts.config.problems import Problem, shown
from pulumi_tts.config.tls import CERTIFICATES_A_WEEK, NAMES_A_CERTIFICATE, Challenge, LetsEncrypt, Tls

# Names that no public authority signs (RFC 2606, 6761, 6762, 7686, 8375, 9476; `internal` is ICANN's of 2024).
_NEVER_PUBLIC = (
    *("localhost", "local", "internal", "test", "example", "invalid", "onion", "alt"),
    *("home.arpa", "lan", "home", "corp", "intranet", "private"),
)


# This machine, networks of one's own (RFC 1918, 3927), and of a VPN or a provider between them (RFC 6598).
_NOT_PUBLIC = [
    IPv4Network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("169.254.0.0/16", "100.64.0.0/10"),
    )
]

Name = tuple[str, str]
"""Where in the YAML a host name of the stack is said, and the name."""


def tls_checks(edge: Edge, domain: str, names: Sequence[Name]) -> Iterator[Problem]:
    """What is wrong with an edge's TLS, or with its lack of it; ``names`` are the host names of its routes."""
    yield from unprotected(edge)
    tls = edge.https
    if tls is None:
        return
    yield from _ports(edge)
    if tls.letsencrypt:
        further = [(f"edge.tls.names[{at}]", name.replace("{domain}", domain)) for at, name in enumerate(tls.names)]
        names = [*names, *further]
        if not tls.letsencrypt.server:
            yield from _within_limits(tls.letsencrypt, names)
    yield from name_checks(edge, names)
    if edge.discovery.enabled and not tls.names:
        yield from _guests(tls, domain)


def name_checks(edge: Edge, names: Sequence[Name]) -> Iterator[Problem]:
    """What is wrong between the certificates asked for and the host names that they are to be for."""
    tls = edge.https
    if tls is None:
        return
    if tls.certificates:
        yield from _given(tls, names)
    if tls.letsencrypt:
        yield from _ordered(tls.letsencrypt, names)


def unprotected(edge: Edge) -> Iterator[Problem]:
    """A public address without what the public internet asks for, which has to be said twice; logins are checked with
    the pools (auth_checks)."""
    if is_public(edge) and edge.https is None and Unprotected.tls not in edge.unprotected:
        yield Problem(
            "edge.bind",
            shown(edge.bound_to),
            "lets everybody come in, without TLS",
            "Write edge.tls, for example {letsencrypt: {email: …}}; a private address or 127.0.0.1; or, where "
            f"something else in front does that, say so with edge.unprotected: [{Unprotected.tls.value}]",
        )


def is_public(edge: Edge) -> bool:
    """Whether the edge listens where everybody may come from."""
    address = IPv4Address(edge.bound_to)
    return not any(address in network for network in _NOT_PUBLIC)


def _ports(edge: Edge) -> Iterator[Problem]:
    others = {"edge.port": edge.http_port}
    if edge.dashboard.enabled and edge.dashboard.port:
        others["edge.dashboard.port"] = edge.dashboard.port
    for path, port in others.items():
        if port == edge.https_port:
            yield Problem(
                "edge.tls.port", shown(port), f"is also {path}; one answers HTTP, or to others", "Choose another port"
            )


def _given(tls: Tls, names: Sequence[Name]) -> Iterator[Problem]:
    if tls.names:
        yield Problem(
            "edge.tls.names",
            shown(tls.names),
            "says which names certificates are made for, and these are made already",
            "Leave it out",
        )
    covered: list[str] = []
    for at, given in enumerate(tls.certificates or ()):
        first = chain(given.certificate)[0]
        covered += (own := names_of(first))
        path = f"edge.tls.certificates[{at}].certificate"
        value = shown(", ".join(own) or first.subject.rfc4514_string())
        if has_expired(first):
            yield Problem(path, value, f"has expired on {first.not_valid_after_utc:%Y-%m-%d}", "Have it renewed")
        if names and not any(covers(own, host) for _, host in names):
            yield Problem(
                path,
                value,
                "is for none of the stack's names",
                f"Give one for {_few(host for _, host in names)}, in its subject alternative names",
            )
    bare = {path: host for path, host in reversed(names) if not covers(covered, host)}
    for path, host in bare.items():
        yield Problem(
            path, shown(host), "is in none of edge.tls.certificates, so nobody could reach it", "Add one for it"
        )


def _ordered(acme: LetsEncrypt, names: Sequence[Name]) -> Iterator[Problem]:
    at = "edge.tls.letsencrypt"
    if acme.staging and acme.server:
        yield Problem(
            f"{at}.staging", "true", "is Let's Encrypt's server for trials, and server names another one", "Give one"
        )
    if acme.ca and not acme.server:
        yield Problem(
            f"{at}.ca", shown(acme.ca), "has signed the certificate of a server of one's own", "Give server, or no ca"
        )
    if acme.wildcard and not acme.dns:
        challenge = acme.challenge if isinstance(acme.challenge, Challenge) else Challenge.http
        yield Problem(
            f"{at}.wildcard",
            "true",
            f"cannot be had by {challenge.value}: an ACME server gives wildcards for records in the DNS only",
            "Write challenge: {dns: {provider: …, credentials: …}}, or leave wildcard out",
        )
    if not acme.server:
        yield from _public(names)


def _guests(tls: Tls, domain: str) -> Iterator[Problem]:
    """Containers that join by their labels, and whose names are known to nobody before they do."""
    told = "edge.discovery.enabled", "true", "lets containers join whose names no certificate would be for"
    if tls.letsencrypt and not tls.letsencrypt.wildcard:
        yield Problem(*told, "Write edge.tls.letsencrypt.wildcard: true, or their names under edge.tls.names")
    if tls.self_signed and "." not in domain:
        yield Problem(
            *told,
            f"Write their names under edge.tls.names, or a domain with a dot, as in 'tts.{domain}', for *.{domain}"
            " is taken by no client",
        )


def _public(names: Sequence[Name]) -> Iterator[Problem]:
    for path, host in dict(reversed(names)).items():
        never = next((end for end in _NEVER_PUBLIC if host == end or host.endswith(f".{end}")), None)
        if never or "." not in host:
            yield Problem(
                path,
                shown(host),
                "is no name that Let's Encrypt gives certificates for: "
                f"{f'.{never}' if never else 'one word'} is not on the public internet",
                "Write a domain of your own, or tls: {self_signed: {}}, or letsencrypt: {server: …} for a server of "
                "your own",
            )


def _within_limits(acme: LetsEncrypt, names: Sequence[Name]) -> Iterator[Problem]:
    """As many certificates as a week has, or a new stack would wait for the next one with names that nobody reaches."""
    shared = {host for path, host in names if not path.endswith(".instance")}
    instances = Counter(path for path, _ in names if path.endswith(".instance"))
    wanted = len(shared) + sum(math.ceil(count / NAMES_A_CERTIFICATE) for count in instances.values())
    if wanted > CERTIFICATES_A_WEEK and not acme.wildcard:
        yield Problem(
            "edge.tls.letsencrypt",
            f"{wanted} certificates",
            f"are more than the {CERTIFICATES_A_WEEK} that Let's Encrypt gives a domain in a week",
            "Write challenge: {dns: …} and wildcard: true",
        )


def key_problems(edge: Edge, path: str, secret: str) -> list[Problem]:
    """What is wrong with a secret of the config if it stands where a certificate's private key is asked for."""
    for at, given in enumerate((edge.https.certificates if edge.https else None) or ()):
        own = f"edge.tls.certificates[{at}].key.secret"
        if path == own and (problem := key_problem(own, given.certificate, secret, given.key.secret)):
            return [problem]
    return []


def key_problem(path: str, certificate: str, key: str, named: str) -> Problem | None:
    """What is wrong with a given private key, whose config key is ``named``, for its certificate."""
    remedy = f"Run: pulumi config set --secret tts:{named} < key.pem"
    try:
        if fits(certificate, key):
            return None
    except ValueError:
        return Problem(path, repr(named), "holds no private key in PEM form without a passphrase", remedy)
    return Problem(path, repr(named), "holds a private key that is not the certificate's", remedy)


def _few(hosts: Iterable[str]) -> str:
    listed = sorted(set(hosts))
    return ", ".join(listed[:3]) + (" …" if len(listed) > 3 else "")  # noqa: PLR2004
