"""What a request goes through, as spans of OpenTelemetry, sent where OTEL_EXPORTER_OTLP_ENDPOINT says.

Where it says nothing, nothing is sent, and a span costs some microseconds. No request waits for the one who takes them:
they are sent by a thread of their own, and dropped where nobody does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

_PATIENCE = 2.0
"""Seconds for a batch of spans to be taken, tries included. It is also what an end may have to wait for."""
_WAITING = 1024
"""Spans that wait to be sent; what is more is dropped."""
_FAILED = 500

_CONTEXT = TraceContextTextMapPropagator()


class _Spans:
    """Where spans begin; those of before the start, and without one, are not recorded."""

    tracer: Tracer = NoOpTracer()


def start(environment: Mapping[str, str], instance: str) -> None:
    """Sends spans from now on, if the environment names who takes them: OpenTelemetry's own variables say how.

    Only requests that somebody before has chosen are traced, unless OTEL_TRACES_SAMPLER says otherwise.
    """
    if not environment.get(ENDPOINT):
        return
    # Half a second and some MB, which who is not traced need not pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased  # noqa: PLC0415

    chosen = None if environment.get("OTEL_TRACES_SAMPLER") else ParentBased(ALWAYS_OFF)
    provider = TracerProvider(sampler=chosen, resource=Resource.create({"service.instance.id": instance}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_PATIENCE), max_queue_size=_WAITING))
    # Not as OpenTelemetry's own for the whole process: FastAPI would make spans too, with queries in them.
    _Spans.tracer = provider.get_tracer("voice")


@contextmanager
def request(method: str, path: str, headers: Headers, request_id: str) -> Iterator[Span]:
    """The span of a request, a child of its caller's, until its answer is whole."""
    told = {"http.request.method": method, "url.path": path, "request_id": request_id}
    with _Spans.tracer.start_as_current_span(
        method, context=_CONTEXT.extract(headers), kind=SpanKind.SERVER, attributes=told, record_exception=False
    ) as span:
        yield span


def answered(span: Span, status: int, fields: Mapping[str, Any]) -> None:
    """How it was answered: what its log line has, which has nothing of what was spoken."""
    span.set_attributes({"http.response.status_code": status, **fields})
    if status >= _FAILED:
        span.set_status(Status(StatusCode.ERROR))


@contextmanager
def work_of(asked: Span, since: int, name: str) -> Iterator[None]:
    """The span of what a request asked for, and is made when that was answered; and one for what it waited since then.

    ``since`` is in nanoseconds of this machine's clock.
    """
    context = trace.set_span_in_context(asked)
    _Spans.tracer.start_span("queue", context=context, start_time=since).end()
    with _Spans.tracer.start_as_current_span(name, context=context, record_exception=False):
        yield


def event(name: str) -> None:
    """Something that happened, at this moment of the request."""
    trace.get_current_span().add_event(name)


async def synthesis(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same parts; a span from when the first is asked for until the last is taken, with an event for each.

    It ends with its request, and not with what is made first: who keeps traces by how requests went sees all of one
    at once.
    """
    span = _Spans.tracer.start_span("synthesis")
    try:
        async with aclosing(parts):
            async for part in parts:
                span.add_event("made", {"bytes": len(part)})
                yield part
    except Exception:
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()
