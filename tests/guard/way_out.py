"""The real Envoy as a way out, with its own files, and a world of names on loopback: a DNS server and a web server.

Addresses of this machine's loopback stand for the world's and for a private network's: 127.7.0.0/16 is the world, all
other ones are what no name may stand for.
"""

import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pulumi_tts.config.fetching import FetchesFrom
from pulumi_tts.plan.way_out import WayOutPlan, plan_way_out
from pulumi_tts.render import way_out
from tests.guard.guarding import ENVOY
from tests.loopback import free_port
from tests.waiting import wait_for

WORLD, WORLD_TOO, WITHIN = "127.7.0.1", "127.7.0.2", "127.0.0.1"
NEVER = (*(f"127.{second}.0.0/16" for second in range(7)), *way_out.NEVER)


def never() -> tuple[str, ...]:
    """The real list, but for the part of loopback that stands for the world."""
    return tuple(each for each in NEVER if each != "127.0.0.0/8")


class Server(BaseHTTPRequestHandler):
    """Says at which address it was asked, and what."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        told = {"at": self.connection.getsockname()[0], "path": self.path, "headers": dict(self.headers)}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Names:
    """A DNS server on loopback; what a name stands for may change at any time."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    listening: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    @property
    def port(self) -> int:
        port: int = self.listening.getsockname()[1]
        return port

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                question, client = self.listening.recvfrom(2048)
                self.listening.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += length + 1
        name, (kind,) = ".".join(labels).lower(), struct.unpack(">H", question[at + 1 : at + 3])
        self.asked.append(name)
        found = self.addresses.get(name, []) if kind == 1 else []
        flags = 0x8180 if name in self.addresses else 0x8183
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + question[12 : at + 5]
        # No address is kept longer than it takes to ask again.
        return head + b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(address) for address in found
        )


@dataclass
class WayOut:
    """A proxy that runs, and what is behind it."""

    folder: Path
    names: Names
    server: int
    """The port of the web server, at every address of loopback."""
    layout: way_out.Layout
    process: subprocess.Popen[bytes] | None = None

    def plan(self, *sources: Any) -> WayOutPlan:
        """For these hosts, in which `{server}` is the web server's port."""
        written: FetchesFrom = [
            source.replace("{server}", str(self.server)) if isinstance(source, str) else source for source in sources
        ]
        plan = plan_way_out("tts-test-cosy", "pool cosy", written, local_images=True)
        assert plan
        return plan

    def write(self, plan: WayOutPlan) -> None:
        """What the courier does: each file moved into place."""
        for name, text in way_out.files(plan).items():
            path = Path(self.layout.files) / name
            path.with_suffix(".new").write_text(text)
            os.replace(path.with_suffix(".new"), path)  # noqa: PTH105  what Envoy watches for is a move

    def start(self, plan: WayOutPlan) -> None:
        self.write(plan)
        arguments = ["--config-yaml", way_out.bootstrap(plan, self.layout), "--concurrency", "1"]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [ENVOY, *arguments, "--disable-hot-restart", "--file-flush-interval-msec", "50"], stdout=log, stderr=log
            )
        wait_for(self._listens)

    def _listens(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.layout.port), timeout=1):
            return True
        return False

    def refused(self) -> list[dict[str, Any]]:
        """What the log says of requests that were refused."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"')]

    def send(self, request: str, then: str | None = None) -> tuple[int, bytes]:
        """One request, as it is written here; in the tunnel, if there is one, ``then`` another. Status and body."""
        with socket.create_connection(("127.0.0.1", self.layout.port), timeout=10) as connection:
            connection.sendall(request.replace("\n", "\r\n").encode())
            status, body = _answer(connection)
            if then is not None and status == 200:
                connection.sendall(then.replace("\n", "\r\n").encode())
                status, body = _answer(connection)
            return status, body

    def tunnel(self, host: str, then: str = "GET /in-tunnel HTTP/1.1\nHost: inside\nConnection: close\n\n") -> Any:
        """What the server at the other end of a tunnel says, or the status with which there is none."""
        status, body = self.send(f"CONNECT {host} HTTP/1.1\nHost: {host}\n\n", then)
        return json.loads(body) if status == 200 else status

    def get(self, url: str, host: str = "elsewhere.test") -> Any:
        """The same by plain HTTP."""
        status, body = self.send(f"GET {url} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
        return json.loads(body) if status == 200 else status


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return 0, received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    return status, body


@contextmanager
def a_way_out(folder: Path, *sources: Any) -> Iterator[WayOut]:
    """A proxy for these hosts, in which `{server}` is the web server's port."""
    names = Names()
    names.listening.bind(("127.0.0.1", 0))
    server = ThreadingHTTPServer(("0.0.0.0", 0), Server)
    (folder / "files").mkdir()
    layout = way_out.Layout(
        files=str(folder / "files"),
        address="127.0.0.1",
        port=free_port(),
        health_port=free_port(),
        never=never(),
        resolver=names.port,
    )
    proxy = WayOut(folder, names, server.server_port, layout)
    threading.Thread(target=names.serve, daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        proxy.start(proxy.plan(*sources))
        yield proxy
    finally:
        if proxy.process:
            proxy.process.kill()
            proxy.process.wait()
        server.shutdown()
        server.server_close()
        names.listening.close()
