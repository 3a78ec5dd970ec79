"""What tests need of this machine's own network."""

import contextlib
import os
import random
import socket

import httpx

_WORKERS = 8
_BLOCK = 10_000 // _WORKERS


def _mine() -> list[int]:
    """The ports of these tests, others than those of tests side by side, in an order of their own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    # Below those that the kernel gives to outgoing connections.
    first = 20_000 + worker * _BLOCK
    # The system's own randomness: Hypothesis seeds the other one.
    return random.SystemRandom().sample(range(first, first + _BLOCK), _BLOCK)


_ports = _mine()


def free_port() -> int:
    """A TCP port that nobody listens on; none of the last thousand given, on which somebody may be about to listen."""
    for _ in range(_BLOCK):
        port = _ports.pop(0)
        _ports.append(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Loopback(httpx.HTTPTransport):
    """Every name is this machine; what is shown for it is that name's certificate."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # A request of its own: the client goes by the other one's URL when it keeps cookies.
        here = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(here)
