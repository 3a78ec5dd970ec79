"""The Traefik edge on a Docker host, in a stack of pulumi-tts or in one of your own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError, Problem, load_part
from pulumi_tts.config.auth_checks import edge_auth_checks, open_to_everybody, secrets_of
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.fields import Domain
from pulumi_tts.config.front_checks import front_checks, version_checks
from pulumi_tts.config.oidc_checks import hosts_outside, oidc_checks
from pulumi_tts.config.tls_checks import name_checks, tls_checks
from pulumi_tts.docker.auth import passwords
from pulumi_tts.docker.discovery import Discovery, traefik_health
from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.files import CURRENT, MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, made_network
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.oidc import Oidc
from pulumi_tts.docker.passwords import login_password
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.routes import route_of
from pulumi_tts.docker.secrets import not_given
from pulumi_tts.docker.tls import EdgeTls
from pulumi_tts.plan import EdgePlan, Route, plan_edge
from pulumi_tts.plan.auth import Login
from pulumi_tts.plan.edge import is_by_session, settled, unchecked
from pulumi_tts.plan.meter import LOGS
from pulumi_tts.plan.pages import keeper_page
from pulumi_tts.plan.routes import conflicts
from pulumi_tts.render import discovery, traefik, traefik_auth
from pulumi_tts.render.traefik_session import session_file
from pulumi_tts.render.traefik_tracing import TRACING_ENVIRONMENT

_PIDS = 512
_OPEN_FILES = 4096
"""Connections of clients and to upstreams together. A client that says nothing takes 20 KiB: some 7 000 would fill the
256 MiB that the edge has by default, and end every stream. Beyond this they wait, and what is under way goes on."""
_GROUP = 65532
_USER = f"65532:{_GROUP}"  # "nonroot"; its ports in the container need no privilege


class RouteHealthArgs(TypedDict):
    """How the edge asks an upstream whether it is ready."""

    path: str
    """What it asks for; any status below 400 means ready."""
    interval: NotRequired[str]
    """Time between two checks. Default: 10s."""
    timeout: NotRequired[str]
    """How long one check may take. Default: 5s."""


class RouteArgs(TypedDict):
    """One host name and path prefix, and where its requests go."""

    name: str
    """Unique at the edge."""
    host: str
    """The host name that clients use."""
    upstreams: list[str]
    """Addresses on the edge's network, as `http://container:port`."""
    path: NotRequired[str]
    """The path prefix. Default: the whole host."""
    strip: NotRequired[bool]
    """Whether the upstream sees paths without the prefix. Default: yes."""
    service: NotRequired[str]
    """A name for the upstreams, shared by routes that lead to the same ones. Default: the route's name."""
    kind: NotRequired[str]
    """`api` or `ui`: pages of a UI are compressed, and its sessions stay on their upstream. Default: api."""
    health: NotRequired[RouteHealthArgs]
    """Asked only where there are several upstreams. Default: not asked."""
    headers: NotRequired[dict[str, str]]
    """Headers added to every answer."""
    encoded: NotRequired[list[str]]
    """Characters that paths may hold percent-encoded: `slash`, `percent`, `semicolon`, `question_mark`, `hash`; a
    request with another one is refused. Default: none."""
    request_headers: NotRequired[dict[str, str]]
    """Headers that requests have on their way to the upstream, in place of the client's own; empty: taken away."""
    auth: NotRequired[str]
    """What it asks for: `open`, `basic`, `api_keys`, `jwt` or `oidc`. The upstream is told who came in, as
    `X-Pulumi-Tts-User`, and never what was shown. Default: what the edge's `auth.default` says."""
    limits: NotRequired[dict[str, Any] | str]
    """How much one user may ask for, as under `edge.limits` in docs/config.yaml; `none`: as much as there is. Default:
    the edge's."""
    pool: NotRequired[str]
    """The name by which API keys are let in here. Default: service, or else name."""


