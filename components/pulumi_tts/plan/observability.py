"""What watches a stack, as frozen values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulumi_tts.config.alerting import Alertmanager, Email, Receiver, Severity, Slack, Webhook
from pulumi_tts.config.observability import Observability, Prometheus
from pulumi_tts.plan.auth import Login
from pulumi_tts.plan.edge import EdgePlan, settled
from pulumi_tts.plan.guard import STATUS_PORT, GuardPlan
from pulumi_tts.plan.images import Image, packaged_image
from pulumi_tts.plan.keeper import PORT as KEEPER_PORT
from pulumi_tts.plan.meter import PORT as METER_PORT
from pulumi_tts.plan.names import (
    alertmanager_name,
    blackbox_name,
    jaeger_name,
    meter_name,
    node_name,
    observe_network,
    observe_outside,
    prometheus_name,
)
from pulumi_tts.plan.pages import Page
from pulumi_tts.plan.pools import PoolPlan
from pulumi_tts.plan.tls import LETS_ENCRYPT, TlsPlan
from pulumi_tts.plan.tracing import METRICS_PORT as TRACING_METRICS_PORT

__all__ = [
    "ALERTMANAGER",
    "PROMETHEUS",
    "AlertmanagerPlan",
    "BlackboxPlan",
    "Email",
    "Job",
    "NodePlan",
    "ObservabilityPlan",
    "PoolPromise",
    "Probe",
    "PrometheusPlan",
    "ReceiverPlan",
    "RemoteWritePlan",
    "Severity",
    "Slack",
    "Webhook",
    "plan_observability",
    "watching_pages",
]

PROMETHEUS, ALERTMANAGER = "/prometheus", "/alertmanager"
"""Below which paths they answer, to each other as behind the login."""
PROMETHEUS_PORT, ALERTMANAGER_PORT, BLACKBOX_PORT, NODE_PORT, EDGE_PORT = 9090, 9093, 9115, 9100, 8083
"""Where each answers in its container; the edge for its metrics."""

_DAY = 86_400
_WARNED = 14 * _DAY
"""Before a certificate ends, somebody is told: what renews itself has failed for two weeks then."""


@dataclass(frozen=True, slots=True)
class Job:
    """One part that Prometheus asks for metrics."""

    name: str
    container: str
    """Its container, by which `instance` calls it."""
    port: int
    path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked of a pool through the edge, as by a client on the edge's own network."""

    pool: str
    host: str
    """The name that it is asked by."""
    path: str
    login: bool
    """Whether a login is asked for: to be refused for the lack of one is then the right answer."""


@dataclass(frozen=True, slots=True)
class RemoteWritePlan:
    """Where everything is sent as well."""

    url: str
    user: str | None
    """With one the secret is a password, else a bearer token."""
    secret_key: str


@dataclass(frozen=True, slots=True)
class PrometheusPlan:
    """Prometheus as it will run; sizes in MiB, times in seconds."""

    name: str
    image: Image
    memory: int
    volume: str
    time: int
    size: int
    """What retention keeps."""
    disk: int
    """What it may take in all."""
    interval: int
    labels: tuple[tuple[str, str], ...]
    remote_write: RemoteWritePlan | None
    page: str
    """Where people find it."""


@dataclass(frozen=True, slots=True)
class ReceiverPlan:
    """Somebody who is told of alerts."""

    name: str
    severities: tuple[Severity, ...]
    way: Webhook | Email | Slack
    secret_key: str | None
    """The config key of its one secret."""


@dataclass(frozen=True, slots=True)
class AlertmanagerPlan:
    """Alertmanager as it will run; memory in MiB, times in seconds."""

    name: str
    image: Image
    memory: int
    volume: str
    repeat: int
    receivers: tuple[ReceiverPlan, ...]
    page: str
    """Where people find it."""


@dataclass(frozen=True, slots=True)
class BlackboxPlan:
    """What asks as a client would."""

    name: str
    image: Image
    probes: tuple[Probe, ...]
    https: bool
    verify: bool
    """Whether an edge's certificate that nobody public, and not the stack itself, has signed is a failure."""
    own_authority: bool
    """Whether the stack's own authority signs."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What watches a host."""

    name: str
    image: Image
    host: str
    volume: str
    """An empty volume: it is on the disk that all of the host's volumes are on, and so tells how full that is."""


@dataclass(frozen=True, slots=True)
class PoolPromise:
    """What clients of a pool are promised."""

    pool: str
    availability: float
    """In percent of requests."""


@dataclass(frozen=True, slots=True)
class ObservabilityPlan:
    """What watches a stack, as it will run."""

    stack: str
    network: str
    """The network of what watches and what is watched; without a way out."""
    outside: str | None
    """A network with one, for what is to be told outside; absent where nothing is."""
    edge: str
    """The edge's container."""
    prometheus: PrometheusPlan
    alertmanager: AlertmanagerPlan
    blackbox: BlackboxPlan | None
    node: NodePlan | None
    metered: bool
    """Whether a meter counts who used how much."""
    jobs: tuple[Job, ...]
    promises: tuple[PoolPromise, ...]
    certificate: int
    """How long before its end a certificate is spoken of, in seconds."""


def watching_pages(name: str) -> tuple[Page, ...]:
    """What people see of it, behind the dashboard's login; ``name`` begins the names of what is made."""
    return (
        Page("prometheus", PROMETHEUS, f"http://{prometheus_name(name)}:{PROMETHEUS_PORT}"),
        Page("alertmanager", ALERTMANAGER, f"http://{alertmanager_name(name)}:{ALERTMANAGER_PORT}"),
    )


