"""How requests are traced, and what keeps their traces."""

from dataclasses import dataclass

from pulumi_tts.config.tracing import Tracing
from pulumi_tts.plan.images import Image, jaeger_image
from pulumi_tts.plan.names import jaeger_name
from pulumi_tts.plan.pages import Page

COLLECTOR_PORT = 4318
"""Where traces are taken, by OTLP over HTTP."""
PAGE_PORT = 16686
"""Where Jaeger's page and API are."""
METRICS_PORT = 8888
"""Where it tells Prometheus how it is."""
PAGE_PATH = "/jaeger"
KEEP_WAIT = 30
"""Seconds from a trace's first span until it is decided whether it is kept."""
RETENTION = 3 * 24 * 3600
"""Seconds; Jaeger's own default for what is kept on disk."""


@dataclass(frozen=True, slots=True)
class TracingPlan:
    """How a part traces what passes through it."""

    collector: str
    """Where it sends its spans, as `http://HOST:PORT`."""
    stack: str
    """Begins the names of the services in traces: `<stack>-edge`, `<stack>-guard`, and one for each pool."""
    ratio: float
    """The share of requests that are traced, where nobody before has decided."""
    follow_clients: bool
    """Whether clients are among those who decide."""


@dataclass(frozen=True, slots=True)
class KeepPlan:
    """Of the requests that went well, which are kept."""

    ratio: float
    slow: int
    """Milliseconds until an answer begins, beyond which all are."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Where traces go instead of to a disk here."""

    endpoint: str
    headers: tuple[tuple[str, str], ...]
    """Each header's name, and the config key that its value is kept under."""


@dataclass(frozen=True, slots=True)
class JaegerPlan:
    """Jaeger as it will run; memory in MiB."""

    name: str
    """Its container's."""
    image: Image
    volume: str
    keep: KeepPlan
    retention: int
    """Seconds."""
    export: ExportPlan | None
    memory: int
    tracing: TracingPlan
    """What those are told who send to it."""

    @property
    def page(self) -> Page | None:
        """Its page, which knows where it is; none where it keeps nothing."""
        return None if self.export else Page("jaeger", PAGE_PATH, f"http://{self.name}:{PAGE_PORT}")


def otel_environment(service: str, collector: str) -> tuple[tuple[str, str], ...]:
    """What engines are told that understand OpenTelemetry's variables: who they are, and where their spans go.

    They begin no trace: who asks after their health is not a request.
    """
    return (
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_SERVICE_NAME", service),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    )


def plan_jaeger(tracing: Tracing, stack: str, local_images: bool) -> JaegerPlan:
    """What follows from the config; ``stack`` begins the names of what is made."""
    name = jaeger_name(stack)
    export = tracing.export
    return JaegerPlan(
        name=name,
        image=jaeger_image(local_images),
        volume=f"{name}-traces",
        keep=KeepPlan(tracing.keep.ratio, tracing.keep.slow),
        retention=tracing.retention or RETENTION,
        export=ExportPlan(
            export.endpoint.rstrip("/"), tuple((h, ref.secret) for h, ref in sorted(export.headers.items()))
        )
        if export
        else None,
        memory=tracing.memory,
        tracing=TracingPlan(
            collector=f"http://{name}:{COLLECTOR_PORT}",
            stack=stack,
            ratio=tracing.ratio,
            follow_clients=tracing.follow_clients,
        ),
    )