class TraefikEdgeArgs(TypedDict):
    """What a TraefikEdge is made from."""

    network: pulumi.Input[str]
    """The Docker network that the upstreams are on."""
    routes: pulumi.Input[list[Any]]
    """RouteArgs: those of pools (`TtsPool.routes`) and of containers of your own."""
    edge: NotRequired[dict[str, Any]]
    """The edge as under `edge:` in docs/config.yaml."""
    domain: NotRequired[str]
    """What `{domain}` stands for. Default: localhost."""
    images: NotRequired[str]
    """`registry` or `local`. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    certificates: NotRequired[str | None]
    """The folder with what TLS needs for a `tcp://` endpoint. Default: what `DOCKER_CERT_PATH` says."""
    password: NotRequired[pulumi.Input[str]]
    """The dashboard's password. Default: a generated one."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """The secrets that `edge.tls` and `edge.auth` refer to as `{secret: KEY}`, by their keys."""
    guard: NotRequired[str]
    """The name of the EnvoyGuard that checks keys and tokens, and speaks for limits. Default: none, and routes that
    need it are refused."""
    guard_token: NotRequired[pulumi.Input[str]]
    """What the EnvoyGuard that is asked, or that routes lead to, knows this edge by: its `token`. Default: none, and
    such routes are refused."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the edge's resource name."""
    observe: NotRequired[pulumi.Input[str]]
    """The network on which Prometheus asks for metrics, at `http://NAME:8083/metrics`. Default: nobody does."""
    meter: NotRequired[Any]
    """In Python only: the Meter that reads its access log."""
    keeper: NotRequired[str]
    """Where the page of a guard's keeper answers, as `http://NAME-keeper:8000`: it is then at `/keeper/` on the
    dashboard's host, behind its login. Default: nowhere."""
    after: NotRequired[Any]
    """In Python only: an EnvoyGuard that is there before the edge is, and goes after it."""
    plan: NotRequired[Any]
    """In Python only: an EdgePlan, where SpeechStack has planned everything; `edge` is then not read."""


