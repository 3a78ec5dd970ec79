"""Every query of every dashboard, read by the real promtool, and answered by the real Prometheus."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bootstrap.test_tools import prometheus as programs
from pulumi_tts.plan import Route, StackPlan
from pulumi_tts.plan.dashboards import plan_dashboards
from pulumi_tts.plan.routes import HealthCheck
from pulumi_tts.render import node
from pulumi_tts.render.alertmanager import secret_file
from pulumi_tts.render.dashboards import dashboard_files
from tests.edge.edging import Edging, edging
from tests.edge.metering import metering
from tests.guard.guarding import NO_TLS, Stub
from tests.loopback import free_port
from tests.observe.observing import Observing, observing
from tests.observe.plans import HOOK, POOLS, planned
from tests.observe.test_rules import checked
from tests.services.fake_docker import FakeDocker
from tests.services.keeping import Keeping
from tests.waiting import TooSlowError, wait_for

FASTER = 40
"""Five minutes take seven and a half seconds."""
CARD = {"vram": "6g", "slots": 8}
LONE = {**CARD, "name": "lone", "engine": "voice", "guard": "none", "routes": {"path": "/lone"}}
SHOWN = 40
"""Seconds that a dashboard shows here."""
# As Grafana fills them in; a rate is over four questions at least, here as long as five minutes take.
GIVEN = {"$__rate_interval": "8s", "$__range": f"{SHOWN}s"}


@dataclass(frozen=True)
class Question:
    """One query of a panel, of one of the pools or hosts that can be chosen."""

    panel: str
    """With its dashboard."""
    expression: str
    instant: bool
    well: bool
    """Whether it says so where there is nothing, which is then as it should be."""


def questions(plan: StackPlan) -> list[Question]:
    """All of them."""
    assert plan.observability
    boards = dashboard_files(plan_dashboards(plan.observability, plan.edge, plan.pools, plan.meter)).values()
    return [question for text in boards for question in _of_board(json.loads(text))]


def _of_board(board: dict[str, Any]) -> Iterator[Question]:
    chosen = [each for each in board["templating"]["list"] if each["type"] == "custom"]
    values = [(f"${each['name']}", value) for each in chosen for value in each["query"].split(",")] or [("", "")]
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            for name, value in values:
                filled = {**GIVEN, **({name: value} if name else {})}
                expression = target["expr"]
                for variable, given in filled.items():
                    expression = expression.replace(variable, given)
                assert "$" not in expression
                yield Question(
                    f"{board['title']} {value}: {panel['title']}",
                    expression,
                    target.get("instant", False),
                    "noValue" in panel["fieldConfig"]["defaults"],
                )


def everything(**changes: Any) -> StackPlan:
    """One pool of each kind, and all that can be shown of them."""
    watching = {"alertmanager": {"receivers": [HOOK]}, "usage": {"price": 2.5}}
    hosts = [{"gpus": [{"id": 0, "vram": "24g"}]}]
    return planned(watching, pools=[{**POOLS[0], **CARD}, POOLS[1], LONE], hosts=hosts, **changes)


def large() -> StackPlan:
    """40 pools, and 256 instances in one of them."""
    pools = [{**POOLS[0], "name": f"voice-{at}", "routes": {"path": f"/voice-{at}"}} for at in range(40)]
    pools[0]["instances"] = 256
    return planned({"usage": {}}, pools=[*pools, {**POOLS[1], "instances": 256}])


@pytest.mark.parametrize("plan", [everything(), large()], ids=["all kinds", "large"])
def test_every_query_can_be_read(plan: StackPlan, tmp_path: Path) -> None:
    asked = sorted({question.expression for question in questions(plan)})
    rules = [{"record": f"question:{at}", "expr": expression} for at, expression in enumerate(asked)]
    file = tmp_path / "questions.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))
    assert f"{len(asked)} rules found" in checked("promtool", "check", "rules", file)


@dataclass
class Shown:
    """A stack that is watched and asked, and what goes wrong when it shall."""

    edge: Edging
    watching: Observing
    docker: FakeDocker
    studios: list[Stub]
    asking: httpx.Client

    def empty(self, asked: list[Question]) -> list[Question]:
        """Those that have no answer now."""
        return [question for question in asked if not self._answered(question)]

    def until_answered(self, asked: list[Question]) -> None:
        """Waits until each of them was answered at some time."""
        missing = asked

        def answered() -> bool:
            nonlocal missing
            missing = self.empty(missing)
            return not missing

        try:
            wait_for(answered, 60, glance=0.5)
        except TooSlowError:
            told = "\n".join(f"{each.panel}: {each.expression}" for each in missing)
            raise AssertionError(f"no answer to\n{told}") from None

    def go_wrong(self) -> None:
        """One thing of each kind: an instance that is gone, behind the guard and behind the edge, one that is sick, and
        a part that is gone; and who is told of it does not want to hear of it."""
        assert self.edge.guard
        gone, sick = self.edge.guard.pools["voice"]
        (receiver,) = self.watching.plan.alertmanager.receivers
        self.watching.bring("alertmanager", secret_file(receiver), "not what it wants")
        self.docker.containers[sick.name].health = "unhealthy"
        # One is restarted after the other.
        wait_for(lambda: self.docker.restarts(sick.name) == 1, 30)
        gone.end()
        self.studios[0].end()
        self.watching.part("node").kill()

    def _answered(self, question: Question) -> bool:
        now = time.time()
        if question.instant:
            found = self._told("query", query=question.expression)
            return any(each["value"][1] != "NaN" for each in found)
        span = {"start": str(now - SHOWN), "end": str(now), "step": "1"}
        found = self._told("query_range", query=question.expression, **span)
        return any(value != "NaN" for each in found for _, value in each["values"])

    def _told(self, path: str, **asked: str) -> list[dict[str, Any]]:
        answer = self.asking.get(f"{self.watching.url}/api/v1/{path}", params=asked)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found


@contextmanager
def shown(folder: Path, patching: pytest.MonkeyPatch) -> Iterator[tuple[StackPlan, Shown]]:
    """One pool of each kind, of which nothing is wrong, and requests to all of them."""
    tls = {"self_signed": {}, "port": free_port()}
    plan = everything(edge={"tls": tls, "port": free_port()})
    for part in ("edge", "keeper", "watching", "host", "meter"):
        (folder / part).mkdir()
    with ExitStack() as ends:
        studios = [Stub("studio-1"), Stub("studio-2")]
        for studio in studios:
            ends.callback(studio.end)
            studio.start()
        _balance(studios, patching)
        edge = ends.enter_context(edging(folder / "edge", plan, guarded=True))
        assert edge.guard
        assert plan.guard
        docker = FakeDocker(*(stub.name for stub in edge.guard.pools["voice"]))
        ends.callback(docker.close)
        keeper = Keeping(edge.guard, folder / "keeper", docker)
        ends.callback(keeper.end)
        keeper.write(plan.guard, heal={"tries": 9, "pause": 1, "longest": 600}, startup=60, drain=1, stop=1)
        keeper.start()
        parts = {
            "edge": f"127.0.0.1:{edge.layout.metrics}",
            "web": f"127.0.0.1:{edge.layout.websecure}",
            "guard": f"127.0.0.1:{edge.guard.layout.status_port}",
            "keeper": f"127.0.0.1:{keeper.port}",
            "meter": f"127.0.0.1:{ends.enter_context(metering(folder / 'meter', plan, edge)).port}",
        }
        watched, _ = ends.enter_context(observing(folder / "watching", plan, parts, faster=FASTER, authority=edge.ca))
        _on_a_host_with_volumes(watched, folder / "host")
        # As the first program of its own, it minds no other signal.
        ends.callback(watched.part("node").kill)
        ends.enter_context(_asking(edge, "/voice/work?chunks=3", "/studio/work", "/lone/work"))
        client = ends.enter_context(httpx.Client(trust_env=False, verify=NO_TLS, timeout=30))
        yield plan, Shown(edge, watched, docker, studios, client)


def _balance(studios: list[Stub], patching: pytest.MonkeyPatch) -> None:
    """Has the edge balance what no guard does, as it would; by two names of this machine."""
    usual = Edging._led_here
    addresses = tuple(
        f"http://{host}:{stub.port}" for host, stub in zip(("127.0.0.1", "localhost"), studios, strict=True)
    )

    def led(self: Edging, route: Route, plan: StackPlan) -> Route:
        if route.service == "studio":
            return replace(route, upstreams=addresses, health=HealthCheck("/health", 1, 1))
        return usual(self, route, plan)

    patching.setattr(Edging, "_led_here", led)


def _on_a_host_with_volumes(watching: Observing, folder: Path) -> None:
    """The exporter of hosts again, where there is a disk of volumes, as it has one in its container."""
    watching.part("node").terminate()
    watching.part("node").wait()
    (folder / "volumes").mkdir()
    name, *arguments = node.static_arguments(watching.moved["node"])
    assert name == "node_exporter"
    program = [str(programs() / "prometheus-node-exporter"), *arguments, f"--path.rootfs={folder}"]
    alone = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]
    mounted = 'mount -t tmpfs none "$0" && exec "$@"'
    watching._run("node", [*alone, mounted, str(folder / "volumes"), *program])


@contextmanager
def _asking(edge: Edging, *paths: str) -> Iterator[None]:
    ending = threading.Event()

    def ask() -> None:
        with edge.https("localhost") as client:
            while not ending.is_set():
                for path in paths:
                    with suppress(httpx.TransportError):
                        client.get(path)
                time.sleep(0.1)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(10)


def test_every_query_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with shown(tmp_path, monkeypatch) as (plan, now):
        asked = questions(plan)
        well = [question for question in asked if question.well]
        assert {question.panel.rpartition(": ")[2] for question in well} == {
            "What is wrong",
            "Instances that were down",
            "Restarts",
            "Parts that do not answer",
            "Told by Alertmanager",
        }
        now.until_answered([question for question in asked if not question.well])
        # What was there for a moment while all of it started is over.
        wait_for(lambda: now.empty(well) == well, SHOWN + 20, glance=1)

        now.go_wrong()
        now.until_answered(well)
