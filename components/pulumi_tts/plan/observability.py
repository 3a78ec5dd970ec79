"""What watches a stack, as frozen values."""

from dataclasses import dataclass

from pulumi_tts.config.observability import Observability
from pulumi_tts.plan.names import observe_network
from pulumi_tts.plan.pages import Page
from pulumi_tts.plan.tracing import JaegerPlan, TracingPlan, plan_jaeger

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 2700)
"""Upper bounds of what times are counted in, in seconds: from what the edge adds, 1 ms, to jobs of 45 minutes."""


@dataclass(frozen=True, slots=True)
class ObservabilityPlan:
    """What watches a stack, as it will run."""

    network: str
    """The network of what watches and what is watched; without a way out."""
    jaeger: JaegerPlan | None
    """Absent where nothing is traced."""

    @property
    def tracing(self) -> TracingPlan | None:
        """How requests are traced; absent where they are not."""
        return self.jaeger.tracing if self.jaeger else None

    @property
    def pages(self) -> tuple[Page, ...]:
        """What people see of it, behind the dashboard's login."""
        jaeger = self.jaeger.page if self.jaeger else None
        return (jaeger,) if jaeger else ()


def plan_observability(observability: Observability, name: str, local_images: bool) -> ObservabilityPlan:
    """What follows from the config; ``name`` begins the names of what is made."""
    tracing = observability.tracing
    return ObservabilityPlan(
        network=observe_network(name),
        jaeger=plan_jaeger(tracing, name, local_images) if tracing else None,
    )
