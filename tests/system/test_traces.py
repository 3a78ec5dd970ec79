"""A traced stack on the real engine and the real Docker: what its Jaeger tells by way of the dashboard's login."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bootstrap import go_programs
from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def traced(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    go_programs.collect("jaeger")
    config = dev_like(free_port())
    config["pools"] = [{**config["pools"][0], "instances": 1}]
    config["observability"] = {"tracing": {}, "probes": False, "node": False}
    deployment = Deployment("traced", config, tmp_path_factory.mktemp("traced"), engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


def at(traced: Deployment, host: str, path: str) -> str:
    return f"http://{host}.localhost:{traced.config['edge']['port']}{path}"


def spans(traced: Deployment, request_id: str) -> list[tuple[str, str]]:
    """The service and the name of each span of a request."""
    dashboard = traced.outputs()["dashboard"]
    asked = {"service": f"{traced.full_name}-guard", "tags": f'{{"request_id":"{request_id}"}}'}
    with traced.client(auth=(dashboard["user"], dashboard["password"])) as client:
        answer = client.get(at(traced, "dashboard", "/jaeger/api/traces"), params=asked)
        found: list[dict[str, Any]] = answer.json()["data"] or []
    return [
        (
            trace["processes"][span["processID"]]["serviceName"].removeprefix(f"{traced.full_name}-"),
            span["operationName"],
        )
        for trace in found
        for span in trace["spans"]
    ]


def speak(traced: Deployment) -> httpx.Response:
    with traced.client() as client:
        asked = {"input": "Good evening.", "response_format": "wav"}
        return client.post(at(traced, "voice", "/v1/audio/speech"), json=asked)


def test_a_request_is_one_trace_through_all_containers(traced: Deployment) -> None:
    request_id = speak(traced).headers["x-request-id"]
    wait_for(lambda: len(spans(traced, request_id)) >= 7, seconds=30, glance=0.5)
    assert {service for service, _ in spans(traced, request_id)} == {"edge", "guard", "voice"}


def test_its_page_asks_for_the_dashboards_login(traced: Deployment) -> None:
    with traced.client() as client:
        assert client.get(at(traced, "dashboard", "/jaeger/api/services")).status_code == 401


def test_no_instance_reaches_jaeger_itself(traced: Deployment) -> None:
    ask = "import urllib.request as u; u.urlopen('http://tts-traced-jaeger:16686/jaeger/api/services', timeout=3)"
    code, said = traced.inside("voice-1", "python3", "-c", ask)
    assert code != 0, said


def test_nothing_changes_by_itself_and_traces_outlive_jaeger(traced: Deployment) -> None:
    traced.up(expect_no_changes=True)
    request_id = speak(traced).headers["x-request-id"]
    wait_for(lambda: len(spans(traced, request_id)) >= 7, seconds=30, glance=0.5)
    container = traced.docker.containers.get(f"{traced.full_name}-jaeger")
    container.stop()
    assert speak(traced).status_code == 200
    container.start()
    wait_for(lambda: len(spans(traced, request_id)) >= 7, seconds=30, glance=0.5)
