"""What becomes of one request: deadlines, chunks, uploads, WebSockets, its id, and the line in the log."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from pulumi_tts.plan.auth import EDGE_HEADER
from pulumi_tts.plan.guard import POOL_HEADER
from tests.guard.conftest import Start
from tests.guard.guarding import TOKEN, Guarding, guarding
from tests.waiting import wait_for

DEADLINES = {"first_byte": "2s", "stall": "3s", "total": "8s"}


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarding]:
    pool = {
        "name": "voice",
        "instances": 2,
        "slots": 64,
        "guard": {"deadlines": DEADLINES, "upload": "16m"},
    }
    with guarding(tmp_path_factory.mktemp("requests"), pool) as running:
        yield running


def test_an_answer_that_does_not_begin_in_time_is_given_up_and_not_asked_for_again(guard: Guarding) -> None:
    before = sum(stub.seen()["begun"] for stub in guard.pools["voice"])
    with guard.client() as client:
        began = time.monotonic()
        answer = client.post("/work?first=30")
    assert 1.9 < time.monotonic() - began < 4
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline")
    assert sum(stub.seen()["begun"] for stub in guard.pools["voice"]) == before + 1


def test_of_many_streams_only_the_one_that_stalls_ends_and_it_is_cut(start: Start) -> None:
    # Without a total, which would end it too.
    deadlines = {"first_byte": "2s", "stall": "3s"}
    guard = start({"name": "voice", "slots": 64, "guard": {"deadlines": deadlines}})

    async def speak() -> list[int | str]:
        async with guard.async_client() as client:

            async def stream(query: str) -> int | str:
                length = 0
                try:
                    async with client.stream("POST", f"/work?{query}") as answer:
                        async for part in answer.aiter_raw():
                            length += len(part)
                except httpx.RemoteProtocolError:
                    return "cut"
                return length

            streams = [stream("chunks=30&pace=0.1") for _ in range(63)]
            return await asyncio.gather(stream("chunks=30&pace=0.1&stall=3"), *streams)

    stalled, *others = asyncio.run(speak())
    assert stalled == "cut"
    assert set(others) == {30 * 512}


def test_a_stream_that_goes_on_and_on_ends_at_the_total(guard: Guarding) -> None:
    with guard.client() as client:
        began = time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError), client.stream("POST", "/work?chunks=500&pace=0.1") as answer:
            for _ in answer.iter_raw():
                pass
    assert 7.5 < time.monotonic() - began < 11


def test_chunks_arrive_one_by_one_and_at_once(guard: Guarding) -> None:
    arrived: list[tuple[float, int]] = []
    with guard.client() as client, client.stream("POST", "/work?chunks=10&pace=0.2") as answer:
        for part in answer.iter_raw():
            arrived.append((time.monotonic(), len(part)))
    assert [length for _, length in arrived] == [512] * 10, "chunks were merged"
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(arrived)]
    assert max(gaps) < 0.2 + 0.2, "this machine's own jitter included; bench/edge measures the guard's"


def test_an_upload_beyond_the_limit_is_refused_and_one_below_it_arrives_whole(guard: Guarding) -> None:
    def parts(number: int) -> Iterator[bytes]:
        for _ in range(number):
            yield b"x" * 1024 * 1024

    with guard.client() as client:
        assert client.post("/work", content=b"x" * 17 * 1024 * 1024).status_code == 413
        assert client.post("/work", content=parts(17)).status_code == 413
        answer = client.post("/work", content=parts(15))
    assert answer.status_code == 200
    lengths = [request["body"] for stub in guard.pools["voice"] for request in stub.seen()["requests"]]
    assert max(lengths) == 15 * 1024 * 1024


def test_uploads_do_not_fill_the_guards_memory(start: Start) -> None:
    guard = start({"name": "voice", "instances": 1, "slots": 64})

    async def upload() -> set[int]:
        async with guard.async_client() as client:
            content = b"x" * 15 * 1024 * 1024
            answers = await asyncio.gather(*(client.post("/work", content=content) for _ in range(30)))
        return {answer.status_code for answer in answers}

    assert asyncio.run(upload()) == {200}
    assert guard.process
    status = Path(f"/proc/{guard.process.pid}/status").read_text()
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    assert int(most) < 300 * 1024, "450 MiB went through it; its own program counts too"


def test_a_websocket_carries_more_than_the_upload_limit_and_outlives_the_deadlines(start: Start) -> None:
    pool = {"name": "voice", "guard": {"upload": "16m", "deadlines": {"first_byte": "1s", "stall": "1s"}}}
    guard = start(pool)
    with closing(socket.create_connection(("127.0.0.1", guard.layout.port), timeout=20)) as client:
        lines = [
            "GET /stream HTTP/1.1",
            "Host: x",
            f"{POOL_HEADER}: voice",
            f"{EDGE_HEADER}: {TOKEN}",
            "Connection: Upgrade",
            "Upgrade: websocket",
        ]
        client.sendall("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
        head = client.recv(4096)
        assert head.startswith(b"HTTP/1.1 101")
        sent = received = 0
        while sent < 20 * 1024 * 1024:
            client.sendall(b"x" * 65536)
            sent += 65536
            while received < sent:
                received += len(client.recv(65536))
        time.sleep(2.5)
        client.sendall(b"still there?")
        assert client.recv(100) == b"still there?"


def test_the_guard_names_the_request_for_the_engine_the_client_and_the_log(guard: Guarding) -> None:
    with guard.client() as client:
        headers = {"X-Request-Id": "mine", "X-Envoy-Max-Retries": "9", "X-Forwarded-For": "203.0.113.7"}
        answer = client.post("/work?text=secret", headers=headers)
    name = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", name)
    request = next(
        request
        for stub in guard.pools["voice"]
        for request in stub.seen()["requests"]
        if request["target"] == "/work?text=secret"
    )
    assert request["headers"]["x-request-id"] == name
    assert not [header for header in request["headers"] if header.startswith("x-envoy") or "pulumi" in header]
    wait_for(lambda: any(entry["request_id"] == name for entry in guard.log()))
    (entry,) = [entry for entry in guard.log() if entry["request_id"] == name]
    assert set(entry) == {
        *("timestamp", "method", "path", "status", "duration_ms", "user_agent", "client_ip"),
        *("first_byte_ms", "waited_ms", "worked_ms", "content_type", "audio_seconds"),
        *("request_id", "tenant", "pool", "route", "instance", "bytes_received", "bytes_sent", "flags", "details"),
    }
    assert (entry["path"], entry["pool"], entry["instance"]) == ("/work", "voice", answer.text)
    assert entry["client_ip"] == "203.0.113.7", "as the edge, the one hop that is believed, has written it"
    assert answer.headers["x-pulumi-tts-instance"] == answer.text


def test_what_is_said_to_be_for_no_pool_is_not_found(guard: Guarding) -> None:
    with guard.client("nobody") as client:
        assert client.get("/").status_code == 404


def test_on_the_guards_network_one_can_read_whether_it_lives_and_its_figures_and_nothing_else(guard: Guarding) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{guard.layout.status_port}") as anybody:
        assert anybody.get("/ready").text == "LIVE\n"
        figures = anybody.get("/stats/prometheus").text
        assert 'envoy_cluster_upstream_rq_total{envoy_cluster_name="voice"}' in figures
        for path in ("/", "/config_dump", "/clusters", "/stats", "/quitquitquit", "/stats/prometheus/../config_dump"):
            assert anybody.get(path).status_code in (404, 429), path
        assert anybody.post("/ready").status_code in (404, 429)
        assert 429 in {anybody.get("/ready").status_code for _ in range(30)}, "nor keep the guard busy with it"
