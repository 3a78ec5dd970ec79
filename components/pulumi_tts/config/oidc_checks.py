"""What only the whole config can know of a login by an OpenID provider: whether a browser would keep its session."""

from collections.abc import Iterable, Iterator

from pulumi_tts.config.edge import Edge, Unprotected
from pulumi_tts.config.problems import Problem, shown
from pulumi_tts.config.tls_checks import is_public

Place = tuple[str, str]
"""Where in the YAML a host name is said, and the name."""


def oidc_checks(edge: Edge, domain: str, asking: Iterable[Place]) -> Iterator[Problem]:
    """What is wrong with the login; ``asking`` are the host names of the routes that ask for it."""
    oidc = edge.auth.oidc
    if oidc is None:
        return
    if "." not in domain:
        yield Problem(
            "domain",
            shown(domain),
            "has no dot, and browsers keep no session for all names of such a domain",
            "Use a domain of two labels or more for auth: oidc, as 'voice.test' on this machine",
        )
    if is_public(edge) and edge.https is None and Unprotected.tls in edge.unprotected:
        yield Problem(
            "edge.auth.oidc",
            shown(oidc.issuer),
            "would let in people over a public address without TLS: their sessions could be read on the way, and "
            "where TLS ends in front of the edge, the provider would be told another address than theirs",
            "Write edge.tls",
        )
    yield from hosts_outside(domain, [("edge.auth.oidc.host", oidc.host.replace("{domain}", domain)), *asking])


def hosts_outside(domain: str, places: Iterable[Place]) -> Iterator[Problem]:
    """Names at which browsers would not show the session."""
    for path, host in dict(places).items():
        if host != domain and not host.endswith(f".{domain}"):
            yield Problem(
                path,
                shown(host),
                f"is not in {domain}, whose names share one session",
                f"Use a name in it, as '{host.partition('.')[0]}.{domain}'; or, for a route, another login than oidc",
            )
