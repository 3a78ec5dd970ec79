"""One request's trace, from the edge to the last byte of speech: real Traefik, Envoy, voice and Jaeger, on loopback."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from tests.edge.edging import Edging, edging
from tests.guard.guarding import key_of
from tests.jaegering import WAIT, Jaegering, Span, jaegering, traced_to
from tests.services.conftest import processes
from tests.waiting import in_time, wait_for

EDGE, GUARD, POOL = "tts-test-edge", "tts-test-guard", "tts-test-voice"
TEXT = "What is spoken is nobody else's business."
ALL = 8
"""Spans of a request with a key: three of the edge's, three of the guard's, two of the engine's."""
SPOKEN = {"input": TEXT, "response_format": "pcm"}
WITH_KEY = {"Authorization": f"Bearer {key_of('app')}"}
FOREIGN = "0af7651916cd43dd8448eb211c80319c"
"""A trace that a client has begun."""
AFTERWARDS = 50_000
"""Microseconds."""
SOON = 5.0
"""Seconds; a sentence takes some 0.1 s, also on a machine that does other things."""


def planned(**tracing: Any) -> StackPlan:
    config = {
        "pools": [{"name": "voice", "engine": "voice", "routes": {"pool": "voice.{domain}"}, "auth": "api_keys"}],
        "edge": {"auth": {"api_keys": [{"name": "app"}]}},
        "observability": {"tracing": tracing},
    }
    return plan_stack(load_stack(config), "tts-test", local_images=True)


@dataclass
class Traced:
    """A stack on loopback that is traced."""

    edge: Edging
    jaeger: Jaegering
    logs: Path

    def speak(self, **headers: str) -> httpx.Response:
        with self.edge.client("voice.localhost", headers={**WITH_KEY, **headers}) as client:
            return client.post("/v1/audio/speech", params={"text": TEXT}, json=SPOKEN)

    def engine_log(self, request_id: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for log in self.logs.glob("log-*") for line in log.read_text().splitlines()]
        return [line for line in lines if line.get("request_id") == request_id]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with stack(tmp_path_factory.mktemp("traced"), planned()) as running:
        yield running


@contextmanager
def stack(folder: Path, plan: StackPlan) -> Iterator[Traced]:
    """Its instance is the real engine, whose spans the guard passes on."""
    parts = [folder / name for name in ("jaeger", "edge", "engine")]
    for part in parts:
        part.mkdir()
    jaegers, edges, engines = parts
    with ExitStack() as ends:
        jaeger = ends.enter_context(jaegering(jaegers, plan))
        assert plan.edge.tracing
        edge = ends.enter_context(edging(edges, traced_to(plan, jaeger.collector), guarded=True))
        start = ends.enter_context(processes(engines))
        assert edge.guard
        passed_on = f"http://127.0.0.1:{edge.guard.layout.traces_port}"
        engine = start(VOICE_INSTANCE="voice-1", OTEL_SERVICE_NAME=POOL, OTEL_EXPORTER_OTLP_ENDPOINT=passed_on)
        lead_to(edge, int(engine.url.rpartition(":")[2]))
        yield Traced(edge, jaeger, engines)


def lead_to(edge: Edging, port: int) -> None:
    """Puts an engine in the place of the stand-in."""
    assert edge.guard
    (stub,) = edge.guard.pools["voice"]
    stub.end()
    stub.port = port
    edge.guard.write_endpoints("voice")
    wait_for(lambda: bool(edge.guard and edge.guard.healthy("voice")))


def within(inner: Span, outer: Span) -> bool:
    """Whether one is part of the other, but for what an engine does when its last byte is gone."""
    return outer.start <= inner.start and inner.end <= outer.end + AFTERWARDS


