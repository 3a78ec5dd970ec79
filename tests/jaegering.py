"""The real Jaeger with a stack's own settings, as a process on loopback, and what its API tells of traces."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bootstrap.go_programs import built
from pulumi_tts.plan import StackPlan
from pulumi_tts.plan.tracing import PAGE_PATH, JaegerPlan
from pulumi_tts.render import jaeger
from tests.loopback import free_port
from tests.waiting import wait_for

SOON = 30
"""Seconds in which a trace is there: each program sends its spans every 5 s."""
WAIT = 7
"""Seconds from a trace's first span until it is decided whether it is kept; in a stack, that is longer."""


@dataclass(frozen=True)
class Span:
    """One span, as Jaeger's API gives it; times in microseconds."""

    service: str
    name: str
    own_id: str
    parent_id: str | None
    start: int
    duration: int
    tags: dict[str, Any]
    events: list[str]

    @property
    def end(self) -> int:
        return self.start + self.duration


@dataclass(frozen=True)
class Trace:
    """All spans of one request."""

    own_id: str
    spans: list[Span]

    def named(self, service: str, name: str = "") -> Span:
        """The one span of a service, by its name where that has several."""
        found = [span for span in self.spans if span.service == service and (not name or span.name == name)]
        assert len(found) == 1, [(span.service, span.name) for span in self.spans]
        return found[0]

    def children(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.parent_id == parent.own_id]

    @property
    def roots(self) -> list[Span]:
        """Those whose parent is not among them."""
        known = {span.own_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]


@dataclass
class Jaegering:
    """A running Jaeger."""

    folder: Path
    plan: JaegerPlan
    layout: jaeger.Layout = field(default_factory=jaeger.Layout)
    process: subprocess.Popen[bytes] | None = None

    @property
    def collector(self) -> str:
        return f"http://127.0.0.1:{self.layout.collector}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.layout.page}{PAGE_PATH}/api"

    def start(self) -> None:
        (self.folder / jaeger.SETTINGS).write_text(jaeger.settings_file(self.plan, self.layout))
        with (self.folder / "jaeger.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(built("jaeger")), *jaeger.command(str(self.folder))[1:]],
                stdout=log,
                stderr=log,
                env=os.environ | {"HOME": str(self.folder)},
            )
        wait_for(self._is_well, seconds=30, glance=0.1)

    def _is_well(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "jaeger.log").read_text()[-3000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.layout.health}/status", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def services(self) -> set[str]:
        found = httpx.get(f"{self.api}/services", trust_env=False).json()["data"]
        return set(found or ())

    def find(self, service: str, **tags: str) -> list[Trace]:
        """The traces in which a span of that service has these tags."""
        asked = {"service": service, "tags": json.dumps(tags), "limit": "200", "lookback": "1h"}
        answer = httpx.get(f"{self.api}/traces", params=asked, trust_env=False)
        return [_trace(each) for each in answer.json()["data"] or ()]

    def trace(self, trace_id: str) -> Trace | None:
        """A trace by its id; None where there is none."""
        found = httpx.get(f"{self.api}/traces/{trace_id}", trust_env=False).json()["data"]
        return _trace(found[0]) if found else None

    def wait_for(self, service: str, spans: int, **tags: str) -> Trace:
        """The one trace with these tags, once it has so many spans."""
        found: list[Trace] = []

        def whole() -> bool:
            found[:] = self.find(service, **tags)
            return len(found) == 1 and len(found[0].spans) >= spans

        try:
            wait_for(whole, seconds=SOON, glance=0.2)
        except AssertionError as error:
            shown = [[(span.service, span.name) for span in each.spans] for each in found]
            raise AssertionError(f"{spans} spans wanted, found {shown}") from error
        return found[0]


def _trace(given: dict[str, Any]) -> Trace:
    services = {key: process["serviceName"] for key, process in given["processes"].items()}
    return Trace(given["traceID"], [_span(span, services) for span in given["spans"]])


def _span(given: dict[str, Any], services: dict[str, str]) -> Span:
    parents = [each["spanID"] for each in given["references"] if each["refType"] == "CHILD_OF"]
    return Span(
        services[given["processID"]],
        given["operationName"],
        given["spanID"],
        parents[0] if parents else None,
        given["startTime"],
        given["duration"],
        {tag["key"]: tag["value"] for tag in given["tags"]},
        [field["value"] for log in given["logs"] for field in log["fields"] if field["key"] == "event"],
    )


@contextmanager
def jaegering(folder: Path, plan: StackPlan) -> Iterator[Jaegering]:
    """The Jaeger of a plan."""
    assert plan.jaeger, "this plan traces nothing"
    layout = jaeger.Layout(
        address="127.0.0.1",
        collector=free_port(),
        page=free_port(),
        health=free_port(),
        metrics=free_port(),
        folder=str(folder / "traces"),
        secrets=str(folder / "secrets"),
        wait=WAIT,
    )
    running = Jaegering(folder, plan.jaeger, layout)
    try:
        running.start()
        yield running
    finally:
        running.end()


def traced_to(plan: StackPlan, collector: str) -> StackPlan:
    """The same plan, its edge and guard sending their spans there."""
    assert plan.edge.tracing
    tracing = replace(plan.edge.tracing, collector=collector)
    guard = replace(plan.guard, tracing=tracing) if plan.guard else None
    return replace(plan, edge=replace(plan.edge, tracing=tracing), guard=guard)
