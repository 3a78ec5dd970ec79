"""Traefik's configuration: what it is started with, and the files that it watches."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from pulumi_tts.plan.edge import DashboardPlan, EdgePlan, is_by_session
from pulumi_tts.plan.meter import LOGS
from pulumi_tts.plan.observability import EDGE_PORT
from pulumi_tts.plan.routes import Kind, Route
from pulumi_tts.render.buckets import BUCKETS
from pulumi_tts.render.traefik_auth import NO_USER, first_middlewares, guesses
from pulumi_tts.render.traefik_front import EVERYBODY, PATHS, front_arguments, front_tree, refusing_encoded
from pulumi_tts.render.traefik_log import log_arguments
from pulumi_tts.render.traefik_session import opens_a_page
from pulumi_tts.render.traefik_tls import ACME_FOLDER, HSTS, HTTP, HTTPS, entry_point, tls_arguments
from pulumi_tts.render.traefik_tracing import tracing_arguments, without_clients_traces
from pulumi_tts.render.yaml_file import Tree, yaml_text

# The source documents' three tries; each dead upstream costs a dial's time-out.
ATTEMPTS = 3

WHOLE = 64 * 1024
"""Bytes of a request's body that the edge has before it passes the request on; of a larger one it has so many first.

Traefik reads a body while it sends it, and where the answer begins before it has seen the end, Go's HTTP/1 server takes
the body away from it: it then drops the connection, and a good answer is cut before its first byte (traefik#11767,
golang/go#40747). Of prompt answers on a machine with much to do, that was one in seventy (tests/edge/test_whole.py). A
speech request is some KiB. An upload that is larger is exposed to it as before, for the moment in which it ends.
"""

# Only what a page consists of. Audio and event streams are not on this list, so they pass through untouched.
COMPRESSED = ["text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where Traefik listens; tests have other places. What is published outside is the plan's business."""

    address: str = ""
    """Of the ports that are published; every address of its container by default."""
    web: int = 8080
    websecure: int = 8443
    dashboard: int = 8081
    ping: int = 8082
    """On the container's own loopback."""
    metrics: int = EDGE_PORT
    """For Prometheus; of an edge that is observed."""
    acme: str = ACME_FOLDER
    """Where the ACME account and its certificates are kept."""
    logs: str = LOGS
    """Where the access log of a metered edge is."""


IN_CONTAINER = Layout()


def static_arguments(edge: EdgePlan, directory: str, layout: Layout = IN_CONTAINER) -> tuple[str, ...]:
    """Traefik's command line: everything that cannot change while it runs; it watches ``directory`` for the rest."""
    return (
        *web_arguments(edge.drain, layout),
        *_https_arguments(edge, directory, layout),
        *chain.from_iterable(front_arguments(edge.front, name) for name in entry_points(edge)),
        *(_everybodys_middlewares(name, edge) for name in entry_points(edge)),
        *_dashboard_arguments(edge.dashboard, layout),
        *ping_arguments(layout),
        *(_metrics_arguments(layout) if edge.observed else ()),
        *(tracing_arguments(edge.tracing) if edge.tracing else ()),
        f"--providers.file.directory={directory}",
        "--providers.file.watch=true",
        "--log.format=json",
        *log_arguments(edge.front, layout.logs if edge.metered else None),
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    )


def web_arguments(drain: int, layout: Layout = IN_CONTAINER) -> tuple[str, ...]:
    """How requests come in and go out; a Traefik that stops lets them finish for ``drain`` seconds."""
    return (
        *_entry_point("web", f"{layout.address}:{layout.web}", drain),
        # A dead instance is given up quickly, so that the retry finds another; an answer may take its time.
        "--serversTransport.forwardingTimeouts.dialTimeout=2s",
    )


def entry_points(edge: EdgePlan) -> tuple[str, ...]:
    """Those that clients reach."""
    own_port = edge.dashboard is not None and edge.dashboard.own_port
    return ("web", *([HTTPS] if edge.tls else []), *(["dashboard"] if own_port else []))


def _everybodys_middlewares(name: str, edge: EdgePlan) -> str:
    passed = [EVERYBODY, *([HSTS] if edge.tls and name != HTTP else [])]
    return f"--entryPoints.{name}.http.middlewares={','.join(f'{each}@file' for each in passed)}"


def _entry_point(name: str, address: str, drain: int) -> tuple[str, ...]:
    return (
        f"--entryPoints.{name}.address={address}",
        f"--entryPoints.{name}.transport.lifeCycle.graceTimeOut={drain}s",
    )


def _https_arguments(edge: EdgePlan, directory: str, layout: Layout) -> tuple[str, ...]:
    if not edge.tls:
        return ()
    own_port = edge.dashboard is not None and edge.dashboard.own_port
    return (
        *_entry_point(HTTPS, f"{layout.address}:{layout.websecure}", edge.drain),
        *tls_arguments(edge.tls, [HTTPS, *(["dashboard"] if own_port else [])], directory, layout.acme),
    )


def ping_arguments(layout: Layout = IN_CONTAINER) -> tuple[str, ...]:
    """What the edge and its own health check must agree on."""
    return (
        "--ping=true",
        "--ping.entryPoint=ping",
        f"--entryPoints.ping.address=127.0.0.1:{layout.ping}",
    )


def _metrics_arguments(layout: Layout) -> tuple[str, ...]:
    return (
        f"--entryPoints.metrics.address={layout.address}:{layout.metrics}",
        "--metrics.prometheus=true",
        "--metrics.prometheus.entryPoint=metrics",
        f"--metrics.prometheus.buckets={','.join(f'{bound:g}' for bound in BUCKETS)}",
        "--metrics.prometheus.addRoutersLabels=true",
    )


def _dashboard_arguments(dashboard: DashboardPlan | None, layout: Layout) -> tuple[str, ...]:
    # The dashboard's API is there in any case, and reachable only by a route: switching it on is a file more.
    own_port = dashboard is not None and dashboard.own_port
    return (
        *((f"--entryPoints.dashboard.address={layout.address}:{layout.dashboard}",) if own_port else ()),
        "--api.dashboard=true",
        "--api.insecure=false",
    )


def routes_file(routes: Iterable[Route], edge: EdgePlan) -> str:
    """The file of all routes of an edge."""
    routes = sorted(routes, key=lambda route: route.name)
    middlewares = _edge_middlewares(edge)
    for route in routes:
        middlewares |= _route_middlewares(route)
    routers = {route.name: _router(route, middlewares, edge) for route in routes}
    for route in routes:
        if is_by_session(route, edge.auth):
            routers[f"{route.name}_page"] = _page_router(route, middlewares, edge)
    used = {name for router in routers.values() for name in router.get("middlewares", ())}
    sections: Tree = {
        "routers": routers,
        "services": {route.service: _service(route, edge) for route in routes},
        "middlewares": {name: middleware for name, middleware in middlewares.items() if name in used},
    }
    # Traefik refuses a section that is there and empty.
    http = {name: section for name, section in sections.items() if section}
    return yaml_text({"http": without_clients_traces(http, edge.tracing)})


def front_file(edge: EdgePlan) -> str:
    """The file of what every request and every answer passes."""
    return yaml_text(front_tree(edge.front, dict(edge.headers), entry_points(edge)))


def dashboard_file(dashboard: DashboardPlan, password_hash: str) -> str:
    """The file of the routes and the login of the dashboard and its pages; it holds the password's bcrypt hash."""
    # A file of its own: without a dashboard, it is not there.
    basic = {"basicAuth": {"users": [f"{dashboard.user}:{password_hash}"], "removeHeader": True}}
    # Browsers show a session here too, and none of these pages needs a cookie: nobody has to be asked about them.
    cookies = ["dashboard-cookies"] if dashboard.sessions else []
    login = [PATHS, NO_USER, "dashboard-guesses", "dashboard-login", *cookies]
    router = {
        "rule": f"Host(`{dashboard.host}`)",
        "entryPoints": ["dashboard" if dashboard.own_port else entry_point(https=dashboard.https)],
        "service": "api@internal",
        "middlewares": login,
        # Speech is traced, not who looks at it.
        "observability": {"tracing": False},
    }
    middlewares = {"dashboard-guesses": guesses([password_hash], dashboard.trusted_proxies), "dashboard-login": basic}
    if dashboard.sessions:
        middlewares["dashboard-cookies"] = {"headers": {"customRequestHeaders": {"Cookie": ""}}}
    http: Tree = {"routers": {"dashboard": router}, "middlewares": middlewares}
    for page in dashboard.pages:
        own = {f"{page.name}-slash": _with_slash(page.path)}
        if page.strip:
            own[f"{page.name}-strip"] = _without(page.path)
        http["routers"][page.name] = {
            **router,
            "rule": _under(dashboard.host, page.path),
            "service": page.name,
            "middlewares": [*login, *own],
        }
        http["middlewares"] |= own
        http.setdefault("services", {})[page.name] = {"loadBalancer": {"servers": [{"url": page.url}]}}
    return yaml_text({"http": http})


# The edge's own have an underscore in their names, which no route's name can have.
def _edge_middlewares(edge: EdgePlan) -> Tree:
    own: Tree = {}
    if edge.headers:
        own["edge_headers"] = {"headers": {"customResponseHeaders": dict(edge.headers)}}
    if edge.compress:
        own["edge_compress"] = {"compress": {"includedContentTypes": COMPRESSED}}
    own["edge_whole"] = {"retry": {"attempts": 2, "disableRetryOnNetworkError": True, **_having_it_whole()}}
    return own


def _having_it_whole() -> Tree:
    # Only where Traefik might try again for an answer's status does it read a body ahead; no answer has this one.
    return {"status": ["1000"], "retryNonIdempotentMethod": True, "maxRequestBodyBytes": WHOLE}


def _route_middlewares(route: Route) -> Tree:
    own: Tree = {}
    if route.encoded:
        own[f"{route.name}-paths"] = refusing_encoded(route.encoded)
    if route.headers:
        own[f"{route.name}-headers"] = {"headers": {"customResponseHeaders": dict(route.headers)}}
    if route.strip and route.kind is Kind.ui:
        # A page's links are relative to its URL: at /studio they would lead to /assets, past the prefix.
        own[f"{route.name}-slash"] = _with_slash(route.prefix)
    if route.strip:
        own[f"{route.name}-strip"] = _without(route.prefix)
    if route.request_headers:
        own[f"{route.name}-request"] = {"headers": {"customRequestHeaders": dict(route.request_headers)}}
    if len(route.upstreams) > 1:
        # Traefik retries only while no byte has reached an upstream, so nothing is spoken twice.
        own[f"{route.name}-retry"] = {
            "retry": {
                "attempts": min(len(route.upstreams), ATTEMPTS),
                "initialInterval": "50ms",
                **_having_it_whole(),
            }
        }
    return own


def _page_router(route: Route, middlewares: Tree, edge: EdgePlan) -> Tree:
    """Of the same route, for the requests by which a browser opens a page."""
    router = _router(route, middlewares, edge, page=True)
    # Before the route itself, and not before another one that has a longer rule. Its limits count by themselves.
    return {**router, "rule": opens_a_page(router["rule"]), "priority": len(router["rule"]) + 1}


def _router(route: Route, middlewares: Tree, edge: EdgePlan, *, page: bool = False) -> Tree:
    wanted = [
        "edge_headers",
        *(["edge_compress"] if route.kind is Kind.ui else []),
        f"{route.name}-headers",
        f"{route.name}-slash",
        f"{route.name}-strip",
        f"{route.name}-request",
        f"{route.name}-retry" if len(route.upstreams) > 1 else "edge_whole",
    ]
    used = [name for name in wanted if name in middlewares]
    return {
        "rule": _rule(route),
        "entryPoints": [entry_point(https=edge.tls is not None)],
        "service": route.service,
        "middlewares": [
            f"{route.name}-paths" if route.encoded else PATHS,
            *first_middlewares(route, edge.auth, page=page),
            *used,
        ],
    }


def _rule(route: Route) -> str:
    if route.prefix == "/":
        return f"Host(`{route.host}`)"
    return _under(route.host, route.prefix)


def _under(host: str, prefix: str) -> str:
    # PathPrefix alone would also match /studio-two.
    return f"Host(`{host}`) && (Path(`{prefix}`) || PathPrefix(`{prefix}/`))"


def _with_slash(prefix: str) -> Tree:
    return {
        "redirectRegex": {
            "regex": rf"^https?://[^/]+{re.escape(prefix)}(\?.*)?$",
            # Without scheme and host, which another proxy in front may have changed.
            "replacement": f"{prefix}/${{1}}",
        }
    }


def _without(prefix: str) -> Tree:
    return {"stripPrefix": {"prefixes": [prefix]}}


def _service(route: Route, edge: EdgePlan) -> Tree:
    balancer: Tree = {
        "servers": [{"url": upstream} for upstream in route.upstreams],
        "passHostHeader": True,
        # Each chunk of audio goes out as it comes.
        "responseForwarding": {"flushInterval": "-1ms"},
    }
    if route.health:
        balancer["healthCheck"] = {
            "path": route.health.path,
            "interval": f"{route.health.interval}s",
            "timeout": f"{route.health.timeout}s",
        }
    if route.sticky:
        # Cookies know no ports: with the edge's name in theirs, two stacks on one host name do not meet.
        cookie = {"name": f"{edge.name}-{route.service}", "httpOnly": True, "sameSite": "lax"}
        if edge.tls:
            cookie["secure"] = True
        balancer["sticky"] = {"cookie": cookie}
    return {"loadBalancer": balancer}
