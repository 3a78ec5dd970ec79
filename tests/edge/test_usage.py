"""Who used how much: what the real meter says that has read what the real edge and guard wrote."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from tests.edge.edging import Edging, edging
from tests.edge.metering import Metering, metering
from tests.guard.engine import CHUNK, RATE
from tests.guard.guarding import key_of
from tests.waiting import wait_for

TENANTS = ("app-1", "app-2", "app-3")
WAYS = {
    "voice.pool": ("voice.localhost", ""),
    "voice.path": ("localhost", "/project-x"),
    "voice.1": ("voice1.localhost", ""),
    "bare.pool": ("bare.localhost", ""),
}
"""By route: a guarded pool's, straight to its instance, and another pool's that the edge balances."""


def planned(**edge: Any) -> StackPlan:
    card = {"id": 0, "vram": "24g"}
    engine = {"engine": "voice", "auth": "api_keys", "vram": "6g", "slots": 8}
    routes = {"pool": "voice.{domain}", "path": "/project-x", "instance": "voice{n}.{domain}"}
    written = {
        "hosts": [{"gpus": [card]}],
        "pools": [
            {**engine, "name": "voice", "instances": 2, "routes": routes},
            {**engine, "name": "bare", "guard": "none", "routes": {"pool": "bare.{domain}"}},
        ],
        "edge": {"auth": {"api_keys": [{"name": name} for name in TENANTS]}, **edge},
        "observability": {"usage": {"price": 3.6, "prices": {"bare": 7.2}, "currency": "USD"}},
    }
    return plan_stack(load_stack(written), "tts-test", local_images=True)


@dataclass
class Sent:
    """What was sent, as its clients saw it."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By tenant and route."""
    audio: Counter[tuple[str, str]] = field(default_factory=Counter)

    def by(self, what: Counter[tuple[str, str]], column: int) -> dict[str, float]:
        found: Counter[str] = Counter()
        for key, amount in what.items():
            found[key[column]] += amount
        return dict(found)


@dataclass
class Service:
    """An edge, its guard and instances, and their meter."""

    plan: StackPlan
    edge: Edging
    meter: Metering
    sent: Sent = field(default_factory=Sent)

    def speak(self, count: int, seed: int) -> None:
        """So many requests of every tenant by every way, eight at once, half of them WAVs and half raw samples."""
        chosen = random.Random(seed)
        asked = [
            (chosen.choice(TENANTS), chosen.choice(list(WAYS)), chosen.randint(1, 40), chosen.random() < 0.5)
            for _ in range(count)
        ]
        with ThreadPoolExecutor(8) as several:
            for tenant, route, seconds in several.map(self._ask, asked):
                self.sent.requests[tenant, route] += 1
                self.sent.audio[tenant, route] += seconds  # type: ignore[assignment]

    def _ask(self, asked: tuple[str, str, int, bool]) -> tuple[str, str, float]:
        tenant, route, length, wav = asked
        host, prefix = WAYS[route]
        query = f"wav={length / 10}" if wav else f"chunks={length}"
        with self.edge.client(host, headers={"X-API-Key": key_of(tenant)}) as client:
            answer = client.post(f"{prefix}/work?{query}&first=0.01&text=SECRET", content=b"text")
        assert answer.status_code == 200
        samples = len(answer.content) - 44 if wav else length * len(CHUNK)
        return tenant, route, samples / 2 / RATE

    def settled(self) -> None:
        """Waits until all of it is counted."""
        total = sum(self.sent.requests.values())
        wait_for(lambda: self.meter.requests() >= total, seconds=15, glance=0.2)

    def check(self) -> None:
        self.settled()
        for column, by in enumerate(("tenant", "route")):
            counted = self.meter.counted(by)
            wanted = self.sent.by(self.sent.requests, column)
            assert {name: row["requests"] for name, row in counted.items()} == wanted
            for name, seconds in self.sent.by(self.sent.audio, column).items():
                assert counted[name]["audio_seconds"] == pytest.approx(seconds, rel=0.001)
        pools = self.meter.counted("pool")
        assert sum(row["requests"] for row in pools.values()) == sum(self.sent.requests.values())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    plan = planned()
    with ExitStack() as ends:
        edge = ends.enter_context(edging(tmp_path, plan, guarded=True))
        (tmp_path / "meter").mkdir()
        yield Service(plan, edge, ends.enter_context(metering(tmp_path / "meter", plan, edge)))


