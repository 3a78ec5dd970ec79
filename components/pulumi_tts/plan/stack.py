"""The whole plan: everything that will run, before anything does."""

from dataclasses import dataclass
from itertools import chain

from pulumi_tts.config.stack import Stack
from pulumi_tts.plan.edge import EdgePlan, plan_edge
from pulumi_tts.plan.images import base_image
from pulumi_tts.plan.names import edge_name, pool_name
from pulumi_tts.plan.pools import PoolPlan, plan_pool
from pulumi_tts.plan.routes import Route


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One speech service as it will run."""

    name: str
    """Begins the names of what is made."""
    docker: str | None
    """The Docker host's endpoint; absent for this machine's."""
    edge: EdgePlan
    pools: tuple[PoolPlan, ...]

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of every pool."""
        return tuple(chain.from_iterable(pool.routes for pool in self.pools))

    @property
    def fetches(self) -> bool:
        """Whether any engine fetches models by itself, and so needs a way out."""
        return any(pool.container.fetches for pool in self.pools)


def plan_stack(stack: Stack, name: str, local_images: bool) -> StackPlan:
    """What follows from a config.

    ``name`` begins the names of what is made; ``local_images`` says that no container registry is to be asked.
    Raises ConfigError where two things would bear one name.
    """
    base = base_image(local_images)
    return StackPlan(
        name=name,
        docker=stack.hosts[0].docker,
        edge=plan_edge(stack.edge, edge_name(name), stack.domain, local_images),
        pools=tuple(plan_pool(pool, pool_name(name, pool.name), stack.domain, base) for pool in stack.pools),
    )
