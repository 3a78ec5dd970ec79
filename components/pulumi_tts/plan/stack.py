"""The whole plan: everything that will run, before anything does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pulumi_tts.config.gpu_checks import pool_checks
from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.host_checks import host_checks
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError, Problem
from pulumi_tts.config.stack import Stack
from pulumi_tts.plan.auth import plan_guard_auth
from pulumi_tts.plan.dashboards import plan_dashboards
from pulumi_tts.plan.edge import EdgePlan, plan_edge
from pulumi_tts.plan.fleet import Place
from pulumi_tts.plan.front import plan_front
from pulumi_tts.plan.grafana import GrafanaPlan, grafana_page, plan_grafana
from pulumi_tts.plan.guard import GuardPlan, PoolGuardPlan, by_way_of, plan_guard
from pulumi_tts.plan.images import refuse_registries
from pulumi_tts.plan.keeper import HostKept, plan_keeper
from pulumi_tts.plan.meter import MeterPlan, plan_meter
from pulumi_tts.plan.mps import MpsDaemon, plan_mps
from pulumi_tts.plan.names import edge_name, guard_name, instance_name, keeper_name, pool_name, socket_proxy_name
from pulumi_tts.plan.observability import ObservabilityPlan, plan_observability, watching_pages
from pulumi_tts.plan.pages import keeper_page
from pulumi_tts.plan.placement import Placement, place
from pulumi_tts.plan.pools import PoolPlan, plan_pool
from pulumi_tts.plan.ports import proxy_port, published_ports
from pulumi_tts.plan.routes import Route
from pulumi_tts.plan.survey import Survey
from pulumi_tts.plan.tidy import TidyPlan, plan_tidy
from pulumi_tts.plan.tracing import COLLECTOR_PORT, JaegerPlan, TracingPlan, plan_jaeger
from pulumi_tts.plan.weights import FillPlan, plan_fill

LONGEST_NAME = 63  # RFC 1035, 2.3.4


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A Docker host that instances may run on."""

    name: str
    docker: str | None
    """Its endpoint; absent for this machine's."""
    certificates: str | None
    """The folder with what TLS needs."""
    silent: bool
    """Whether it does not answer: what is there is left as it is."""
    instances: tuple[str, ...]
    """The containers of the instances that run here."""
    fetches: bool
    """Whether anything is fetched here, by engines themselves or for them."""
    fills: bool
    """Whether any weights are fetched into a volume here."""
    confines: bool
    """Whether any of them is not free to fetch from anywhere."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """An output volume that stays on a host which its instance leaves."""

    instance: str
    volume: str
    left: str
    """The host that the instance leaves."""
    goes_to: str


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One speech service as it will run."""

    name: str
    """Begins the names of what is made."""
    hosts: tuple[HostPlan, ...]
    """Every host; the first one has the edge."""
    edge: EdgePlan
    pools: tuple[PoolPlan, ...]
    placement: Placement
    left_behind: tuple[LeftBehind, ...]
    fill: FillPlan
    """What fetches weights, where pools have any to be fetched."""
    tidy: tuple[TidyPlan, ...]
    """What keeps outputs within their limits, where pools have any."""
    mps: tuple[MpsDaemon, ...]
    """The MPS daemons, of the cards that have one."""
    guard: GuardPlan | None
    """Absent where no pool is guarded, and it checks nothing for the edge."""
    observability: ObservabilityPlan | None
    """Absent where nothing watches the stack."""
    jaeger: JaegerPlan | None
    """What takes traces; absent where nothing is traced."""
    grafana: GrafanaPlan | None
    """Absent where nothing shows dashboards."""
    meter: MeterPlan | None
    """Absent where nobody counts who used how much."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of every pool, those shared by a guarded pool's instances by way of the guard."""
        return tuple(chain.from_iterable(self._routes_of(pool) for pool in self.pools))

    def _routes_of(self, pool: PoolPlan) -> tuple[Route, ...]:
        if self.guard is None or pool.guard is None:
            return pool.routes
        return tuple(by_way_of(self.guard, pool.name, route) for route in pool.shared_routes) + pool.instance_routes

    @property
    def edge_host(self) -> HostPlan:
        """The host that has the edge."""
        return self.hosts[0]

    @property
    def other_hosts(self) -> tuple[HostPlan, ...]:
        """The hosts whose instances the edge reaches over the network."""
        return self.hosts[1:]


