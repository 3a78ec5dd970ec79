"""The edge: where it listens, and what it adds to requests and answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pulumi_tts.config.checks import filled
from pulumi_tts.config.edge import Edge
from pulumi_tts.plan.auth import EdgeAuthPlan, LimitsPlan, Login, plan_edge_auth
from pulumi_tts.plan.front import Encoded, FrontPlan, plan_front
from pulumi_tts.plan.images import Image, edge_image, envoy_image
from pulumi_tts.plan.names import admitted_network, discovery_name
from pulumi_tts.plan.oidc import OidcPlan, plan_oidc
from pulumi_tts.plan.pages import Page
from pulumi_tts.plan.routes import Kind, Route, web_url
from pulumi_tts.plan.tls import TlsPlan, plan_tls
from pulumi_tts.plan.tracing import TracingPlan


@dataclass(frozen=True, slots=True)
class DashboardPlan:
    """Traefik's dashboard: its host name, its published port, and who may come in."""

    host: str
    port: int
    own_port: bool
    """Whether the port is the dashboard's alone."""
    user: str
    password_key: str | None
    """The config key of a password given by the user; absent for a generated one."""
    pages: tuple[Page, ...]
    """What else is behind the same login."""
    https: bool = False
    """Whether its port is an HTTPS one."""
    trusted_proxies: tuple[str, ...] = ()
    """Whose word is taken for the address of who tries passwords, in CIDR notation."""
    sessions: bool = False
    """Whether browsers show sessions by an OpenID provider there too, which are not for its pages."""

    @property
    def url(self) -> str:
        """Where a person finds it."""
        return f"{web_url(self.host, self.port, https=self.https)}/dashboard/"

    def page_url(self, page: Page) -> str:
        """Where a person finds a page."""
        return f"{web_url(self.host, self.port, https=self.https)}{page.path}/"


@dataclass(frozen=True, slots=True)
class DiscoveryPlan:
    """What finds containers of others by their labels, and passes on to them what the edge has no route for."""

    name: str
    """Its container's."""
    network: str
    """The network on which it reaches them, and which they join."""
    domain: str
    """What a container's name is put before, where no label says under which host name it is to be found."""
    reserved: tuple[str, ...]
    """Host names that are never theirs: the dashboard's and the login's, where any page would be taken for ours."""
    encoded: tuple[Encoded, ...]
    """Characters that their paths may hold percent-encoded."""
    proxy_image: Image
    memory: int
    """In MiB."""


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """The edge as it will run; memory in MiB, times in seconds."""

    name: str
    image: Image
    bind: str
    http_port: int
    domain: str
    front: FrontPlan
    dashboard: DashboardPlan | None
    discovery: DiscoveryPlan | None
    headers: tuple[tuple[str, str], ...]
    compress: bool
    drain: int
    memory: int
    auth: EdgeAuthPlan
    tls: TlsPlan | None = None
    """Absent without TLS."""
    observed: bool = False
    """Whether Prometheus asks it for metrics, on a port that is not published."""
    tracing: TracingPlan | None = None
    """How it traces requests; absent where it does not."""
    metered: bool = False
    """Whether its access log goes into a file, for the meter."""

    @property
    def port(self) -> int:
        """Where clients find the edge: its HTTPS port, or without TLS its HTTP one."""
        return self.tls.port if self.tls else self.http_port

    @property
    def url(self) -> str:
        """Where clients find the edge under its domain."""
        return web_url(self.domain, self.port, https=self.tls is not None)

    @property
    def own_routes(self) -> tuple[Route, ...]:
        """The routes that no pool has: the dashboard's and the login's, if there are any."""
        login = self.auth.oidc
        return (
            *((dashboard_route(self.dashboard),) if self.dashboard else ()),
            *((_own_route("login", login.host, "session_proxy"),) if login else ()),
        )

    def url_of(self, route: Route) -> str:
        """Where clients find a route."""
        return route.url(self.port, https=self.tls is not None)


def dashboard_route(dashboard: DashboardPlan) -> Route:
    """What the dashboard takes of the edge's names and hosts; Traefik itself is its upstream."""
    return _own_route("dashboard", dashboard.host, "api@internal")


def _own_route(name: str, host: str, service: str) -> Route:
    return Route(name, host, "/", False, service, (), Kind.ui, None, ())