def test_what_is_reported_is_what_was_sent_whoever_is_restarted(service: Service) -> None:
    edge, meter, plan = service.edge, service.meter, service.plan
    guard = edge.guard
    assert guard
    assert plan.guard
    service.speak(50, seed=1)
    edge.stop()
    edge.start(plan)
    service.speak(50, seed=2)
    # Whoever stops has nothing left to do, as its container lets it finish first.
    guard.stop()
    guard.start(plan.guard)
    for stub in guard.pools["voice"]:
        stub.end()
        stub.start()
    wait_for(lambda: len(guard.healthy("voice")) == 2)
    with ThreadPoolExecutor(1) as beside:
        speaking = beside.submit(service.speak, 60, 3)
        time.sleep(0.2)
        meter.kill()
        speaking.result()
    assert meter.process
    meter.start()
    service.check()
    meter.stop()
    service.speak(40, seed=4)
    meter.start()
    service.check()
    assert sum(service.sent.requests.values()) == 200

    cards = meter.counted("pool")
    # Three instances share the card, with 8 slots each.
    for row in cards.values():
        assert row["busy_seconds"] >= row["requests"] * 0.01
        assert row["gpu_seconds"] == pytest.approx(row["busy_seconds"] / 24, abs=0.001)
    assert cards["voice"]["cost"] == pytest.approx(cards["voice"]["gpu_seconds"] * 0.001)
    assert cards["bare"]["cost"] == pytest.approx(cards["bare"]["gpu_seconds"] * 0.002)
    assert meter.report("pool")["currency"] == "USD"
    with httpx.Client(base_url=f"http://127.0.0.1:{meter.port}", trust_env=False) as client:
        assert client.get("/usage?by=pool&since=30d").json() == meter.report("pool")
        for wrong in ("/usage?by=user", "/usage?since=0d", "/usage?until=never"):
            assert client.get(wrong).status_code == 400
        assert client.get("/").status_code == 404
    page = meter.metrics()
    for tenant in TENANTS:
        number = service.sent.requests[tenant, "voice.path"]
        assert f'tts_usage_requests_total{{pool="voice",route="voice.path",tenant="{tenant}"}} {float(number)}' in page
    said = edge.log() + (guard.folder / "log").read_text() + meter.said()
    for log in ("edge", "guard"):
        said += (Path(edge.layout.logs) / f"{log}.log").read_text()
    assert "SECRET" not in said
    assert not [tenant for tenant in TENANTS if key_of(tenant) in said]


def test_a_meter_that_is_to_end_looks_once_more(service: Service) -> None:
    """At `destroy` nobody looks after it."""
    service.speak(10, seed=1)
    service.settled()
    log = Path(service.edge.layout.logs) / "edge.log"
    said = next(line for line in log.read_text().splitlines() if '"bare.pool@file"' in line)
    with log.open("a") as late:
        late.write(f"{said}\n" * 2000)
    service.meter.stop()
    assert service.meter.requests() == 2010


def test_what_did_not_come_in_is_nobodys(service: Service) -> None:
    for host in ("voice.localhost", "voice1.localhost", "bare.localhost", "nobody.localhost", "dashboard.localhost"):
        with service.edge.client(host, headers={"X-API-Key": "wrong"}) as client:
            assert client.get("/work").status_code in (401, 404)
    service.speak(4, seed=1)
    service.check()


