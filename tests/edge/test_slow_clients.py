"""Clients that take their time: they are given up after a while and keep nobody waiting; who only listens may go on."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.edge.edging import Edging, edging, planned
from tests.edge.raw import connected, exchange, head, received, statuses

UPLOAD = 2
"""Seconds that this edge gives a client."""
LATE = 6
"""Seconds after which it has given it up for sure."""


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    pools: list[dict[str, Any]] = [
        {"name": "voice", "slots": 1, "guard": {"queue": 1}},
        {"name": "open", "guard": "none"},
    ]
    plan = planned(*pools, upload_time=f"{UPLOAD}s")
    with edging(tmp_path_factory.mktemp("slow"), plan, guarded=True) as running:
        yield running


def dripped(client: socket.socket, text: bytes) -> float:
    """Sends a byte every 0.2 s until the other side hangs up; how long that took."""
    began = time.monotonic()
    client.settimeout(0.2)
    for byte in text:
        try:
            client.sendall(bytes([byte]))
            if not client.recv(65536):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("host", ["voice.localhost", "open.localhost"])
def test_headers_that_come_slowly_are_not_waited_for(edge: Edging, host: str) -> None:
    edge.arrived()
    with connected(edge.port) as client:
        client.sendall(f"GET /x HTTP/1.1\r\nHost: {host}\r\nX: ".encode())
        assert UPLOAD / 2 < dripped(client, b"a" * 100) < LATE
    assert edge.arrived() == []


def test_a_connection_on_which_nothing_is_said_is_not_kept(edge: Edging) -> None:
    with connected(edge.port) as client:
        began = time.monotonic()
        assert client.recv(100) == b""
        assert UPLOAD / 2 < time.monotonic() - began < LATE


@pytest.mark.parametrize("frame", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_body_that_comes_slowly_gives_its_slot_back_and_no_engine_has_it_whole(edge: Edging, frame: str) -> None:
    edge.arrived()
    with connected(edge.port) as client:
        client.sendall(head("POST /x HTTP/1.1", frame, close=False) + b"10000\r\n")
        assert UPLOAD / 2 < dripped(client, b"a" * 100) < LATE
    assert statuses(exchange(edge.port, head("GET /after HTTP/1.1"))) == [200], "it had the only slot"
    assert [request["target"] for request in edge.arrived()] == ["/after"]


def test_many_slow_clients_keep_nobody_waiting(edge: Edging) -> None:
    with ExitStack() as open_ones:
        for _ in range(500):
            client = open_ones.enter_context(connected(edge.port))
            client.sendall(b"POST /x HTTP/1.1\r\nHost: voice.localhost\r\nX")
        began = time.monotonic()
        assert statuses(exchange(edge.port, head("GET /x HTTP/1.1"))) == [200]
        assert time.monotonic() - began < 1
        assert edge.process
        status = (edge.folder.joinpath("/proc") / str(edge.process.pid) / "status").read_text()
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    assert int(most) < 200 * 1024, "of the 256 MiB that it has"


@pytest.mark.parametrize("host", ["voice.localhost", "open.localhost"])
@pytest.mark.parametrize("line", ["GET /speak?chunks=40&pace=0.1 HTTP/1.1", "POST /speak?first=4 HTTP/1.1"])
def test_an_answer_may_take_longer_than_the_request(edge: Edging, host: str, line: str) -> None:
    began = time.monotonic()
    answer = exchange(edge.port, head(line, "Content-Length: 5", host=host) + b"hello", patience=5)
    assert statuses(answer) == [200]
    assert time.monotonic() - began > UPLOAD * 1.5
    if "chunks" in line:
        assert answer.endswith(b"0\r\n\r\n"), "whole"
        assert answer.count(b"x" * 512) == 40


@pytest.mark.parametrize("host", ["voice.localhost", "open.localhost"])
def test_a_websocket_may_be_silent_for_longer(edge: Edging, host: str) -> None:
    with connected(edge.port) as client:
        client.sendall(head("GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", host=host, close=False))
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        time.sleep(UPLOAD * 1.5)
        client.sendall(b"still there?")
        assert client.recv(100) == b"still there?"


def test_a_connection_may_rest_between_two_requests(edge: Edging) -> None:
    with connected(edge.port) as client:
        client.sendall(head("GET /x HTTP/1.1", close=False))
        assert statuses(received(client, 0.2)) == [200]
        time.sleep(UPLOAD * 1.5)
        client.sendall(head("GET /y HTTP/1.1"))
        assert statuses(received(client, 0.2)) == [200]


def test_an_upload_that_is_in_time_arrives_whole_however_it_comes(edge: Edging) -> None:
    edge.arrived()
    with connected(edge.port) as client:
        client.sendall(head("POST /x HTTP/1.1", "Content-Length: 10"))
        for byte in b"0123456789":
            time.sleep(UPLOAD / 20)
            client.sendall(bytes([byte]))
        assert statuses(received(client, 0.2)) == [200]
    assert [request["body"] for request in edge.arrived()] == [10]
