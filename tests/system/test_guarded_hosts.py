"""A guard and a keeper on one machine, with instances on two: what happens over there, and what that costs whom."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest

from bootstrap.pulumi import Engine
from tests.loopback import free_port
from tests.system.another_host import AnotherHost, another_host
from tests.system.guard_view import GuardView
from tests.system.speaking import BUSY, CUT, WHOLE, Pool, arriving, callers
from tests.system.test_hosts import Fleet, bring_images, published
from tests.system.test_keeper import HEALTH, dashboard, lost, seen, status
from tests.waiting import measured_again, wait_for

NUMBER = 3
INSTANCES = 4
OUT_OF_REACH = 3.0
"""Seconds within which instances are out of rotation whose machine cannot be reached."""
HERE, THERE = ("tts-far-voice-1", "tts-far-voice-3"), ("tts-far-voice-2", "tts-far-voice-4")

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="starts a Docker engine")


def far_config(there: AnotherHost) -> dict[str, Any]:
    """Four voices on two machines, cared for."""
    voice = {
        "name": "voice",
        "engine": "voice",
        "instances": INSTANCES,
        "environment": {"VOICE_PACE": "0.5", "VOICE_KEEP_OUTPUTS": "no"},
        "health": {
            "command": ["sh", "-c", HEALTH],
            "path": "/health",
            "interval": "3s",
            "timeout": "3s",
            "retries": 2,
            "startup": "30s",
        },
        "stop_grace": "5s",
        "guard": {"drain": "20s"},
        "heal": {"tries": 3, "pause": "1s", "longest": "1m"},
        "routes": {"pool": "voice.{domain}"},
    }
    return {
        "hosts": [{"name": "here"}, {"name": "there", "docker": there.endpoint, "address": there.address}],
        "pools": [voice],
        "edge": {"port": free_port()},
    }


@pytest.fixture(scope="module")
def there() -> Iterator[AnotherHost]:
    """The other machine."""
    with another_host(NUMBER) as host:
        bring_images(host)
        yield host


@pytest.fixture(scope="module")
def fleet(there: AnotherHost, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A stack on both machines."""
    deployment = Fleet("far", far_config(there), tmp_path_factory.mktemp("far"), engine)
    deployment.there = docker.DockerClient(base_url=there.endpoint)
    with deployment.in_place():
        deployment.up()
        yield deployment


@pytest.fixture(scope="module")
def learnt(fleet: Fleet) -> Pool:
    pool = Pool(fleet, "voice")
    all_serve(fleet)
    pool.learn(1, 3, 12)
    return pool


@pytest.fixture
def voices(fleet: Fleet, learnt: Pool) -> Iterator[Pool]:
    """The pool with all of its instances serving, before and afterwards."""
    all_serve(fleet)
    yield learnt
    all_serve(fleet)


def all_serve(fleet: Fleet) -> None:
    GuardView(fleet).until("voice", lambda found: found == {*HERE, *THERE}, 90)


def token(fleet: Fleet) -> Path:
    """The file of the keeper's token, as root finds it on this machine."""
    volume = fleet.docker.api.inspect_volume(f"{fleet.full_name}-keeper-token")
    return Path(volume["Mountpoint"], "current", "token")


