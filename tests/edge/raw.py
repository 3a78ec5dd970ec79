"""Requests as bytes: shapes that no client library would send, and what comes back for them."""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

_STATUS = re.compile(rb"(?:^|\n)HTTP/1\.[01] ([0-9]{3})[ \r\n]")


def head(line: str, *headers: str, host: str | None = "voice.localhost") -> bytes:
    """The head of a request in the usual form: its line, a Host unless that is None, and these headers."""
    lines = [line, *([f"Host: {host}"] if host is not None else []), *headers]
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


def received(client: socket.socket, patience: float) -> bytes:
    """What comes until the other side hangs up or says nothing for ``patience`` seconds; the first byte has 10 s."""
    came = b""
    client.settimeout(10)
    try:
        while part := client.recv(65536):
            came += part
            client.settimeout(patience)
    except (TimeoutError, ConnectionError):
        pass
    return came


def statuses(answer: bytes) -> Sequence[int]:
    """The status of each answer in what came back."""
    return [int(status) for status in _STATUS.findall(answer)]
