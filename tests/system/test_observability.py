"""What watches a stack, on the real Docker: every part is asked, behind the login; who is gone is told of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.observe.hook import TOKEN, Hook
from tests.system.deployment import Deployment
from tests.waiting import wait_for

BRIDGE = "172.17.0.1"
"""Where Docker's host is for containers, unless it was told otherwise."""
PARTS = {"alertmanager", "blackbox", "edge", "guard", "keeper", "node", "probe", "prometheus"}


def watched_config(port: int, hook: Hook) -> dict[str, Any]:
    voice = {
        "name": "voice",
        "engine": "voice",
        "instances": 2,
        # It is to stay away.
        "heal": "none",
        "routes": {"pool": "voice.{domain}"},
    }
    receiver = {"name": "hook", "webhook": {"url": f"http://{BRIDGE}:{hook.port}/", "token": {"secret": "hookToken"}}}
    watching = {"prometheus": {"interval": "5s"}, "alertmanager": {"receivers": [receiver]}}
    return {"pools": [voice], "edge": {"port": port, "tls": {"self_signed": {}}}, "observability": watching}


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with Hook(address="0.0.0.0").listening() as listening:
        yield listening


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[Deployment]:
    """The stack of this file, up."""
    config = watched_config(free_port(), hook)
    config["edge"]["tls"]["port"] = free_port()
    deployment = Deployment("watched", config, tmp_path_factory.mktemp("watched"), engine)
    deployment.set_secret("tts:hookToken", TOKEN)
    with deployment.in_place():
        deployment.up()
        yield deployment


@dataclass
class Pages:
    """What a person finds behind the dashboard's login."""

    stack: Deployment
    access: dict[str, str]

    def get(self, name: str, path: str, *, login: bool = True) -> httpx.Response:
        shown = (self.access["user"], self.access["password"]) if login else None
        with self.stack.client(verify=False, auth=shown) as client:
            return client.get(self.access[name] + path)

    def targets(self) -> list[dict[str, Any]]:
        """Whom Prometheus asks."""
        found: list[dict[str, Any]] = self.get("prometheus", "api/v1/targets").json()["data"]["activeTargets"]
        return found

    def asked(self, expression: str) -> list[str]:
        """The values that an expression has now."""
        answer = self.get("prometheus", f"api/v1/query?query={expression}").json()
        return [each["value"][1] for each in answer["data"]["result"]]


@pytest.fixture(scope="module")
def pages(stack: Deployment) -> Pages:
    return Pages(stack, stack.outputs()["dashboard"])


def test_every_part_is_asked_and_answers(pages: Pages) -> None:
    wait_for(lambda: {target["health"] for target in pages.targets()} == {"up"}, 60, glance=1)
    assert {target["labels"]["job"] for target in pages.targets()} == PARTS
    wait_for(lambda: pages.asked("probe_success") == ["1"], 60, glance=1)
    assert pages.asked('node_filesystem_avail_bytes{mountpoint="/volumes"}')
    assert pages.asked("keeper_instance_serving") == ["1", "1"]


def test_pages_are_behind_the_dashboards_login(pages: Pages) -> None:
    for name in ("prometheus", "alertmanager"):
        assert pages.get(name, "-/healthy", login=False).status_code == httpx.codes.UNAUTHORIZED
        assert pages.get(name, "-/healthy").status_code == httpx.codes.OK


def test_an_instance_that_is_gone_is_told_of(stack: Deployment, hook: Hook) -> None:
    stack.docker.containers.get(f"{stack.full_name}-voice-2").stop(timeout=0)
    wait_for(lambda: ("InstanceDown", "voice") in hook.alerts(), 150, glance=1)
    assert {alert for alert, _ in hook.alerts()} == {"InstanceDown"}
    stack.docker.containers.get(f"{stack.full_name}-voice-2").start()


def test_a_change_of_what_is_promised_reaches_prometheus_and_restarts_nothing(stack: Deployment, pages: Pages) -> None:
    before = stack.lasting_ids()
    stack.config["observability"]["slo"] = {"availability": 99.0}
    stack.up()
    assert stack.lasting_ids() == before
    rules = "api/v1/rules?type=alert"
    wait_for(lambda: "its 99 % allow" in pages.get("prometheus", rules).text, 30, glance=0.5)
    stack.up(expect_no_changes=True)
