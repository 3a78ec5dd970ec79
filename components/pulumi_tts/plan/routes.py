"""Routes: what the edge matches, and the upstreams it sends that to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pulumi_tts.config.auth import Login
from pulumi_tts.config.checks import filled
from pulumi_tts.config.front import Encoded
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.profile import Kind, Profile
from pulumi_tts.config.route import RouteHealth, WrittenRoute
from pulumi_tts.plan.auth import WITHOUT_USER, LimitsPlan, plan_limits

__all__ = [
    "HealthCheck",
    "Kind",
    "Route",
    "conflicts",
    "instance_routes",
    "route_from",
    "shared_routes",
    "web_url",
]

HTTP_PORT = 80
HTTPS_PORT = 443
CLIENTS_ID = ("X-Request-Id", "")
"""Takes a client's own id of its request away: it would get into logs and file names."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How the edge asks an upstream whether it is ready; times in seconds."""

    path: str
    interval: int
    timeout: int


@dataclass(frozen=True, slots=True)
class Route:
    """One host name and path prefix, and where its requests go."""

    name: str
    """Unique at the edge; shown in its dashboard: `voice.pool`, `voice.path`, `voice.1`."""
    host: str
    prefix: str
    """`/` for the whole host."""
    strip: bool
    """Whether the upstream sees paths without the prefix."""
    service: str
    """The upstreams' common name; routes of one service share its health checks and its sessions."""
    upstreams: tuple[str, ...]
    """The instances' addresses, as `http://host:port`."""
    kind: Kind
    health: HealthCheck | None
    """Absent where there is no other upstream to choose."""
    headers: tuple[tuple[str, str], ...]
    """Headers added to every answer."""
    request_headers: tuple[tuple[str, str], ...] = ()
    """Headers that requests have on their way to the upstream, in place of the client's own; empty: taken away."""
    pool: str = ""
    """The pool, which API keys may be limited to."""
    login: Login | None = None
    """What it asks for; absent for the edge's default."""
    limits: LimitsPlan | None = None
    """How much one user may ask for; absent for the edge's."""
    encoded: tuple[Encoded, ...] = ()
    """Characters that its paths may hold percent-encoded."""

    @property
    def sticky(self) -> bool:
        """Whether a session must stay on its upstream."""
        return self.kind is Kind.ui and len(self.upstreams) > 1

    def url(self, port: int, *, https: bool = False) -> str:
        """Where a client finds this route, given the edge's port, and whether that is the HTTPS one."""
        return web_url(self.host, port, https=https) + self.prefix.rstrip("/")


def conflicts(routes: Iterable[Route]) -> Iterator[tuple[Route, Route]]:
    """Pairs of routes of which one would take the other's place at the edge.

    They have the same name, or match the same requests, or give one service different upstreams.
    """
    seen: dict[object, Route] = {}
    services: dict[str, Route] = {}
    for route in routes:
        first = seen.get(route.name) or seen.get((route.host, route.prefix))
        service = services.setdefault(route.service, route)
        if first or service.upstreams != route.upstreams:
            yield first or service, route
        seen[route.name] = seen[route.host, route.prefix] = route


def web_url(host: str, port: int, *, https: bool = False) -> str:
    """A URL without the port that its scheme implies."""
    scheme, implied = ("https", HTTPS_PORT) if https else ("http", HTTP_PORT)
    return f"{scheme}://{host}" if port == implied else f"{scheme}://{host}:{port}"


def shared_routes(pool: Pool, profile: Profile, domain: str, upstreams: tuple[str, ...]) -> Iterator[Route]:
    """The routes that lead to any instance of a pool."""
    ways = []
    if pool.routes.pool:
        ways.append(("pool", filled(pool.routes.pool, domain), "/"))
    if pool.routes.path:
        ways.append(("path", domain, pool.routes.path))
    health = profile.health
    for way, host, prefix in ways:
        yield Route(
            name=f"{pool.name}.{way}",
            host=host,
            prefix=prefix,
            strip=pool.routes.strip and prefix != "/",
            service=pool.name,
            upstreams=upstreams,
            kind=profile.kind,
            health=HealthCheck(health.path, health.interval, health.timeout) if len(upstreams) > 1 else None,
            headers=_headers(pool, profile),
            request_headers=(CLIENTS_ID, WITHOUT_USER),
            pool=pool.name,
            login=pool.login(way),
            limits=plan_limits(pool.limits),
            encoded=tuple(pool.routes.encoded),
        )


def instance_routes(pool: Pool, profile: Profile, domain: str, upstreams: tuple[str, ...]) -> Iterator[Route]:
    """The routes that lead to one instance each, if the pool has them."""
    if not pool.routes.instance:
        return
    for number, upstream in enumerate(upstreams, start=1):
        yield Route(
            name=f"{pool.name}.{number}",
            host=filled(pool.routes.instance, domain, number),
            prefix="/",
            strip=False,
            service=f"{pool.name}.{number}",
            upstreams=(upstream,),
            kind=profile.kind,
            health=None,
            headers=_headers(pool, profile),
            request_headers=(CLIENTS_ID, WITHOUT_USER),
            pool=pool.name,
            login=pool.login("instance"),
            limits=plan_limits(pool.limits),
            encoded=tuple(pool.routes.encoded),
        )


def _headers(pool: Pool, profile: Profile) -> tuple[tuple[str, str], ...]:
    """What is added to every answer: the pool's own headers, and which model has spoken."""
    version = profile.weights.version if profile.weights else None
    told = {"X-Model-Version": version} if version else {}
    return tuple(sorted((told | pool.headers).items()))


def route_from(written: WrittenRoute) -> Route:
    """The route that somebody wrote for containers of their own."""
    several = len(written.upstreams) > 1
    return Route(
        name=written.name,
        host=written.host,
        prefix=written.path,
        strip=written.strip and written.path != "/",
        service=written.service or written.name,
        upstreams=tuple(written.upstreams),
        kind=written.kind,
        health=_check(written.health) if written.health and several else None,
        headers=tuple(sorted(written.headers.items())),
        request_headers=tuple(sorted(written.request_headers.items())),
        pool=written.pool or written.service or written.name,
        login=written.auth,
        limits=plan_limits(written.limits),
        encoded=tuple(written.encoded),
    )


def _check(health: RouteHealth) -> HealthCheck:
    return HealthCheck(health.path, health.interval, health.timeout)