def plan_observability(
    observability: Observability,
    name: str,
    *,
    edge: EdgePlan,
    guard: GuardPlan | None,
    pools: Sequence[PoolPlan],
    host: str,
    local_images: bool,
) -> ObservabilityPlan:
    """What follows from the config; ``name`` begins the names of what is made, ``host`` is the edge's."""
    pages = {page.name: edge.dashboard.page_url(page) for page in watching_pages(name)} if edge.dashboard else {}
    alertmanager = _alertmanager(observability.alertmanager, name, pages, local_images)
    prometheus = _prometheus(observability.prometheus, name, pages, local_images)
    node = NodePlan(node_name(name), packaged_image("node_exporter", local_images), host, f"{node_name(name)}-disk")
    return ObservabilityPlan(
        stack=name,
        network=observe_network(name),
        outside=observe_outside(name) if prometheus.remote_write or alertmanager.receivers else None,
        edge=edge.name,
        prometheus=prometheus,
        alertmanager=alertmanager,
        blackbox=_blackbox(name, edge, pools, local_images) if observability.probes else None,
        node=node if observability.node else None,
        metered=observability.usage is not None,
        jobs=tuple(_jobs(name, edge, guard, observability)),
        promises=tuple(
            PoolPromise(pool.name, observability.slo.pools.get(pool.name, observability.slo.availability))
            for pool in pools
        ),
        certificate=_warned(edge.tls),
    )


def _prometheus(prometheus: Prometheus, name: str, pages: dict[str, str], local: bool) -> PrometheusPlan:
    own = prometheus_name(name)
    write = prometheus.remote_write
    return PrometheusPlan(
        name=own,
        image=packaged_image("prometheus", local),
        memory=prometheus.memory,
        volume=f"{own}-data",
        time=prometheus.retention.time,
        size=prometheus.kept,
        disk=prometheus.disk,
        interval=prometheus.interval,
        labels=tuple(sorted({"stack": name, **prometheus.labels}.items())),
        remote_write=RemoteWritePlan(write.url, write.user, write.secret.secret) if write else None,
        page=pages.get("prometheus", f"http://{own}:{PROMETHEUS_PORT}{PROMETHEUS}/"),
    )


def _alertmanager(alertmanager: Alertmanager, name: str, pages: dict[str, str], local: bool) -> AlertmanagerPlan:
    own = alertmanager_name(name)
    return AlertmanagerPlan(
        name=own,
        image=packaged_image("alertmanager", local),
        memory=alertmanager.memory,
        volume=f"{own}-data",
        repeat=alertmanager.repeat,
        receivers=tuple(_receiver(receiver) for receiver in alertmanager.receivers),
        page=pages.get("alertmanager", f"http://{own}:{ALERTMANAGER_PORT}{ALERTMANAGER}/"),
    )


def _receiver(receiver: Receiver) -> ReceiverPlan:
    way = receiver.webhook or receiver.email or receiver.slack
    assert way  # noqa: S101  config/alerting.py refuses a receiver without
    key = receiver.secret[1].secret if receiver.secret else None
    return ReceiverPlan(receiver.name, tuple(receiver.severities), way, key)


def _blackbox(name: str, edge: EdgePlan, pools: Iterable[PoolPlan], local: bool) -> BlackboxPlan:
    tls = edge.tls
    public = tls is not None and tls.acme is not None and tls.acme.server == LETS_ENCRYPT
    return BlackboxPlan(
        name=blackbox_name(name),
        image=packaged_image("blackbox_exporter", local),
        probes=tuple(_probe(pool, edge) for pool in pools),
        https=tls is not None,
        verify=public or (tls is not None and tls.self_signed),
        own_authority=tls is not None and tls.self_signed,
    )


def _probe(pool: PoolPlan, edge: EdgePlan) -> Probe:
    """By the pool's first way in; an engine that sees the prefix knows best what it has there."""
    route = pool.routes[0]
    seen = not route.strip and route.prefix != "/"
    path = f"{route.prefix}/" if seen else route.prefix.rstrip("/") + pool.container.health.path
    return Probe(pool.name, route.host, path, settled(route, edge.auth).login is not Login.open)


def _jobs(name: str, edge: EdgePlan, guard: GuardPlan | None, observability: Observability) -> Iterable[Job]:
    yield Job("prometheus", prometheus_name(name), PROMETHEUS_PORT, f"{PROMETHEUS}/metrics")
    yield Job("alertmanager", alertmanager_name(name), ALERTMANAGER_PORT, f"{ALERTMANAGER}/metrics")
    yield Job("edge", edge.name, EDGE_PORT)
    if guard:
        yield Job("guard", guard.name, STATUS_PORT, "/stats/prometheus")
        yield Job("keeper", guard.keeper.name, KEEPER_PORT)
    if observability.tracing:
        yield Job("jaeger", jaeger_name(name), TRACING_METRICS_PORT)
    if observability.probes:
        yield Job("blackbox", blackbox_name(name), BLACKBOX_PORT)
    if observability.node:
        yield Job("node", node_name(name), NODE_PORT)
    if observability.usage:
        yield Job("meter", meter_name(name), METER_PORT)


def _warned(tls: TlsPlan | None) -> int:
    """Two weeks; of certificates that last for less than 84 days a sixth of that, as they are renewed in the last
    third."""
    return min(_WARNED, tls.acme.hours * 3600 // 6) if tls and tls.acme else _WARNED
