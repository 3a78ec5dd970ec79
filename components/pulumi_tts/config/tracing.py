"""Traces: which requests are followed on their way, which of those are kept, and where."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from pulumi_tts.config.fields import HeaderName, Mebibytes, Milliseconds, Strict, refused
from pulumi_tts.config.outputs import Age
from pulumi_tts.config.secret import SecretReference

_COLLECTOR = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


def _collector(value: str) -> str:
    if not _COLLECTOR.fullmatch(value):
        raise refused(
            "is not the address of a collector",
            "Write scheme, host, port and the path before /v1/traces, as in 'https://otlp.example.com:4318'; what is "
            "secret goes into headers",
        )
    return value


CollectorUrl = Annotated[
    str, AfterValidator(_collector), WithJsonSchema({"type": "string", "pattern": f"^{_COLLECTOR.pattern}$"})
]


class Keep(Strict):
    """Which traces are kept, as Jaeger decides 30 s after a trace's first span has come; all at once with `ratio: 1`.

    Always kept: those of requests that failed, or in which a try at an instance did; and of answers that go on for
    longer than that.
    """

    ratio: Annotated[float, Field(ge=0, le=1, strict=False)] = 1.0
    """The share that is kept of all others, 0 to 1. Default: 1."""
    slow: Milliseconds = 5000
    """Requests whose answer took longer to begin are all kept. Default: 5s."""


class Export(Strict):
    """A collector of yours, which takes traces by OTLP over HTTP."""

    endpoint: CollectorUrl
    """Its address, without /v1/traces, as in https://otlp.example.com:4318."""
    headers: dict[HeaderName, SecretReference] = {}
    """What it wants to be shown with them, each as `{secret: KEY}`. Default: nothing."""


class Tracing(Strict):
    """One trace for each request, from the edge to the last byte of speech; never with what is spoken.

    Whether there is any of it, and a change of `ratio`, replaces the edge and ends the guard's streams. A change of
    `follow_clients` is live; all else replaces Jaeger alone, which no request notices.
    """

    ratio: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    """The share of requests that are traced, more than 0, at most 1; what the edge decides, all behind it follow.
    Default: 1, all of them: each costs edge and guard together some 0.2 ms of a core, Jaeger 1 ms, and 6 KB on
    disk."""
    follow_clients: bool = False
    """Whether a client's own `traceparent` is followed: its trace goes on here, and what it did not sample is not
    traced. Default: no: who is outside could hide its requests, or fill the disk; it is taken away, and what is traced
    of such a request begins at the guard. What goes past the guard, to one instance or with `guard: none`, is then not
    traced."""
    keep: Keep = Keep()
    """Which traces are kept."""
    retention: Age | None = None
    """How long traces are kept. Default: 3d, as Jaeger has it."""
    export: Export | None = None
    """A collector of yours, to which traces go. Default: none; they are kept here, with Jaeger's page."""
    memory: Mebibytes = 512
    """The memory limit of Jaeger, which also collects where traces go elsewhere. Default: 512m."""

    @model_validator(mode="after")
    def _kept_somewhere(self) -> "Tracing":
        if self.export and self.retention:
            raise refused("keeps traces here, and sends them elsewhere", "Give either retention or export")
        return self

    @property
    def secret_references(self) -> list[tuple[str, str]]:
        """Every `{secret: KEY}`: its path below `tracing` and its key."""
        headers = self.export.headers if self.export else {}
        return [(f"export.headers.{name}.secret", reference.secret) for name, reference in headers.items()]
