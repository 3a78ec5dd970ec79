"""What edge and guard say of a request in their access logs, and what they never say."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.edge.edging import Edging, edging, planned
from tests.guard.guarding import key_of
from tests.waiting import wait_for

POOLS: list[dict[str, Any]] = [
    {
        "name": "voice",
        "auth": "api_keys",
        "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}", "path": "/voice"},
    },
    {"name": "bare", "auth": "api_keys", "guard": "none"},
]
AUTH = {"api_keys": [{"name": "app-1"}]}
KEY = key_of("app-1")
WAYS = {"guarded": ("voice.localhost", ""), "prefix": ("localhost", "/voice"), "one": ("voice1.localhost", "")}
WAYS["bare"] = ("bare.localhost", "")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    with edging(tmp_path_factory.mktemp("logs"), planned(*POOLS, auth=AUTH), guarded=True) as running:
        yield running


def edge_line(edge: Edging, path: str) -> dict[str, Any]:
    """The edge's line of a request to that path, which no other one is for."""

    def found() -> list[str]:
        return [line for line in edge.log().splitlines() if f'"RequestPath":"{path}' in line]

    wait_for(lambda: bool(found()))
    (line,) = found()
    said: dict[str, Any] = json.loads(line)
    return said


def guard_line(edge: Edging, name: str) -> dict[str, Any]:
    """The guard's line of the request with that id."""

    def found() -> list[dict[str, Any]]:
        return [line for line in edge.guard.log() if line["request_id"] == name]  # type: ignore[union-attr]

    wait_for(lambda: bool(found()))
    (line,) = found()
    return line


def test_both_say_the_same_of_a_request(edge: Edging) -> None:
    with edge.client("localhost", headers={"X-API-Key": KEY, "User-Agent": "mine/1"}) as client:
        answer = client.post("/voice/work/same?chunks=4&first=0.2&pace=0.1", content=b"text")
    name = answer.headers["X-Request-Id"]
    outside, inside = edge_line(edge, "/voice/work/same"), guard_line(edge, name)
    assert outside["downstream_X-Request-Id"] == inside["request_id"] == name
    assert outside["RequestMethod"] == inside["method"] == "POST"
    assert (outside["RequestPath"], inside["path"]) == ("/voice/work/same", "/work/same")
    assert outside["DownstreamStatus"] == inside["status"] == 200
    assert outside["ClientUsername"] == inside["tenant"] == "app-1"
    assert outside["RouterName"] == "voice.path@file"
    assert (inside["pool"], inside["route"]) == ("voice", "voice.path")
    assert outside["downstream_X-Pulumi-Tts-Instance"] == inside["instance"] == "tts-test-voice-1"
    assert outside["request_User-Agent"] == inside["user_agent"] == "mine/1"
    assert outside["ClientHost"] == inside["client_ip"] == "127.0.0.1"
    assert outside["RequestContentSize"] == inside["bytes_received"] == len(b"text")
    assert outside["DownstreamContentSize"] == inside["bytes_sent"] == len(answer.content)
    assert outside["downstream_Content-Type"] == inside["content_type"] == "audio/pcm"
    assert 200 <= inside["first_byte_ms"] < inside["duration_ms"]
    assert inside["waited_ms"] < 200
    assert 500 <= inside["worked_ms"] <= inside["duration_ms"]
    assert outside["Duration"] >= outside["OriginDuration"] >= 500_000_000


def test_time_in_line_is_told_apart_from_work(edge: Edging) -> None:
    """One instance has two slots: of three requests at once, one waits."""
    with edge.client("voice.localhost", headers={"X-API-Key": KEY}) as client, ThreadPoolExecutor(3) as several:
        answers = list(several.map(client.get, ["/work?chunks=2&first=0.5"] * 3))
    lines = [guard_line(edge, answer.headers["X-Request-Id"]) for answer in answers]
    waited = sorted(line["waited_ms"] for line in lines)
    assert waited[1] < 400 <= waited[2]
    assert all(line["worked_ms"] < line["duration_ms"] - line["waited_ms"] + 50 for line in lines)


SECRETS = {
    "Authorization": "Bearer authorization-SECRET",
    "Cookie": "session=cookie-SECRET",
    "Proxy-Authorization": "Basic proxy-SECRET",
    "X-Auth-Token": "token-SECRET",
    "Referer": "https://example.com/?text=referer-SECRET",
    "X-Pulumi-Tts-User": "user-SECRET",
    "X-Pulumi-Tts-Route": "route-SECRET",
    "X-Forwarded-For": "forwarded-SECRET",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", [KEY, "wrong-SECRET-wrong-SECRET-wrong-SECRET"])
def test_no_log_tells_a_secret_or_what_is_spoken(edge: Edging, way: str, key: str) -> None:
    host, prefix = WAYS[way]
    path = f"{prefix}/work/{way}/{len(key)}"
    with edge.client(host, headers={**SECRETS, "X-API-Key": key}) as client:
        # A key in X-API-Key beside another one is refused; so is a wrong one.
        client.get(f"{path}?text=query-SECRET&api_key={KEY}")
        client.headers.pop("Authorization")
        answer = client.post(f"{path}/known?text=query-SECRET#fragment-SECRET", content=b"body-SECRET")
    assert answer.status_code == (200 if key == KEY else 401)
    assert edge_line(edge, f"{path}/known")
    time.sleep(1.2)  # what Envoy has to say is in its file by then
    assert edge.guard
    said = edge.log() + (edge.guard.folder / "log").read_text()
    assert "SECRET" not in said
    assert KEY not in said


def test_the_query_is_told_where_that_is_switched_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = planned({"name": "voice"}, access_log={"query": True})
    with edging(tmp_path_factory.mktemp("query"), plan, guarded=True) as running:
        with running.client("voice.localhost") as client:
            name = client.get("/work/q?text=spoken").headers["X-Request-Id"]
        assert edge_line(running, "/work/q")["RequestPath"] == "/work/q?text=spoken"
        assert guard_line(running, name)["path"] == "/work/q?text=spoken"
