"""Stands in for a Docker host's API behind its socket proxy: lists, inspects and restarts what a test says is there."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STATUS = {
    "healthy": ("running", "Up 5 minutes (healthy)"),
    "unhealthy": ("running", "Up 5 minutes (unhealthy)"),
    "starting": ("running", "Up 1 second (health: starting)"),
    "exited": ("exited", "Exited (137) 20 seconds ago"),
    "created": ("created", "Created"),
    "paused": ("paused", "Up 5 minutes (Paused)"),
}


@dataclass
class FakeContainer:
    """A container by its health, and what a restart does to it."""

    name: str
    health: str = "healthy"
    starts_in: float = 0.3
    """Seconds from its restart until it is healthy."""
    restart: Callable[[], None] = lambda: None
    comes_back: bool = True
    id: str = "0" * 64
    restarts: list[tuple[float, float]] = field(default_factory=list)
    """When each began and ended."""


class FakeDocker:
    """The API, on a port of its own."""

    def __init__(self, *names: str, token: str | None = None) -> None:
        self.token = token
        self.containers = {name: FakeContainer(name) for name in names}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def restarts(self, name: str) -> int:
        return len(self.containers[name].restarts)

    def most_at_once(self) -> int:
        """How many containers were at some time being restarted together."""
        spans = [span for container in self.containers.values() for span in container.restarts]
        return max((sum(begin <= at < end for begin, end in spans) for at, _ in spans), default=0)

    def _listed(self) -> list[dict[str, Any]]:
        return [
            {"Id": each.id, "Names": [f"/{each.name}"], "State": state, "Status": status}
            for each in self.containers.values()
            for state, status in [STATUS[each.health]]
        ]

    def _restart(self, container: FakeContainer) -> None:
        began = time.monotonic()
        container.health = "starting"
        container.restart()
        container.restarts.append((began, time.monotonic() + container.starts_in))

        def ready() -> None:
            container.health = "healthy" if container.comes_back else "unhealthy"

        threading.Timer(container.starts_in, ready).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if fake.token and self.headers["Authorization"] != f"Bearer {fake.token}":
                    self._send(401, {"message": "This proxy wants its token."})
                    return
                fake.asked.append(f"GET {self.path}")
                self._send(200, fake._listed()) if self.path.startswith("/containers/json") else self._send(403, {})

            def do_POST(self) -> None:
                fake.asked.append(f"POST {self.path}")
                name, _, what = self.path.removeprefix("/containers/").partition("/")
                if name in fake.containers and what.partition("?")[0] == "restart":
                    fake._restart(fake.containers[name])
                    self._send(204, None)
                else:
                    self._send(403, {"message": "not on the list"})

            def _send(self, status: int, body: object) -> None:
                data = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
