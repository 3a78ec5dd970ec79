"""The whole plan: everything that will run, before anything does."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from pulumi_tts.config.problems import ConfigError, Problem
from pulumi_tts.config.stack import Stack
from pulumi_tts.plan.edge import EdgePlan, plan_edge
from pulumi_tts.plan.images import base_image
from pulumi_tts.plan.names import edge_name, pool_name
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

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of every pool."""
        return tuple(chain.from_iterable(pool.routes for pool in self.pools))


def plan_stack(stack: Stack, name: str, local_images: bool) -> StackPlan:
    """What follows from a config.

    Raises ConfigError where a name would be too long for the network.

    ``name`` begins the names of what is made; ``local_images`` says that no container registry is to be asked.
    Raises ConfigError where two things would bear one name.
    """
    base = base_image(local_images)
    plan = StackPlan(
        name=name,
        docker=stack.hosts[0].docker,
        edge=plan_edge(stack.edge, edge_name(name), stack.domain, local_images),
        pools=tuple(plan_pool(pool, pool_name(name, pool.name), stack.domain, base) for pool in stack.pools),
    )
    problems = list(_long_names(plan))
    if problems:
        raise ConfigError(problems)
    return plan


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
