"""Requests as bytes: shapes that no client library would send, and what comes back for them."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)


def head(line: str, *headers: str, host: str | None = "voice.localhost", close: bool = True) -> bytes:
    """The head of a request in the usual form: its line, a Host unless that is None, and these headers."""
    lines = [
        line,
        *([f"Host: {host}"] if host is not None else []),
        *headers,
        *(["Connection: close"] if close else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection to something on loopback, that gives up after 20 s of silence."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as client:
        yield client


def exchange(port: int, *parts: bytes, patience: float = 0.5) -> bytes:
    """All that comes back for these bytes, until the other side hangs up or says nothing for ``patience`` seconds.

    What is sent in several parts arrives in several parts.
    """
    with connected(port) as client:
        for at, part in enumerate(parts):
            if at:
                time.sleep(0.05)
            try:
                client.sendall(part)
            except ConnectionError:
                break  # it was refused before it was complete
        return received(client, patience)


def received(client: socket.socket, patience: float, first: float = 10) -> bytes:
    """What comes until the other side hangs up or is silent for ``patience`` seconds, for ``first`` to begin with."""
    came = b""
    client.settimeout(first)
    try:
        while part := client.recv(65536):
            came += part
            client.settimeout(patience)
    except (TimeoutError, ConnectionError):
        pass
    return came


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in what came back."""
    return [int(status) for status in _STATUS.findall(answer)]


class Asker:
    """Asks one thing after the other on a connection that is kept, and made again where it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer; 0 where the other side hangs up without one."""
        client = self._client or socket.create_connection(("127.0.0.1", self._port), timeout=20)
        client.sendall(request)
        came = b""
        while b"\r\n\r\n" not in came:
            part = client.recv(65536)
            if not part:
                self.close()
                return 0, came
            came += part
        head, _, body = came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        closes = b"\r\nconnection: close" in head.lower()
        while part_missing(body, length, closes=closes):
            part = client.recv(65536)
            if not part:
                break
            body += part
        self._client = client
        if closes:
            self.close()
        return statuses(head + b"\r\n")[0], body

    def close(self) -> None:
        if self._client:
            self._client.close()
            self._client = None


def part_missing(body: bytes, length: re.Match[bytes] | None, *, closes: bool) -> bool:
    """Whether more of an answer is to come."""
    if length:
        return len(body) < int(length[1])
    return closes or not body.endswith(b"0\r\n\r\n")
