"""A client that takes as little time as it can, and notes when what arrived."""

import asyncio
import socket
import time
from dataclasses import dataclass, field

from bench.edge.speaker import delays
from bench.edge.ways import HOST

_END = b"\r\n0\r\n\r\n"
_TOO_LONG = 60


def first_bytes(port: int, requests: int) -> list[float]:
    """Milliseconds from asking until the first byte of speech, for requests one after the other on one connection."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=_TOO_LONG) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            asked = time.perf_counter()
            client.sendall(_request(1, 0))
            received = b""
            while b"\r\n\r\n" not in received or not delays(received, 0):
                received += client.recv(65536)
            found.append((time.perf_counter() - asked) * 1000)
            while not received.endswith(_END):
                received += client.recv(65536)
    return found


@dataclass
class Chunks:
    """What streams saw: the milliseconds that each chunk was under way, and how many came together with another."""

    delays: list[float] = field(default_factory=list)
    merged: int = 0


class _Listener(asyncio.Protocol):
    def __init__(self, seen: Chunks, ended: asyncio.Future[None]) -> None:
        self._seen = seen
        self._ended = ended
        self._last = b""

    def data_received(self, data: bytes) -> None:
        arrived = delays(data, time.monotonic_ns())
        self._seen.delays += arrived
        self._seen.merged += max(0, len(arrived) - 1)
        self._last = (self._last + data)[-len(_END) :]
        if self._last == _END and not self._ended.done():
            self._ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(exc or ConnectionError("a stream was cut"))


def streams(port: int, number: int, chunks: int, pace: float) -> Chunks:
    """So many streams at once, of so many chunks, ``pace`` seconds apart."""
    seen = Chunks()

    async def listen(start: float) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        # Streams of people who have nothing to do with each other do not begin together.
        await asyncio.sleep(start)
        transport, _ = await loop.create_connection(lambda: _Listener(seen, ended), "127.0.0.1", port)
        assert isinstance(transport, asyncio.Transport)
        transport.write(_request(chunks, pace))
        await asyncio.wait_for(ended, chunks * pace + _TOO_LONG)
        transport.close()

    async def listen_to_all() -> None:
        await asyncio.gather(*(listen(pace * at / number) for at in range(number)))

    asyncio.run(listen_to_all())
    assert len(seen.delays) == number * chunks, "a stamp fell between two packets"
    return seen


def _request(chunks: int, pace: float) -> bytes:
    # Without a body: where an answer begins before Traefik has seen a body's end, which takes an engine that takes no
    # time, Go gives the connection up, and the stream is cut.
    return f"GET /?chunks={chunks}&pace={pace} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
