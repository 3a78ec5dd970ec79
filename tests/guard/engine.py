"""Stands in for an engine: one process on loopback that does what a test tells it, and counts."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

CHUNK = b"x" * 512
RATE = 24_000
"""Samples a second of its WAVs, two bytes each."""


@dataclass
class Engine:
    """Answers `/work`, and says at `/seen` what it met; `/tell` changes how it is."""

    name: str
    healthy: bool = True
    busy: int = 0
    most: int = 0
    begun: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.rstrip().split("\r\n")
        method, target, _ = line.split()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await _body(reader, headers)
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/health":
            await _send(writer, 200 if self.healthy else 503, b"")
        elif url.path == "/tell":
            self.healthy = query["healthy"] == "1"
            await _send(writer, 200, b"")
        elif url.path == "/seen":
            seen = {"busy": self.busy, "most": self.most, "begun": self.begun, "requests": self.requests}
            await _send(writer, 200, json.dumps(seen).encode())
        else:
            self.begun += 1
            self.busy += 1
            self.most = max(self.most, self.busy)
            self.requests.append({"method": method, "target": target, "headers": headers, "body": len(body)})
            try:
                await self._work(reader, writer, query, headers)
            finally:
                self.busy -= 1

    async def _work(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: dict[str, str], headers: dict[str, str]
    ) -> None:
        if headers.get("upgrade") == "websocket":
            await self._echo(reader, writer)
            return
        gone = asyncio.ensure_future(reader.read(1))  # the guard hangs up when its client does
        working = asyncio.ensure_future(self._speak(writer, query))
        await asyncio.wait({gone, working}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        working.cancel()

    async def _speak(self, writer: asyncio.StreamWriter, query: dict[str, str]) -> None:
        await asyncio.sleep(float(query.get("first", 0)))
        if "reset" in query:
            writer.transport.abort()
            return
        if "wav" in query:
            samples = b"\0\1" * round(float(query["wav"]) * RATE)
            await _send(writer, 200, b"R" * 44 + samples, "Content-Type: audio/wav")
            return
        chunks = int(query.get("chunks", 0))
        status = int(query.get("status", 200))
        if not chunks:
            await _send(writer, status, self.name.encode())
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(chunks):
            if number == int(query.get("stall", -1)):
                await asyncio.sleep(600)
            writer.write(b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK))
            await writer.drain()
            await asyncio.sleep(float(query.get("pace", 0)))
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if length := int(headers.get("content-length", 0)):
        return await reader.readexactly(length)
    body = b""
    while headers.get("transfer-encoding") == "chunked":
        size = int(await reader.readline(), 16)
        body += await reader.readexactly(size)
        await reader.readline()
        if not size:
            break
    return body


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, *headers: str) -> None:
    # It closes every connection; who is not told may send the next request into one that is gone.
    told = "".join(f"{header}\r\n" for header in ("Connection: close", *headers)).encode()
    writer.write(b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), told, body))
    await writer.drain()


async def main(name: str, port: int) -> None:
    engine = Engine(name)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