class TraefikEdge(pulumi.ComponentResource):
    """Traefik in front of pools: host names, path prefixes, certificates, a dashboard behind a login.

    Routes, headers, logins and certificates are files in a volume that Traefik watches: changing them restarts nothing.

    Raises ConfigError if `edge` is not right; a route that is not right fails the deployment before it is used.
    """

    url: pulumi.Output[str]
    """Where clients find the edge under its domain."""
    dashboard_url: pulumi.Output[str]
    """Where people find the dashboard; empty without one."""
    dashboard_user: pulumi.Output[str]
    """The dashboard's login; empty without one."""
    dashboard_password: pulumi.Output[str]
    """The dashboard's password, a secret; empty without a dashboard."""
    admitted_network: pulumi.Output[str]
    """The network that containers of others join to be admitted; empty without `discovery`."""
    users: pulumi.Output[dict[str, str]]
    """The password of each user, by name; a secret."""
    ca: pulumi.Output[str]
    """With `tls: {self_signed: …}`, the certificate of who signs, in PEM form, for people to trust; else empty."""

    def __init__(self, name: str, args: TraefikEdgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Of a whole stack, SpeechStack has checked everything.
        own = None if "plan" in args else _checked(args)
        plan: EdgePlan = _planned(name, args, own) if own else args["plan"]
        super().__init__("tts:index:TraefikEdge", name, None, opts)
        self._stack = args.get("stack", name)
        image = image_on_host(f"{name}-image", plan.image, self)
        shown = passwords(name, plan.auth.users, args.get("secrets", {}), self)
        self.users = shown.plain
        known = "guard_token" in args
        routes = pulumi.Output.from_input(args["routes"]).apply(lambda given: _planned_routes(given, plan, own, known))
        files: dict[str, pulumi.Input[str]] = {
            "routes.yml": routes.apply(lambda routes: traefik.routes_file(routes, plan)),
            "front.yml": traefik.front_file(plan),
            "login.yml": pulumi.Output.all(routes, shown.hashes).apply(
                lambda both: traefik_auth.login_file(both[0], plan.auth, both[1])
            ),
        }
        if "guard_token" in args:
            files["guard.yml"] = pulumi.Output.secret(args["guard_token"]).apply(traefik_auth.guard_file)
        self.ca = pulumi.Output.from_input("")
        tls = None
        if plan.tls:
            tls = EdgeTls(plan, plan.tls, routes, args.get("secrets", {}), stack=self._stack, parent=self)
            files |= tls.files
            self.ca = tls.ca
        self.dashboard_url = self.dashboard_user = self.dashboard_password = pulumi.Output.from_input("")
        if dashboard := plan.dashboard:
            password = login_password(f"{name}-dashboard-password", args.get("password"), self)
            files["dashboard.yml"] = password.hashed.apply(lambda hashed: traefik.dashboard_file(dashboard, hashed))
            self.dashboard_url = pulumi.Output.from_input(dashboard.url)
            self.dashboard_user = pulumi.Output.from_input(dashboard.user)
            self.dashboard_password = password.plain
        at = endpoint(args.get("docker"), args.get("certificates"))
        public = made_network(f"{name}-public", self._stack, pulumi.ResourceOptions(parent=self))
        networks = [public, args["network"]]
        if oidc := plan.auth.oidc:
            files["session.yml"] = session_file(plan.auth, oidc)
            Oidc(
                oidc,
                args["secrets"][oidc.client_secret_key],
                stack=self._stack,
                network=public,
                courier_image=image,
                at=at,
                parent=self,
            )
        self.admitted_network = pulumi.Output.from_input("")
        if plan.discovery:
            found = Discovery(plan, stack=self._stack, image=image, user=_USER, at=at, parent=self)
            files["discovery.yml"] = discovery.discovery_file(plan.discovery, plan)
            networks.append(found.network)
            self.admitted_network = found.admitted
        if "observe" in args:
            networks.append(args["observe"])
        # Routes that lead to a guard that is not there yet would be answered 502.
        first: list[pulumi.Resource] = [args["after"].container] if "after" in args else []
        written = tls.volumes if tls else {}
        if meter := args.get("meter"):
            first.append(meter.ready)
            written = {**written, LOGS: meter.logs}
        live = LiveFiles(
            f"{name}-files",
            self._stack,
            files,
            image,
            self,
            reader=_GROUP,
            written_by_reader=tls.volumes if tls else None,
            after=first,
        )
        # The first files are in place before Traefik looks, so its first answers are not 404.
        after = [live.courier, *first]
        self.container = self._container(
            name, plan, image, live, tls=tls, written=written, networks=networks, after=after, at=at
        )
        self.url = pulumi.Output.from_input(plan.url)
        self.register_outputs(
            {
                "url": self.url,
                "dashboard_url": self.dashboard_url,
                "dashboard_user": self.dashboard_user,
                "dashboard_password": self.dashboard_password,
                "admitted_network": self.admitted_network,
                "users": self.users,
                "ca": self.ca,
            }
        )

    def _container(
        self,
        name: str,
        plan: EdgePlan,
        image: pulumi.Output[str],
        live: LiveFiles,
        *,
        tls: EdgeTls | None,
        written: Mapping[str, pulumi.Input[str]],
        networks: Iterable[pulumi.Input[str]],
        after: Sequence[pulumi.Resource],
        at: Endpoint,
    ) -> docker.Container:
        edge = docker.Container(
            name,
            name=plan.name,
            image=image,
            command=list(traefik.static_arguments(plan, CURRENT)),
            envs=_environment(plan, tls),
            user=_USER,
            read_only=True,
            ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES)],
            ports=_ports(plan),
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in networks],
            volumes=[
                docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True),
                *(
                    docker.ContainerVolumeArgs(container_path=path, volume_name=volume)
                    for path, volume in written.items()
                ),
            ],
            healthcheck=traefik_health(),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            stop_timeout=plan.drain,
            destroy_grace_seconds=plan.drain,
            **hardened(self._stack, "edge", plan.memory),
            opts=container_options(self, after=after),
        )
        limit_pids(edge, at, _PIDS)
        return edge


def _environment(plan: EdgePlan, tls: EdgeTls | None) -> pulumi.Input[list[pulumi.Input[str]]] | None:
    told = list(TRACING_ENVIRONMENT) if plan.tracing else []
    if tls is None:
        return list[pulumi.Input[str]](told) or None
    return pulumi.Output.from_input(tls.environment).apply(lambda own: [*own, *told])


def _domain(args: TraefikEdgeArgs) -> str:
    domain: str = load_part(Domain, args.get("domain", "localhost"), "domain")
    return domain


