"""A hub on this machine: of Hugging Face's API, the listing of a repository and its files, with continuation.

It is what huggingface_hub, the real client, asks it. What it does not have: accounts, redirects to a CDN, Xet.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REPOSITORY = "example/model"
REVISION = "0123456789abcdef0123456789abcdef01234567"
MEGABYTE = 1_000_000
LARGE_FROM = 10_000
"""Bytes from which a file is kept as Hugging Face keeps large ones: beside git, by its SHA-256."""


def blob_id(content: bytes) -> str:
    """What git calls a file by."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """What it has, what it does wrong on request, and what it was asked."""

    files: dict[str, bytes]
    url: str = ""
    token: str | None = None
    """Who does not bring it is told that there is no such repository, as Hugging Face does."""
    cut_after: dict[str, int] = field(default_factory=dict)
    """By file: the bytes after which every connection breaks."""
    pause: float = 0.0
    """Seconds after each megabyte."""
    changed: dict[str, bytes] = field(default_factory=dict)
    """By file: what is sent in its place."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Each file that was asked for, with the range."""

    def listing(self) -> list[dict[str, object]]:
        """The repository's tree, as the hub's API gives it."""
        entries: list[dict[str, object]] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "folder"}]
        for path, content in self.files.items():
            entry: dict[str, object] = {"type": "file", "oid": blob_id(content), "size": len(content), "path": path}
            if len(content) >= LARGE_FROM:
                sha256 = hashlib.sha256(content).hexdigest()
                entry |= {"oid": "f" * 40, "lfs": {"oid": sha256, "size": len(content), "pointerSize": 130}}
            entries.append(entry)
        return entries


@contextmanager
def a_hub(files: dict[str, bytes], address: str = "127.0.0.1") -> Iterator[Hub]:
    """A hub with this one repository, at one revision."""
    hub = Hub(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """The test says what matters."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if (
                hub.token
                and self.headers.get("Authorization") != f"Bearer {hub.token}"
                and not path.startswith("/link")
            ):
                self._refuse(401, "RepoNotFound")
            elif path == f"/api/models/{REPOSITORY}/tree/{REVISION}":
                self._answer(200, json.dumps(hub.listing()).encode(), {"Content-Type": "application/json"})
            elif path.startswith(f"/api/models/{REPOSITORY}/tree/"):
                self._refuse(404, "RevisionNotFound")
            elif path.startswith((f"/{REPOSITORY}/resolve/{REVISION}/", "/link/")):
                self._file(re.sub(rf"^(/link/|/{REPOSITORY}/resolve/{REVISION}/)", "", path))
            else:
                self._refuse(404, "RepoNotFound")

        def _file(self, path: str) -> None:
            if path not in hub.files:
                self._refuse(404, "EntryNotFound")
                return
            asked = self.headers.get("Range")
            hub.asked.append((path, asked))
            content = hub.changed.get(path, hub.files[path])
            first = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            rest, length = content[first:], len(content)
            if asked and first >= length:
                self._refuse(416, "")
                return
            headers = {"Content-Range": f"bytes {first}-{length - 1}/{length}"} if asked else {}
            cut = hub.cut_after.get(path)
            if cut is None:
                self._answer(206 if asked else 200, rest, headers)
                return
            self._answer(206 if asked else 200, rest[:cut], headers, length=len(rest))
            self.close_connection = True

        def _answer(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            for first in range(0, len(body), MEGABYTE):
                self.wfile.write(body[first : first + MEGABYTE])
                time.sleep(hub.pause)

        def _refuse(self, status: int, code: str) -> None:
            self._answer(status, b"{}", {"X-Error-Code": code})

    server = ThreadingHTTPServer((address, 0), Handler)
    hub.url = f"http://{address}:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