def plan_stack(stack: Stack, name: str, local_images: bool, survey: Survey | None = None) -> StackPlan:
    """What follows from a config.

    ``name`` begins the names of what is made; ``local_images`` says that no container registry is to be asked;
    ``survey`` says what is on the hosts now: it stays there. Raises ConfigError where an instance finds no place or no
    port, where a name would be too long for the network, or where an image needs a registry that is not to be asked.
    """
    found = survey or Survey()
    if local_images:
        refuse_registries(stack.pools)
    names = {pool.name: pool_name(name, pool.name) for pool in stack.pools}
    keys = {
        instance_name(names[pool.name], number): (pool.name, number)
        for pool in stack.pools
        for number in range(1, pool.instances + 1)
    }
    now = {keys[container]: at for container, at in found.running.items() if container in keys}
    placement = place(stack.hosts, stack.pools, now, found.silent)
    hosts = {container: placement.places[key].host for container, key in keys.items()}
    staying = {
        container: port for container, port in found.ports.items() if hosts.get(container) == found.host_of(container)
    }
    published = published_ports(stack.hosts, hosts, staying, found.ports_in_use(), found.silent)
    traced = stack.observability.tracing if stack.observability else None
    jaeger = plan_jaeger(traced, name, local_images) if traced else None
    tracing = jaeger.tracing if jaeger else None
    pools = tuple(
        plan_pool(
            pool,
            names[pool.name],
            stack.domain,
            local_images,
            places=placement.of(pool.name),
            published=published,
            https=stack.edge.https is not None,
            mps=placement.mps,
            traces=f"http://{guard_name(name)}:{COLLECTOR_PORT}" if tracing else None,
        )
        for pool in stack.pools
    )
    guard = _guard(stack, name, [pool.guard for pool in pools if pool.guard], local_images, tracing)
    usage = stack.observability.usage if stack.observability else None
    meter = (
        plan_meter(usage, name, stack.pools, pools, auth=stack.edge.auth, local_images=local_images) if usage else None
    )
    edge = plan_edge(
        stack.edge,
        edge_name(name),
        stack.domain,
        local_images,
        pages=[
            *([keeper_page(guard.keeper.url)] if guard else []),
            *(watching_pages(name) if stack.observability else ()),
            *([jaeger.page] if jaeger and jaeger.page else []),
            *([grafana_page(name)] if stack.observability and stack.observability.grafana else []),
        ],
        checks=guard.name if guard and guard.auth else None,
        observed=stack.observability is not None,
        tracing=tracing,
        metered=meter is not None,
    )
    observability = (
        plan_observability(
            stack.observability,
            name,
            edge=edge,
            guard=guard,
            pools=pools,
            host=stack.hosts[0].name,
            local_images=local_images,
        )
        if stack.observability
        else None
    )
    plan = StackPlan(
        name=name,
        hosts=tuple(_host(host, pools, found.silent) for host in stack.hosts),
        edge=edge,
        pools=pools,
        guard=guard,
        placement=placement,
        left_behind=tuple(_left_behind(pools, found.running)),
        fill=plan_fill(stack.hub, name, [pool.weights for pool in pools], local_images),
        tidy=plan_tidy(name, pools, local_images),
        mps=plan_mps(name, pools, local_images),
        observability=observability,
        jaeger=jaeger,
        grafana=_grafana(stack, observability, edge, pools, meter=meter, local_images=local_images),
        meter=meter,
    )
    problems = list(_long_names(plan))
    if problems:
        raise ConfigError(problems)
    return plan


def _host(host: Host, pools: Iterable[PoolPlan], silent: frozenset[str]) -> HostPlan:
    here = [(pool, instance) for pool in pools for instance in pool.instances if instance.host == host.name]
    return HostPlan(
        name=host.name,
        docker=host.docker,
        certificates=host.certificates,
        silent=host.name in silent,
        instances=tuple(instance.name for _, instance in here),
        fetches=any(pool.container.unconfined or pool.way_out or pool.weights for pool, _ in here),
        fills=any(pool.weights for pool, _ in here),
        confines=any(not pool.container.unconfined for pool, _ in here),
    )