def _checked(args: TraefikEdgeArgs) -> Edge:
    edge: Edge = load_part(Edge, args.get("edge", {}), "edge")
    # The names of its routes are known later.
    problems = [
        *front_checks(edge, {}),
        *version_checks(),
        *tls_checks(edge, _domain(args), []),
        *edge_auth_checks(edge.auth),
        *oidc_checks(edge, _domain(args), []),
        *not_given(_references(edge), args.get("secrets", {})),
    ]
    if problems:
        raise ConfigError(problems)
    return edge


def _planned(name: str, args: TraefikEdgeArgs, edge: Edge) -> EdgePlan:
    local = local_images(args.get("images"))
    pages = [keeper_page(args["keeper"])] if "keeper" in args else []
    observed = "observe" in args
    return plan_edge(edge, name, _domain(args), local, pages=pages, checks=args.get("guard"), observed=observed)


def _refuse_unchecked(routes: list[Route], plan: EdgePlan) -> None:
    """Routes of which somebody else decides what they ask for, where there is nobody to come in, or to check it."""
    problems = [
        Problem(f"routes[{at}]", repr(route.name), *problem)
        for at, route in enumerate(routes)
        if (problem := unchecked(route, plan.auth))
    ]
    if problems:
        raise ConfigError(problems)


def _references(edge: Edge) -> Iterator[tuple[str, str]]:
    """The secrets that the config refers to; the dashboard's password is an argument of its own."""
    yield from edge.https.secret_references if edge.https else ()
    yield from ((path, key) for path, key in secrets_of(edge) if path.startswith("edge.auth."))


def _refuse_unknown_to_guard(routes: list[Route], plan: EdgePlan) -> None:
    """Routes by which a guard is asked that does not know this edge, and would refuse everybody."""
    problems = [
        Problem(
            f"routes[{at}]",
            repr(route.name),
            "asks a guard, or leads to one, and that answers nobody but an edge that shows its token",
            "Give the token of the EnvoyGuard: guard_token",
        )
        for at, route in enumerate(routes)
        if traefik_auth.asks_guard(route, plan.auth)
    ]
    if problems:
        raise ConfigError(problems)


def _planned_routes(given: Iterable[Any], plan: EdgePlan, edge: Edge | None, known_to_guard: bool) -> list[Route]:
    """All routes; ``edge`` is the config that they have not been checked against yet."""
    planned = [
        route if isinstance(route, Route) else route_of(route, f"routes[{at}]") for at, route in enumerate(given)
    ]
    _refuse_conflicts(planned, plan)
    _refuse_unchecked(planned, plan)
    if not known_to_guard:
        _refuse_unknown_to_guard(planned, plan)
    if edge:
        _refuse_unfit(planned, plan, edge)
    return planned


def _refuse_unfit(routes: list[Route], plan: EdgePlan, edge: Edge) -> None:
    """Routes that anybody could come in by from everywhere, or whose names no certificate can be had for."""
    names = [(f"routes[{at}].host", route.host) for at, route in enumerate(routes)]
    dashboard = [("edge.dashboard.host", plan.dashboard.host)] if plan.dashboard else []
    opened = [route.name for route in routes if settled(route, plan.auth).login is Login.open]
    asking = [name for name, route in zip(names, routes, strict=True) if is_by_session(route, plan.auth)]
    if problems := [
        *open_to_everybody(edge, opened),
        *name_checks(edge, [*names, *dashboard]),
        *hosts_outside(plan.domain, asking),
    ]:
        raise ConfigError(problems)


def _refuse_conflicts(routes: list[Route], plan: EdgePlan) -> None:
    problems = [
        Problem(
            "routes",
            repr(second.name),
            f"takes the place of {first.name!r} ({first.host}{first.prefix}, service {first.service!r})",
            "Give each route a name, a host or path, and for other upstreams a service, of its own",
        )
        for first, second in conflicts([*plan.own_routes, *routes])
    ]
    if problems:
        raise ConfigError(problems)


def _ports(plan: EdgePlan) -> list[docker.ContainerPortArgs]:
    published = [(traefik.IN_CONTAINER.web, plan.http_port)]
    if plan.tls:
        published.append((traefik.IN_CONTAINER.websecure, plan.tls.port))
    if plan.dashboard and plan.dashboard.own_port:
        published.append((traefik.IN_CONTAINER.dashboard, plan.dashboard.port))
    return [docker.ContainerPortArgs(internal=inside, external=outside, ip=plan.bind) for inside, outside in published]
