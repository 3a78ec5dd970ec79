"""How `python3 -m keeper drain` asks the keeper that runs: one JSON line there and one back.

The socket is a file in the keeper's own container: no engine reaches it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("keeper.control")

Request = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Request], Awaitable[Answer]]


class KeeperSilentError(Exception):
    """The keeper does not answer."""


class ControlServer:
    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler

    async def run(self) -> None:
        """Serves until it is cancelled."""
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            working = asyncio.ensure_future(self._answer(line))
            # Who asks says no more: an end here means that nobody waits for the answer, so nothing is begun for them.
            leaving = asyncio.ensure_future(reader.read())
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            if not working.done():
                _LOG.warning("who asked has gone: %s", line.decode(errors="replace").strip())
                working.cancel()
                return
            writer.write(json.dumps(working.result()).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError) as error:
            _LOG.warning("a question was not answered: %s", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        request: Request = json.loads(line)
        answer = await self._handler(request)
        _LOG.info("%s %s: %s", request.get("do"), request.get("instance"), answer)
        return answer


def ask(path: Path, request: Request) -> Answer:
    """Asks the keeper, and waits for its answer: it knows how long that may take. Raises KeeperSilentError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                line = answer.readline()
        return dict(json.loads(line))
    except (OSError, ValueError) as error:
        raise KeeperSilentError(f"the keeper does not answer at {path}: {error}") from error
