"""What dashboards show of a stack: what there is, and where else one may look."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pulumi_tts.plan.edge import EdgePlan
from pulumi_tts.plan.meter import MeterPlan
from pulumi_tts.plan.observability import ObservabilityPlan
from pulumi_tts.plan.pools import PoolPlan


class Watcher(StrEnum):
    """Who finds out which instances of a pool are well; of each kind of pool other things are known."""

    guard = "guard"
    """It also knows how busy they are."""
    edge = "edge"
    nobody = "nobody"
    """There is one instance, and the edge asks only where it has a choice."""


@dataclass(frozen=True, slots=True)
class WatchedPool:
    """A pool as dashboards show it."""

    name: str
    watcher: Watcher
    instances: int
    allowed: float
    """The share of requests that may fail, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another page about the stack."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class UsageShown:
    """What is counted for tenants."""

    audio: bool
    """Whether any pool's audio can be measured."""
    cards: bool
    """Whether any instance has one."""
    currency: str | None
    """Of the costs, by ISO 4217; absent where nothing has a price."""


@dataclass(frozen=True, slots=True)
class DashboardsPlan:
    """What dashboards show; what is not there has no panel."""

    stack: str
    pools: tuple[WatchedPool, ...]
    host: str | None
    """The host that is watched; absent where none is."""
    guard: bool
    """Whether there is one, for pools or for logins."""
    probes: bool
    """Whether pools are asked through the edge."""
    https: bool
    """Whether they are asked by HTTPS, and so certificates are seen."""
    disk: int
    """What Prometheus may take of its disk, in MiB."""
    usage: UsageShown | None
    """Absent where nobody counts who used how much."""
    pages: tuple[Elsewhere, ...]
    traces: str | None
    """Jaeger's page; absent where no traces are kept."""

    def of(self, watcher: Watcher) -> tuple[WatchedPool, ...]:
        """The pools of one kind."""
        return tuple(pool for pool in self.pools if pool.watcher is watcher)


def plan_dashboards(
    watching: ObservabilityPlan, edge: EdgePlan, pools: Sequence[PoolPlan], meter: MeterPlan | None
) -> DashboardsPlan:
    """What follows from what watches a stack, from its edge and its pools."""
    allowed = {promise.pool: (100 - promise.availability) / 100 for promise in watching.promises}
    dashboard = edge.dashboard
    pages = {page.name: dashboard.page_url(page) for page in dashboard.pages} if dashboard else {}
    return DashboardsPlan(
        stack=watching.stack,
        pools=tuple(
            WatchedPool(pool.name, _watcher(pool), len(pool.instances), round(allowed[pool.name], 10)) for pool in pools
        ),
        host=watching.node.host if watching.node else None,
        guard=any(job.name == "guard" for job in watching.jobs),
        probes=watching.blackbox is not None,
        https=watching.blackbox is not None and watching.blackbox.https,
        disk=watching.prometheus.disk,
        usage=_usage(meter) if meter else None,
        pages=tuple(Elsewhere(name.capitalize(), url) for name, url in pages.items() if name != "grafana"),
        traces=pages.get("jaeger"),
    )


def _usage(meter: MeterPlan) -> UsageShown:
    cards = any(instance.share for instance in meter.instances)
    priced = cards and any(pool.price is not None for pool in meter.pools)
    return UsageShown(any(pool.audio for pool in meter.pools), cards, meter.currency if priced else None)


def _watcher(pool: PoolPlan) -> Watcher:
    if pool.guard:
        return Watcher.guard
    return Watcher.edge if len(pool.instances) > 1 else Watcher.nobody