def test_a_request_is_one_trace_from_the_edge_to_the_last_byte(traced: Traced) -> None:
    answer = traced.speak()
    assert answer.status_code == 200, answer.text
    request_id = answer.headers["x-request-id"]
    trace = traced.jaeger.wait_for(GUARD, spans=ALL, request_id=request_id)
    edge, out = trace.named(EDGE, "POST"), trace.named(EDGE, "ReverseProxy")
    guard, slot, tried = (trace.named(GUARD, name) for name in ("guard voice", "slot", "try"))
    engine, synthesis = trace.named(POOL, "POST"), trace.named(POOL, "synthesis")
    assert trace.roots == [edge]
    line = [edge, out, guard, slot, tried, engine, synthesis]
    assert [span.parent_id for span in line[1:]] == [span.own_id for span in line[:-1]]
    # Traefik's second span ends with the answer's headers; all others with its last byte.
    assert all(within(inner, outer) for outer, inner in pairwise([edge, guard, slot, tried, engine, synthesis]))
    assert edge.duration - engine.duration < 100_000, "what edge and guard add"
    assert guard.tags["user"] == "app"
    assert (guard.tags["pool"], guard.tags["path"]) == ("voice", "/v1/audio/speech")
    assert slot.tags["instance"] == tried.tags["instance"] == "tts-test-voice-1"
    assert engine.tags["outcome"] == "finished"
    assert "first byte" in engine.events
    assert "made" in synthesis.events


def test_its_id_is_in_its_spans_and_in_every_log(traced: Traced) -> None:
    request_id = traced.speak().headers["x-request-id"]
    trace = traced.jaeger.wait_for(GUARD, spans=ALL, request_id=request_id)
    assert json.loads(trace.named(EDGE, "POST").tags["http.response.header.x-request-id"]) == [request_id]
    assert trace.named(POOL, "POST").tags["request_id"] == request_id
    (line,) = [line for line in traced.edge.log().splitlines() if request_id in line]
    assert json.loads(line)["downstream_X-Request-Id"] == request_id
    assert traced.edge.guard
    wait_for(lambda: request_id in [line["request_id"] for line in traced.edge.guard.log()])  # type: ignore[union-attr]
    assert [line["path"] for line in traced.engine_log(request_id)] == ["/v1/audio/speech"]


def test_nothing_of_what_is_spoken_is_in_a_trace(traced: Traced) -> None:
    request_id = traced.speak().headers["x-request-id"]
    trace = traced.jaeger.wait_for(GUARD, spans=ALL, request_id=request_id)
    told = json.dumps([[span.name, span.tags, span.events] for span in trace.spans])
    assert not [word for word in TEXT.split() if len(word) > 4 and word in told]
    assert key_of("app") not in told


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/traces"), ("POST", "/v1/logs"), ("POST", "/jaeger/api/traces")]
)
def test_an_engine_reaches_nothing_else_by_the_guard(traced: Traced, method: str, path: str) -> None:
    assert traced.edge.guard
    asked = f"http://127.0.0.1:{traced.edge.guard.layout.traces_port}{path}"
    assert httpx.request(method, asked).status_code == 404


def test_a_clients_own_trace_is_taken_away(traced: Traced) -> None:
    request_id = traced.speak(traceparent=f"00-{FOREIGN}-b7ad6b7169203331-00", tracestate="a=b").headers["x-request-id"]
    trace = traced.jaeger.wait_for(GUARD, spans=5, request_id=request_id)
    assert trace.own_id != FOREIGN
    assert {span.service for span in trace.spans} == {GUARD, POOL}, "the edge would have followed it"
    assert [root.name for root in trace.roots] == ["guard voice"]
    assert trace.named(POOL, "POST").parent_id == trace.named(GUARD, "try").own_id
    assert traced.jaeger.trace(FOREIGN) is None


def test_a_clients_own_trace_is_followed_where_the_config_says_so(tmp_path: Path) -> None:
    with stack(tmp_path, planned(follow_clients=True)) as traced:
        traced.speak(traceparent=f"00-{FOREIGN}-b7ad6b7169203331-01")
        unsampled = traced.speak(traceparent=f"00-{FOREIGN[::-1]}-b7ad6b7169203331-00").headers["x-request-id"]
        last = traced.speak().headers["x-request-id"]
        traced.jaeger.wait_for(GUARD, spans=ALL, request_id=last)
        trace = traced.jaeger.trace(FOREIGN)
        assert trace
        assert {span.service for span in trace.spans} == {EDGE, GUARD, POOL}
        assert traced.jaeger.find(GUARD, request_id=unsampled) == []