@contextmanager
def unreachable() -> Iterator[None]:
    """Nothing that is sent to the other machine arrives there meanwhile, and nobody is told."""
    # As a cable that is cut: a link that is down would be told at once.
    rule = ("-i", f"tts-host-{NUMBER}", "-j", "DROP")
    subprocess.run(["iptables", "-t", "raw", "-I", "PREROUTING", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-t", "raw", "-D", "PREROUTING", *rule], check=True)


def proxy(there: AnotherHost) -> str:
    return f"http://{there.address}:20999"


def test_the_keeper_sees_the_instances_of_both_machines(fleet: Fleet, voices: Pool) -> None:
    wait_for(lambda: set(dashboard(fleet, "/status").json()["sources"].values()) == {None}, 20)
    assert set(dashboard(fleet, "/status").json()["sources"]) >= {"host here", "host there"}
    told = {each["name"]: (each["host"], each["docker"]) for each in status(fleet)["instances"]}
    assert {name: host for name, (host, _) in told.items()} == {
        **dict.fromkeys(HERE, "here"),
        **dict.fromkeys(THERE, "there"),
    }
    assert all("(healthy)" in words for _, words in told.values())
    with callers(voices, 8, voices.texts[:1]) as heard:
        time.sleep(3)
    assert lost(heard) == []
    assert {answer.instance for answer in heard.of(WHOLE)} == {*HERE, *THERE}


def test_the_keepers_token_is_the_keepers_alone(fleet: Fleet) -> None:
    file, secret = token(fleet), token(fleet).read_text()
    assert len(secret) == 48
    for path, mode in ((file, 0o640), (file.parent, 0o750)):
        found = path.stat()
        assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (mode, 0, 65532), path
    keeper = fleet.docker.containers.get(f"{fleet.full_name}-keeper")
    assert keeper.exec_run(["cat", "/token/current/token"]) == (0, secret.encode())
    assert keeper.exec_run(["cat", "/token/current/token"], user="10001:10001")[0] != 0
    assert keeper.exec_run(["sh", "-c", "echo > /token/current/token"])[0] != 0
    for host in (fleet.docker, fleet.there):
        for container in host.containers.list(all=True, filters={"label": f"pulumi-tts.stack={fleet.full_name}"}):
            assert secret not in json.dumps(container.attrs), f"inspect shows it: {container.name}"
            assert secret not in container.logs().decode(errors="replace")
        assert secret not in json.dumps(host.api.volumes())
    state = Path(fleet.stack.workspace.work_dir).parent / "state"
    written = [file.read_text() for file in state.rglob("*.json")]
    assert any("keeper-token" in text for text in written)
    assert not any(secret in text for text in written), "it is encrypted in the state"


def test_the_published_proxy_wants_the_token_and_refuses_what_is_not_on_its_list(
    fleet: Fleet, there: AnotherHost
) -> None:
    with_token = {"Authorization": f"Bearer {token(fleet).read_text()}"}
    one, port = THERE[0], 20999
    with httpx.Client(base_url=proxy(there), timeout=10, trust_env=False) as client:
        allowed = [("GET", "/_ping"), ("GET", "/containers/json?all=1"), ("GET", f"/containers/{one}/json")]
        restart = ("POST", f"/containers/{one}/restart?t=5")
        for method, path in (*allowed, restart):
            for wrong in ({}, {"Authorization": "Bearer guess"}):
                assert client.request(method, path, headers=wrong).status_code == 401, path
        for method, path in allowed:
            assert client.request(method, path, headers=with_token).status_code == 200, path
        listed = client.get("/containers/json?all=1&filters={}", headers=with_token).json()
        assert {each["Names"][0].lstrip("/") for each in listed} == set(THERE)
        for method, path in (
            ("GET", "/info"),
            ("GET", "/images/json"),
            ("GET", f"/containers/{one}/logs?stdout=1"),
            ("GET", f"/containers/{fleet.full_name}-socket-proxy-there/json"),
            ("POST", f"/containers/{fleet.full_name}-socket-proxy-there/restart"),
            ("POST", f"/containers/{one}/kill"),
            ("POST", f"/containers/{one}/exec"),
            ("POST", "/containers/create"),
            ("DELETE", f"/containers/{one}"),
        ):
            answer = client.request(method, path, headers=with_token)
            assert (answer.status_code, "api-version" in answer.headers) == (403, False), path
    container = fleet.there.containers.get(f"{fleet.full_name}-socket-proxy-there")
    assert published(container) == {"2375/tcp": [{"HostIp": there.address, "HostPort": str(port)}]}
    assert there.run("bash", "-c", f"echo > /dev/tcp/{there.address}/{port}") == 0
    assert there.run("bash", "-c", f"echo > /dev/tcp/127.0.0.1/{port}") != 0


def test_the_sick_over_there_is_restarted_and_nobody_loses_a_request(fleet: Fleet, voices: Pool) -> None:
    name = THERE[0]
    with callers(voices, 4, voices.texts[:2]) as heard:
        assert fleet.there.containers.get(name).exec_run(["touch", "/tmp/sick"])[0] == 0
        wait_for(lambda: seen(fleet, name)["last_restart"] is not None, 90)
        all_serve(fleet)
    assert lost(heard) == heard.of(BUSY) == []
    last = seen(fleet, name)["last_restart"]
    assert (last["why"], last["problem"]) == ("Docker calls it unhealthy", None)
    print(f"\nout for {last['took']} s; {len(heard.of(WHOLE))} whole")


def test_an_update_of_both_machines_costs_no_request(fleet: Fleet, voices: Pool) -> None:
    before = fleet.everywhere()
    fleet.pool("voice")["environment"]["VOICE_MARK"] = "new"
    with callers(voices, 4) as heard:
        said = fleet.up().stdout
    after = fleet.everywhere()
    assert all(after[name] != before[name] for name in (*HERE, *THERE))
    assert all(after[name] == before[name] for name in before if "voice" not in name)
    assert "did not drain" not in said
    assert "and not idle" not in said
    assert lost(heard) == heard.of(BUSY) == []
    print(f"\n{len(heard.of(WHOLE))} whole")
    fleet.up(expect_no_changes=True)


@measured_again
def test_a_machine_that_cannot_be_reached_costs_no_new_request(fleet: Fleet, voices: Pool) -> None:
    short = voices.texts[0]
    view = GuardView(fleet)
    restarts = [seen(fleet, name)["last_restart"] for name in THERE]
    with unreachable():
        began = time.monotonic()
        heard = arriving(voices, 2, 8, short)
        assert lost(heard) == []
        assert len(heard.of(WHOLE)) > len(heard.answers) / 2
        slowest = max(answer.ended - answer.began for answer in heard.answers)
        view.until("voice", lambda found: not found & set(THERE), 1)
        late = [answer for answer in heard.answers if answer.began > began + OUT_OF_REACH]
        assert {answer.instance for answer in late if answer.outcome == WHOLE} <= set(HERE)
        wait_for(lambda: "does not answer" in (dashboard(fleet, "/status").json()["sources"]["host there"] or ""), 20)
        for name in THERE:
            told = seen(fleet, name)
            assert (told["docker"], told["serving"], told["state"]) == (None, False, "down"), told
            assert told["guard"], "why it gets no requests"
        # Needs no Docker.
        code, output = fleet.inside("keeper", "python3", "-m", "keeper", "drain", THERE[0], "--within", "10")
        assert (code, json.loads(output)["drained"]) == (0, True)
    code, output = fleet.inside("keeper", "python3", "-m", "keeper", "restore", THERE[0], "--within", "30")
    assert (code, json.loads(output)["healthy"]) == (0, True)
    wait_for(lambda: dashboard(fleet, "/status").json()["sources"]["host there"] is None, 30)
    assert [seen(fleet, name)["last_restart"] for name in THERE] == restarts, "who is not seen is not restarted"
    print(f"\n{len(heard.answers)} asked, {len(heard.of(BUSY))} told to come back, 0 lost")
    print(f"the slowest took {slowest:.1f} s, alone {short.seconds:.1f} s")


@measured_again
def test_while_the_machine_is_stopped_the_other_serves(fleet: Fleet, voices: Pool, there: AnotherHost) -> None:
    view = GuardView(fleet)
    try:
        with callers(voices, 3, voices.texts[:2]) as heard:
            time.sleep(1)
            there.stop()
            stopped = time.monotonic()
            view.until("voice", lambda found: not found & set(THERE), OUT_OF_REACH)
            out = time.monotonic()
            time.sleep(4)
        assert all(answer.began < stopped for answer in (*heard.failed, *heard.of(CUT)))
        assert all(answer.instance in THERE for answer in heard.of(CUT))
        assert all("instance_lost" in answer.outcome for answer in heard.failed), "had begun, and is told so"
        wait_for(lambda: bool(dashboard(fleet, "/status").json()["sources"]["host there"]), 20)
    finally:
        there.start()
    all_serve(fleet)
    wait_for(lambda: dashboard(fleet, "/status").json()["sources"]["host there"] is None, 60)
    print(f"\nout {out - stopped:.1f} s after; {len(heard.of(WHOLE))} whole, {len(heard.of(CUT))} cut, 0 failed")
    print(f"{len(heard.of(BUSY))} told to come back")
