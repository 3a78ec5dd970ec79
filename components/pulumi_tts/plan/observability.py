"""What watches a stack, as frozen values."""

from dataclasses import dataclass

from pulumi_tts.config.observability import Observability
from pulumi_tts.plan.names import observe_network
from pulumi_tts.plan.pages import Page

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 2700)
"""Upper bounds of what times are counted in, in seconds: from what the edge adds, 1 ms, to jobs of 45 minutes."""


@dataclass(frozen=True, slots=True)
class ObservabilityPlan:
    """What watches a stack, as it will run."""

    network: str
    """The network of what watches and what is watched; without a way out."""

    @property
    def pages(self) -> tuple[Page, ...]:
        """What people see of it, behind the dashboard's login."""
        return ()


def plan_observability(observability: Observability, name: str) -> ObservabilityPlan:
    """What follows from the config; ``name`` begins the names of what is made."""
    return ObservabilityPlan(network=observe_network(name))
