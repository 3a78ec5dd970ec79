"""The keeper on the real Docker, through its socket proxy: the sick are restarted, and all when it is time, while
people go on asking; what it says is behind the dashboard's login."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.system.deployment import Deployment, Event
from tests.system.guard_view import GuardView
from tests.system.speaking import WHOLE, Heard, Pool, callers
from tests.waiting import wait_for

INSTANCES, TRIES = 3, 2

# Sick until its next start, or for as long as its volume says so.
HEALTH = "test ! -e /tmp/sick && test ! -e /outputs/sick && python3 -m voice.healthcheck"


def kept_config(port: int) -> dict[str, Any]:
    voice = {
        "name": "voice",
        "engine": "voice",
        "instances": INSTANCES,
        "environment": {"VOICE_PACE": "0.5"},
        "health": {
            "command": ["sh", "-c", HEALTH],
            "path": "/health",
            # On a machine with much else to do, a check takes its time, and that is no sickness.
            "interval": "4s",
            "timeout": "4s",
            "retries": 2,
            "startup": "20s",
        },
        "stop_grace": "5s",
        "guard": {"drain": "10s"},
        "heal": {"tries": TRIES, "pause": "1s", "longest": "1m"},
        "routes": {"pool": "voice.{domain}"},
    }
    return {"pools": [voice], "edge": {"port": port}}


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stack of this file, up."""
    deployment = Deployment("kept", kept_config(free_port()), tmp_path_factory.mktemp("kept"), engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


@pytest.fixture(scope="module")
def learnt(stack: Deployment) -> Pool:
    pool = Pool(stack, "voice")
    GuardView(stack).until("voice", lambda found: len(found) == INSTANCES, 30)
    pool.learn(1, 3, 12)
    return pool


@pytest.fixture
def voices(stack: Deployment, learnt: Pool) -> Iterator[Pool]:
    """The pool with all of its instances serving, before and afterwards."""
    all_serve(stack)
    yield learnt
    all_serve(stack)


def instances(stack: Deployment) -> list[str]:
    return [f"{stack.full_name}-voice-{number}" for number in range(1, INSTANCES + 1)]


def all_serve(stack: Deployment) -> None:
    GuardView(stack).until("voice", lambda found: len(found) == INSTANCES, 60)


def dashboard(stack: Deployment, path: str) -> httpx.Response:
    """What a person with the dashboard's login finds below the keeper's page."""
    told = stack.outputs()["dashboard"]
    with stack.client(auth=(told["user"], told["password"]), follow_redirects=True) as client:
        return client.get(f"{told['keeper'].rstrip('/')}{path}")


def status(stack: Deployment) -> dict[str, Any]:
    (pool,) = dashboard(stack, "/status").raise_for_status().json()["pools"]
    return dict(pool)


def seen(stack: Deployment, name: str) -> dict[str, Any]:
    return dict(next(each for each in status(stack)["instances"] if each["name"] == name))


def most_out_at_once(events: list[Event]) -> int:
    """How many containers were, at some time, between their end and their first good health check."""
    out: set[str] = set()
    most = 0
    for _, action, name in events:
        if action == "die":
            out.add(name)
        elif action == "health_status: healthy":
            out.discard(name)
        most = max(most, len(out))
    return most


def restarted(events: list[Event]) -> list[str]:
    return [name for _, action, name in events if action == "restart"]


def lost(heard: Heard) -> list[Any]:
    """All that did not get their answer: also with one instance out, there are more slots than callers here."""
    return [answer for answer in heard.answers if answer.outcome != WHOLE]


def test_the_page_is_behind_the_dashboards_login(stack: Deployment) -> None:
    page = stack.outputs()["dashboard"]["keeper"]
    with stack.client() as client:
        for path in ("", "status", "metrics", "health"):
            assert client.get(f"{page}{path}").status_code == 401, path
        port = stack.config["edge"]["port"]
        assert client.get(f"http://voice.localhost:{port}/keeper/").status_code == 404, "on that host name only"
    answer = dashboard(stack, "")
    assert answer.url.path == "/keeper/", "its links are relative"
    assert f"{INSTANCES} of {INSTANCES} instances serve" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "keeper_instance_serving" in dashboard(stack, "/metrics").text
    assert set(dashboard(stack, "/status").json()["sources"].values()) == {None}


def test_it_says_who_is_busy(stack: Deployment, voices: Pool) -> None:
    with callers(voices, 4, voices.texts[-1:]):
        wait_for(lambda: status(stack)["busy"] >= 3, 20)
        assert "of 6 slots" in dashboard(stack, "").text
    wait_for(lambda: status(stack)["busy"] == 0, 20)


def test_the_sick_is_restarted_and_nobody_loses_a_request(stack: Deployment, voices: Pool) -> None:
    name = instances(stack)[0]
    with stack.events() as events, callers(voices, 3, voices.texts[:2]) as heard:
        assert stack.inside("voice-1", "touch", "/tmp/sick")[0] == 0
        wait_for(lambda: seen(stack, name)["last_restart"] is not None, 120)
        all_serve(stack)
    assert lost(heard) == []
    assert len(heard.of(WHOLE)) > 5
    assert restarted(events) == [name]
    last = seen(stack, name)["last_restart"]
    assert (last["why"], last["problem"]) == ("Docker calls it unhealthy", None)
    print(f"\nout for {last['took']} s; {len(heard.of(WHOLE))} whole, 0 lost")


def test_two_that_are_sick_are_restarted_one_after_the_other(stack: Deployment, voices: Pool) -> None:
    names = instances(stack)[:2]
    before = [seen(stack, name)["last_restart"] for name in names]
    with stack.events() as events, callers(voices, 2, voices.texts[:1]) as heard:
        for number in (1, 2):
            stack.inside(f"voice-{number}", "touch", "/tmp/sick")
        wait_for(
            lambda: all(seen(stack, name)["last_restart"] != then for name, then in zip(names, before, strict=True)),
            180,
        )
        all_serve(stack)
    assert sorted(restarted(events)) == names
    assert most_out_at_once(events) == 1
    assert lost(heard) == []


def test_who_does_not_get_well_is_given_up_loudly_and_cared_for_again_once_it_is_mended(
    stack: Deployment, voices: Pool
) -> None:
    name = instances(stack)[2]
    earlier = seen(stack, name)["restarts"]
    with stack.events() as events, callers(voices, 2, voices.texts[:1]) as heard:
        stack.inside("voice-3", "touch", "/outputs/sick")
        wait_for(lambda: seen(stack, name)["gave_up"], 180)
        assert seen(stack, name)["restarts"] == TRIES
        log = stack.docker.containers.get(f"{stack.full_name}-keeper").logs().decode()
        assert f"{name} is given up after {TRIES} restarts in vain: Docker calls it unhealthy" in log
        assert f'keeper_instance_given_up{{instance="{name}",pool="voice"}} 1.0' in dashboard(stack, "/metrics").text
        stack.inside("voice-3", "rm", "/outputs/sick")
        wait_for(lambda: not seen(stack, name)["gave_up"], 30)
    assert restarted(events) == [name] * (TRIES - earlier)
    assert lost(heard) == []


def test_all_are_restarted_at_their_time_one_by_one_and_nobody_loses_a_request(stack: Deployment, voices: Pool) -> None:
    before = stack.lasting_ids()
    at = datetime.now(UTC) + timedelta(seconds=90)
    stack.pool("voice")["restart"] = {"cron": f"{at.minute} {at.hour} * * *"}
    stack.up()
    assert stack.lasting_ids() == before, "a schedule is a file"
    wait_for(lambda: status(stack)["next_restart"] == at.isoformat(timespec="minutes").replace("+", ":00+"), 10)
    with stack.events() as events, callers(voices, 3, voices.texts) as heard:
        wait_for(lambda: status(stack)["restarting"], 100)
        wait_for(lambda: not status(stack)["restarting"], 180)
        all_serve(stack)
    assert lost(heard) == []
    assert restarted(events) == instances(stack)
    assert most_out_at_once(events) == 1
    assert {seen(stack, name)["last_restart"]["why"] for name in instances(stack)} == {"it was time"}
    print(f"\n{len(heard.of(WHOLE))} whole, 0 lost")


def test_a_drain_by_hand_holds_off_an_update(stack: Deployment, voices: Pool) -> None:
    """One of a pool is out at a time, whoever takes it out."""
    one, other, _ = instances(stack)
    code, output = stack.inside("keeper", "python3", "-m", "keeper", "drain", one)
    assert (code, json.loads(output)["drained"]) == (0, True)
    code, output = stack.inside(
        "keeper", "python3", "-m", "keeper", "drain", other, "--holder", "pulumi", "--patience", "1"
    )
    assert code == 3
    assert f"{one} is out of rotation for operator" in json.loads(output)["note"]
    code, output = stack.inside("keeper", "python3", "-m", "keeper", "restore", one)
    assert (code, json.loads(output)["healthy"]) == (0, True)
