"""Who is told of alerts, by POST."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.loopback import free_port

TOKEN = "what the webhook wants"


@dataclass
class Hook:
    """A program that is told of alerts."""

    told: list[dict[str, Any]] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    address: str = "127.0.0.1"

    def alerts(self, status: str = "firing") -> set[tuple[str, str]]:
        """The alerts that it was told of, each with its pool."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("pool", ""))
            for message in self.told
            for alert in message["alerts"]
            if alert["status"] == status
        }

    @contextmanager
    def listening(self) -> Iterator["Hook"]:
        """Takes what it is told, of who has the token."""
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.headers["Authorization"] == f"Bearer {TOKEN}"
                if right:
                    told.append(json.loads(body))
                self.send_response(200 if right else 401)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer((self.address, self.port), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
