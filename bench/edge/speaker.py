"""An engine that takes no time: `python -m bench.edge.speaker PORT`. Each chunk says when it was sent.

`GET /?chunks=N&pace=S` is answered with N chunks, S seconds apart, the first at once.
"""

import asyncio
import re
import sys
import time

MARK = b"sent at "
CHUNK = 1920
"""Bytes: 40 ms of speech at 24 000 Hz in s16le, and less than a network packet's worth of two."""

_STAMP = 8
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n\r\n"
_ASKED = re.compile(rb"chunks=(\d+)&pace=([\d.]+)")


def chunk() -> bytes:
    """One chunk of HTTP/1.1, stamped with this machine's own clock."""
    content = MARK + time.monotonic_ns().to_bytes(_STAMP, "big")
    return b"%x\r\n%s\r\n" % (CHUNK, content.ljust(CHUNK, b"."))


def delays(received: bytes, arrived: int) -> list[float]:
    """For each stamp in what was received: the milliseconds that it was under way."""
    parts = received.split(MARK)[1:]
    return [(arrived - int.from_bytes(part[:_STAMP], "big")) / 1e6 for part in parts]


class Speaker(asyncio.Protocol):
    """One connection, on which one request follows the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, which is small and arrives whole."""
        if asked := _ASKED.search(data):
            self._speak(int(asked[1]), float(asked[2]), time.monotonic(), head=_HEAD)
        else:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _speak(self, chunks: int, pace: float, due: float, head: bytes = b"") -> None:
        if self._transport.is_closing():
            return
        last = chunks == 1
        self._transport.write(head + chunk() + (b"0\r\n\r\n" if last else b""))
        if not last:
            due += pace
            wait = max(0, due - time.monotonic())
            asyncio.get_running_loop().call_later(wait, self._speak, chunks - 1, pace, due)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Speaker, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
