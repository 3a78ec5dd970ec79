"""The whole plan: everything that will run, before anything does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pulumi_tts.config.gpu_checks import host_checks, pool_checks
from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError, Problem
from pulumi_tts.config.stack import Stack
from pulumi_tts.plan.edge import EdgePlan, plan_edge
from pulumi_tts.plan.fleet import Place
from pulumi_tts.plan.guard import GuardPlan, PoolGuardPlan, by_way_of, plan_guard
from pulumi_tts.plan.images import base_image, refuse_registries
from pulumi_tts.plan.keeper import plan_keeper
from pulumi_tts.plan.names import edge_name, guard_name, instance_name, keeper_name, pool_name, socket_proxy_name
from pulumi_tts.plan.placement import Placement, place
from pulumi_tts.plan.pools import PoolPlan, plan_pool
from pulumi_tts.plan.routes import Route

LONGEST_NAME = 63  # RFC 1035, 2.3.4


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One speech service as it will run."""

    name: str
    """Begins the names of what is made."""
    docker: str | None
    """The Docker host's endpoint; absent for this machine's."""
    edge: EdgePlan
    pools: tuple[PoolPlan, ...]
    placement: Placement
    guard: GuardPlan | None
    """Absent where no pool is guarded."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of every pool, those shared by a guarded pool's instances by way of the guard."""
        return tuple(chain.from_iterable(self._routes_of(pool) for pool in self.pools))

    def _routes_of(self, pool: PoolPlan) -> tuple[Route, ...]:
        if self.guard is None or pool.guard is None:
            return pool.routes
        return tuple(by_way_of(self.guard, pool.name, route) for route in pool.shared_routes) + pool.instance_routes

    @property
    def fetches(self) -> bool:
        """Whether any engine fetches models by itself, and so needs a way out."""
        return any(pool.container.fetches for pool in self.pools)


def plan_stack(stack: Stack, name: str, local_images: bool, running: Mapping[str, Place] | None = None) -> StackPlan:
    """What follows from a config.

    ``name`` begins the names of what is made; ``local_images`` says that no container registry is to be asked;
    ``running`` says where instances run now, by the names of their containers: they stay there. Raises ConfigError
    where an instance finds no place, where a name would be too long for the network, or where an image needs a
    registry that is not to be asked.
    """
    if local_images:
        refuse_registries(stack.pools)
    base = base_image(local_images)
    names = {pool.name: pool_name(name, pool.name) for pool in stack.pools}
    keys = {
        instance_name(names[pool.name], number): (pool.name, number)
        for pool in stack.pools
        for number in range(1, pool.instances + 1)
    }
    now = {keys[container]: at for container, at in (running or {}).items() if container in keys}
    placement = place(stack.hosts, stack.pools, now)
    pools = tuple(
        plan_pool(pool, names[pool.name], stack.domain, base, placement.of(pool.name)) for pool in stack.pools
    )
    guard = _guard(stack, name, [pool.guard for pool in pools if pool.guard], local_images)
    plan = StackPlan(
        name=name,
        docker=stack.hosts[0].docker,
        edge=plan_edge(
            stack.edge, edge_name(name), stack.domain, local_images, keeper=guard.keeper.url if guard else None
        ),
        pools=pools,
        placement=placement,
        guard=guard,
    )
    problems = list(_long_names(plan))
    if problems:
        raise ConfigError(problems)
    return plan


def _guard(stack: Stack, name: str, pools: Sequence[PoolGuardPlan], local_images: bool) -> GuardPlan | None:
    """Absent where there is nothing to guard."""
    if not pools:
        return None
    keeper = plan_keeper(stack.keeper, keeper_name(name), local_images)
    return plan_guard(stack.guard, keeper, guard_name(name), pools, local_images)


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
    discovery = plan.edge.discovery
    if discovery and len(longest := socket_proxy_name(discovery.name)) > LONGEST_NAME:
        yield Problem(
            "edge.discovery",
            repr(plan.name),
            f"makes {longest!r}, which is longer than the {LONGEST_NAME} characters of a host name's label",
            "Shorten the stack's name",
        )


def plan_pool_alone(pool: Pool, gpus: Sequence[Gpu], resource_name: str, *, domain: str, base: str) -> PoolPlan:
    """What follows from the config of a pool that stands by itself, on one host with these cards.

    Raises ConfigError where the pool and the cards do not go together.
    """
    host = Host(gpus=list(gpus), mig=True)
    problems = [*host_checks({0: host}), *pool_checks([host], {0: pool})]
    places: list[Place] = []
    try:
        places = place([host], [pool]).of(pool.name) if not problems else []
    except ConfigError as error:
        problems = list(error.problems)
    if problems:
        raise ConfigError(_as_written_alone(problem) for problem in problems)
    return plan_pool(pool, resource_name, domain, base, places)


def _as_written_alone(problem: Problem) -> Problem:
    return replace(problem, path=problem.path.replace("pools[0]", "pool").replace("hosts[0].", ""))