def _left_behind(pools: Iterable[PoolPlan], running: Mapping[str, Place]) -> Iterator[LeftBehind]:
    for instance in chain.from_iterable(pool.instances for pool in pools):
        before = running.get(instance.name)
        if before and before.host != instance.host and instance.volume:
            yield LeftBehind(instance.name, instance.volume, before.host, instance.host)


def _guard(
    stack: Stack, name: str, pools: Sequence[PoolGuardPlan], local_images: bool, tracing: TracingPlan | None
) -> GuardPlan | None:
    """Absent where there is nothing to guard, and no key, token or limit to check."""
    auth = plan_guard_auth(stack.edge.auth, [stack.edge.limits, *(pool.limits for pool in stack.pools)])
    if not pools and not auth:
        return None
    with_guarded = {instance.host for pool in pools for instance in pool.instances}
    elsewhere = [HostKept(host.name, proxy_port(host)) for host in stack.hosts[1:] if host.name in with_guarded]
    keeper = plan_keeper(stack.keeper, keeper_name(name), stack.hosts[0].name, local_images, elsewhere)
    front = plan_front(stack.edge)
    return plan_guard(
        stack.guard,
        keeper,
        guard_name(name),
        pools,
        front=front,
        local_images=local_images,
        auth=auth,
        tracing=tracing,
        metered=bool(stack.observability and stack.observability.usage),
    )


def _grafana(
    stack: Stack,
    watching: ObservabilityPlan | None,
    edge: EdgePlan,
    pools: Sequence[PoolPlan],
    *,
    meter: MeterPlan | None,
    local_images: bool,
) -> GrafanaPlan | None:
    asked = stack.observability.grafana if stack.observability else None
    if not asked or not watching or not edge.dashboard:
        return None
    page = edge.dashboard.page_url(grafana_page(watching.stack))
    dashboards = plan_dashboards(watching, edge, pools, meter)
    return plan_grafana(asked, watching, dashboards, page=page, local_images=local_images)


def _long_names(plan: StackPlan) -> Iterator[Problem]:
    for at, pool in enumerate(plan.pools):
        longest = pool.instances[-1].name
        if len(longest) > LONGEST_NAME:
            yield Problem(
                f"pools[{at}].name",
                repr(pool.name),
                f"makes {longest!r}, which is longer than the {LONGEST_NAME} characters of a host name's label",
                "Shorten it, or the stack's name",
            )
    if plan.guard and len(longest := socket_proxy_name(plan.name)) > LONGEST_NAME:
        yield Problem(
            "pools",
            repr(plan.name),
            f"makes {longest!r}, which is longer than the {LONGEST_NAME} characters of a host name's label",
            "Shorten the stack's name, or write guard: none in every pool",
        )
    discovery = plan.edge.discovery
    if discovery and len(longest := socket_proxy_name(discovery.name)) > LONGEST_NAME:
        yield Problem(
            "edge.discovery",
            repr(plan.name),
            f"makes {longest!r}, which is longer than the {LONGEST_NAME} characters of a host name's label",
            "Shorten the stack's name",
        )


def plan_pool_alone(
    pool: Pool, gpus: Sequence[Gpu], resource_name: str, *, domain: str, local_images: bool, https: bool = False
) -> PoolPlan:
    """What follows from the config of a pool that stands by itself, on one host with these cards.

    ``https`` says that browsers come by HTTPS alone.

    Raises ConfigError where the pool and the cards do not go together.
    """
    host = Host(gpus=list(gpus), mig=True)
    problems = [*host_checks({0: host}), *pool_checks([host], {0: pool})]
    placement: Placement | None = None
    try:
        placement = place([host], [pool]) if not problems else None
    except ConfigError as error:
        problems = list(error.problems)
    if placement is None:
        raise ConfigError(_as_written_alone(problem) for problem in problems)
    places = placement.of(pool.name)
    return plan_pool(
        pool,
        resource_name,
        domain,
        local_images,
        places=places,
        https=https,
        mps=placement.mps,
    )


def _as_written_alone(problem: Problem) -> Problem:
    return replace(problem, path=problem.path.replace("pools[0]", "pool").replace("hosts[0].", ""))