def settled(route: Route, auth: EdgeAuthPlan) -> Route:
    """A route with the login and the limits that it has, its own or the edge's.

    The edge's limits are those of APIs: one page of a UI is some seventy requests, and without one of them it is empty.
    """
    usual = LimitsPlan() if route.kind is Kind.ui else auth.limits
    return replace(route, login=route.login or auth.default, limits=route.limits or usual)


def is_by_session(route: Route, auth: EdgeAuthPlan) -> bool:
    """Whether a route asks for a session by an OpenID provider."""
    return settled(route, auth).login is Login.oidc


def unchecked(route: Route, auth: EdgeAuthPlan) -> tuple[str, str] | None:
    """Why nobody could come in by a route, and what would be right; None for one that is well."""
    route = settled(route, auth)
    if route.login is Login.basic and not auth.users:
        return "asks for a password, and the edge has no users", "Add them: edge: {auth: {users: [{name: anna}]}}"
    if route.login is Login.oidc and not auth.oidc:
        return "asks for a session, and the edge knows no provider", "Add it: edge: {auth: {oidc: {issuer: …}}}"
    asks_guard = route.login in (Login.api_keys, Login.jwt) or route.limits != LimitsPlan() or auth.oidc
    if asks_guard and not auth.checked_at:
        return (
            "has keys, tokens, sessions or limits, for which the edge asks a guard",
            "Give the name of an EnvoyGuard: guard",
        )
    return None


def plan_edge(
    edge: Edge,
    name: str,
    domain: str,
    local_images: bool,
    *,
    pages: Iterable[Page] = (),
    checks: str | None = None,
    observed: bool = False,
    tracing: TracingPlan | None = None,
    metered: bool = False,
) -> EdgePlan:
    """What follows from the edge's config; ``name`` is its container's, ``pages`` what is behind the dashboard's login.

    ``checks`` is the container of the guard that checks keys and tokens; ``observed`` says that metrics are asked for,
    ``tracing`` how requests are traced, ``metered`` that a meter reads its access log.
    """
    return EdgePlan(
        name=name,
        image=edge_image(local_images),
        bind=edge.bound_to,
        http_port=edge.http_port,
        domain=domain,
        front=plan_front(edge),
        dashboard=_dashboard(edge, domain, tuple(pages)),
        discovery=_discovery(edge, name, domain, local_images),
        headers=tuple(sorted(edge.headers.items())),
        compress=edge.compress,
        drain=edge.drain,
        memory=edge.memory,
        auth=plan_edge_auth(
            edge.auth, edge.limits, checks, edge.trusted_proxies, _oidc(edge, name, domain, local_images)
        ),
        tls=plan_tls(edge, name, domain),
        observed=observed,
        tracing=tracing,
        metered=metered,
    )


def _dashboard(edge: Edge, domain: str, pages: tuple[Page, ...]) -> DashboardPlan | None:
    dashboard = edge.dashboard
    if not dashboard.enabled:
        return None
    return DashboardPlan(
        host=filled(dashboard.host, domain),
        port=dashboard.port or edge.https_port or edge.http_port,
        own_port=dashboard.port is not None,
        user=dashboard.user,
        password_key=dashboard.password.secret if dashboard.password else None,
        pages=pages,
        https=edge.https is not None,
        trusted_proxies=tuple(edge.trusted_proxies),
        sessions=edge.auth.oidc is not None,
    )


def _oidc(edge: Edge, name: str, domain: str, local_images: bool) -> OidcPlan | None:
    oidc = edge.auth.oidc
    if not oidc:
        return None
    https = edge.https is not None
    url = web_url(filled(oidc.host, domain), edge.https_port or edge.http_port, https=https)
    return plan_oidc(oidc, name, domain, url, https=https, local_images=local_images)


def _discovery(edge: Edge, name: str, domain: str, local_images: bool) -> DiscoveryPlan | None:
    if not edge.discovery.enabled:
        return None
    # Routes of ours take a host whole, but for two: a dashboard with a port of its own has none on the clients' port,
    # and the login has a few paths of its host.
    own_port = edge.dashboard.enabled and edge.dashboard.port is not None
    reserved = (*([edge.dashboard.host] if own_port else []), *([edge.auth.oidc.host] if edge.auth.oidc else []))
    return DiscoveryPlan(
        name=discovery_name(name),
        network=admitted_network(name),
        domain=domain,
        reserved=tuple(filled(host, domain) for host in reserved),
        encoded=tuple(edge.discovery.encoded),
        proxy_image=envoy_image(local_images),
        memory=edge.discovery.memory,
    )
