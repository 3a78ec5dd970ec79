"""A request has the edge's whole attention before it goes on: what answers early is heard to its end."""

import socketserver
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pulumi_tts.render.traefik import WHOLE, Layout
from tests.edge.edging import Edging, planned
from tests.edge.raw import connected, head, received
from tests.guard.guarding import Stub
from tests.loopback import free_port

SPOKEN = b"x" * 512
CHUNKS = 3


class Eager(socketserver.StreamRequestHandler):
    """Begins its answer as soon as it has a request's head, and ends it when it has the body: for a connection that is
    lost in between, there is no answer."""

    bodies: list[int]

    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line.lower())
        if not lines:
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        self.wfile.flush()
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
        self.bodies.append(
            len(self.rfile.read(length)) if b"transfer-encoding: chunked\r\n" not in lines else self._chunked()
        )
        for _ in range(CHUNKS):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(SPOKEN), SPOKEN))
            time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")

    def _chunked(self) -> int:
        size = 0
        while piece := int(self.rfile.readline() or b"0", 16):
            size += len(self.rfile.read(piece))
            self.rfile.readline()
        return size


@pytest.fixture
def eager() -> Iterator[tuple[int, list[int]]]:
    """The port of somebody who answers early, and the sizes of the bodies that arrived there."""
    bodies: list[int] = []
    handler = type("Handler", (Eager,), {"bodies": bodies})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], bodies
        server.shutdown()


@pytest.fixture
def edge(tmp_path: Path, eager: tuple[int, list[int]]) -> Iterator[Edging]:
    """An edge in front of it: by one way as to an instance, by the other as to one of two."""
    pools: list[dict[str, Any]] = [
        {"name": "one", "guard": "none"},
        {"name": "two", "guard": "none", "instances": 2},
    ]
    layout = Layout(address="127.0.0.1", web=free_port(), websecure=0, dashboard=free_port(), ping=free_port())
    running = Edging(tmp_path, Stub("eager", port=eager[0]), layout)
    try:
        running.start(planned(*pools))
        yield running
    finally:
        running.end()


def post(edge: Edging, host: str, framing: str, *parts: bytes) -> bytes:
    """What comes back for a body that arrives in parts, each a moment after the one before."""
    with connected(edge.port) as client:
        client.sendall(head("POST /v1/audio/speech HTTP/1.1", framing, host=host, close=False))
        for part in parts:
            time.sleep(0.1)
            client.sendall(part)
        return received(client, patience=1)


@pytest.mark.parametrize("host", ["one.localhost", "two.localhost"])
@pytest.mark.parametrize(
    ("framing", "parts"),
    [
        ("Content-Length: 2048", (b"a" * 1024, b"b" * 1024)),
        (
            "Transfer-Encoding: chunked",
            (b"400\r\n" + b"a" * 1024 + b"\r\n", b"400\r\n" + b"b" * 1024 + b"\r\n0\r\n\r\n"),
        ),
    ],
    ids=["sized", "chunked"],
)
def test_an_answer_that_begins_early_is_not_cut(
    edge: Edging, eager: tuple[int, list[int]], host: str, framing: str, parts: tuple[bytes, ...]
) -> None:
    eager[1].clear()
    came = post(edge, host, framing, *parts)
    assert came.startswith(b"HTTP/1.1 200 OK")
    assert came.count(SPOKEN) == CHUNKS
    assert came.endswith(b"0\r\n\r\n")
    assert eager[1] == [2048], "asked once, with all of it"


def test_an_upload_that_is_larger_passes_as_it_comes(edge: Edging, eager: tuple[int, list[int]]) -> None:
    eager[1].clear()
    size = 4 * WHOLE
    with connected(edge.port) as client:
        client.sendall(head("POST /clone HTTP/1.1", f"Content-Length: {size}", host="one.localhost", close=False))
        client.sendall(b"a" * size)
        came = received(client, patience=1)
    assert came.startswith(b"HTTP/1.1 200 OK")
    assert eager[1] == [size]