def test_what_a_click_waits_for_and_what_is_made_then_are_part_of_its_trace(traced: Traced, tmp_path: Path) -> None:
    own = "1" + FOREIGN[1:]
    with processes(tmp_path) as start:
        told = {"OTEL_SERVICE_NAME": "page", "OTEL_EXPORTER_OTLP_ENDPOINT": traced.jaeger.collector}
        page = start("studio", "/config", **told)
        clicked = {"traceparent": f"00-{own}-b7ad6b7169203331-01"}
        asked = httpx.post(
            f"{page.url}/gradio_api/call/speak", json={"data": [TEXT, "auto", 1.0]}, headers=clicked
        ).json()
        httpx.get(f"{page.url}/gradio_api/call/speak/{asked['event_id']}", timeout=60)
        wait_for(lambda: len(spans_of(traced.jaeger, own)) == 4, seconds=30, glance=0.2)
    click, queue, speak, synthesis = sorted(spans_of(traced.jaeger, own), key=lambda span: span.start)[:4]
    assert (click.name, queue.name, speak.name, synthesis.name) == ("POST", "queue", "speak", "synthesis")
    assert queue.parent_id == speak.parent_id == click.own_id
    assert synthesis.parent_id == speak.own_id
    assert click.start <= queue.start <= queue.end <= speak.start + AFTERWARDS


def spans_of(jaeger: Jaegering, trace_id: str) -> list[Span]:
    trace = jaeger.trace(trace_id)
    return trace.spans if trace else []


def test_of_the_requests_that_went_well_as_many_are_kept_as_the_config_says(tmp_path: Path) -> None:
    plan = planned(keep={"ratio": 0, "slow": "1s"})
    for part in ("jaeger", "edge"):
        (tmp_path / part).mkdir()
    with (
        jaegering(tmp_path / "jaeger", plan) as jaeger,
        edging(tmp_path / "edge", traced_to(plan, jaeger.collector), guarded=True) as edge,
        edge.client("voice.localhost", headers=WITH_KEY) as client,
    ):
        asked = {"well": "", "mistaken": "status=404", "failed": "status=500", "slow": "first=1.2"}
        # It has begun, and is not over, when it is decided on.
        asked["long"] = f"chunks={2 * WAIT}&pace=1"
        ids = {how: client.get(f"/work?{query}").headers["x-request-id"] for how, query in asked.items()}
        for how in ("failed", "slow", "long"):
            trace = jaeger.wait_for(GUARD, spans=6, request_id=ids[how])
            assert {span.service for span in trace.spans} == {EDGE, GUARD}
        assert not [how for how in ("well", "mistaken") if jaeger.find(GUARD, request_id=ids[how])]


def test_without_jaeger_every_request_is_answered(tmp_path: Path) -> None:
    with stack(tmp_path, planned()) as traced:
        traced.jaeger.end()
        answers = [traced.speak() for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert max(answer.elapsed.total_seconds() for answer in answers) < SOON


def test_a_jaeger_that_hangs_delays_no_request_and_no_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging, processes(tmp_path) as start:
        engine = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{hanging.getsockname()[1]}")
        sampled = {"traceparent": f"00-{FOREIGN}-b7ad6b7169203331-01"}
        for _ in range(5):
            answer = httpx.post(f"{engine.url}/v1/audio/speech", json=SPOKEN, headers=sampled)
            assert answer.status_code == 200
            assert answer.elapsed.total_seconds() < SOON
        began = time.monotonic()
        engine.process.terminate()
        engine.process.wait(timeout=30)
        assert in_time(time.monotonic() - began, SOON)