def test_what_is_over_a_limit_reached_no_pool(tmp_path: Path) -> None:
    plan = planned(limits={"concurrent": 1, "rate": {"average": 1, "period": "1h", "burst": 3}})
    (tmp_path / "meter").mkdir()
    with edging(tmp_path, plan, guarded=True) as edge, metering(tmp_path / "meter", plan, edge) as meter:
        for host, prefix in WAYS.values():
            with edge.client(host, headers={"X-API-Key": key_of("app-1")}) as client, ThreadPoolExecutor(3) as several:
                at_once = list(several.map(client.get, [f"{prefix}/work?first=0.5"] * 3))
                too_many = client.get(f"{prefix}/work")
            assert Counter(answer.status_code for answer in at_once) == {200: 1, 429: 2}
            assert too_many.status_code == 429
        # By what the meter passes on, it has read all of them.
        wait_for(lambda: meter.said().count('"status": 429') == 3 * len(WAYS), seconds=15)
        wait_for(lambda: meter.requests() >= len(WAYS))
        assert {route: row["requests"] for route, row in meter.counted("route").items()} == dict.fromkeys(WAYS, 1)


def test_a_killed_guard_takes_no_more_with_it_than_that_of_a_moment(service: Service) -> None:
    """Twice the time after which Envoy writes what it has to say."""
    guard = service.edge.guard
    assert guard
    assert service.plan.guard
    service.speak(40, seed=1)
    time.sleep(0.5)
    guard.kill()
    guard.start(service.plan.guard)
    wait_for(lambda: len(guard.healthy("voice")) == 2)
    service.speak(20, seed=2)
    service.check()


def test_a_killed_edge_takes_nothing_with_it(service: Service) -> None:
    service.speak(30, seed=1)
    assert service.edge.process
    service.edge.process.kill()
    service.edge.process.wait()
    service.edge.start(service.plan)
    service.speak(10, seed=2)
    service.check()


def test_logs_take_no_more_room_than_they_may_and_no_line_is_lost(tmp_path: Path) -> None:
    """What is in them already is counted and freed while edge and guard go on writing."""
    plan = planned()
    logs = tmp_path / "logs"
    logs.mkdir()
    began, second_of_wav = datetime.now(UTC).isoformat(), 44 + 2 * RATE
    before = {
        "guard": {
            "timestamp": began, "tenant": "app-1", "pool": "voice", "route": "voice.pool",
            "instance": "tts-test-voice-1", "waited_ms": 0, "worked_ms": 1000, "duration_ms": 1000, "status": 200,
            "content_type": "audio/wav", "bytes_sent": second_of_wav, "audio_seconds": None, "path": "x" * 700,
        },
        "edge": {
            "StartUTC": began, "ClientUsername": "app-1", "RouterName": "bare.pool@file", "ServiceAddr": "127.0.0.1:1",
            "OriginDuration": 1e9, "DownstreamStatus": 200, "origin_Content-Type": "audio/wav",
            "DownstreamContentSize": second_of_wav, "RequestPath": "x" * 700,
        },
    }  # fmt: skip
    for log, line in before.items():
        (logs / f"{log}.log").write_text((json.dumps(line) + "\n") * 20_000)
    (tmp_path / "meter").mkdir()
    with edging(tmp_path, plan, guarded=True) as edge, metering(tmp_path / "meter", plan, edge) as meter:
        service = Service(plan, edge, meter)
        for route in ("voice.pool", "bare.pool"):
            service.sent.requests["app-1", route] = 20_000
            service.sent.audio["app-1", route] = 20_000
        service.speak(60, seed=1)
        service.settled()
        service.speak(20, seed=2)
        service.check()
        for log in before:
            found = (logs / f"{log}.log").stat()
            assert found.st_size > 18_000_000
            assert found.st_blocks * 512 < 10_000_000, "8 MiB stay, and what was not freed yet"
            assert f'tts_usage_damaged_lines_total{{log="{log}"}} 0.0' in meter.metrics()
        # The edge's lines come from the meter now, by the names that the guard's have.
        passed_on = [line for line in meter.said().splitlines() if '"log": "edge"' in line]
        assert len(passed_on) >= 20_000
        assert json.loads(passed_on[-1])["tenant"] in TENANTS
