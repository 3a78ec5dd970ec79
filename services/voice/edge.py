"""What surrounds every request: its id, its bound on the body, its one log line, and its span."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice import tracing

BODY_LIMIT = 12 * 50_000 + 4096
"""Bytes of a body: 50 000 characters, the most that VOICE_MAX_CHARACTERS can be, at JSON's 12 for one."""

_LOG = logging.getLogger("voice.request")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(headers: Headers) -> str:
    """The caller's X-Request-Id where it is safe in a log and a file name, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) and not given.startswith(".") else uuid.uuid4().hex


class Edge:
    """Wraps the whole application, so that its error answers are covered too.

    `quiet` are the paths that are asked every few seconds: worth a line only when the answer is not 200.
    Leaves in the request's state: `request_id`, `log` (a dict for more fields of the log line), its `span`, and when it
    `began` (nanoseconds).
    """

    def __init__(self, app: ASGIApp, instance: str, *, quiet: Collection[str]) -> None:
        self._app = app
        self._instance = instance
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        own_id = request_id(headers)
        fields: dict[str, Any] = {}
        start = time.monotonic()
        status = 0

        async def outward(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                answer["x-request-id"] = own_id
                answer["x-instance"] = self._instance
            await send(message)

        with tracing.request(scope["method"], scope["path"], headers, own_id) as span:
            state = {"request_id": own_id, "log": fields, "span": span, "began": time.time_ns()}
            scope["state"] = {**scope.get("state", {}), **state}
            try:
                await self._app(scope, _bounded(receive, headers), outward)
            finally:
                tracing.answered(span, status, fields)
                if status != HTTPStatus.OK or scope["path"] not in self._quiet:
                    fields = {
                        "request_id": own_id,
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "duration_ms": round((time.monotonic() - start) * 1000),
                        **fields,
                    }
                    _LOG.info("%s %s %s", scope["method"], scope["path"], status, extra={"fields": fields})


def _bounded(receive: Receive, headers: Headers) -> Receive:
    """Raises HTTPException 413 as soon as the body is, or says that it will be, beyond the bound."""
    announced = headers.get("content-length", "0")
    refuse = announced.isdecimal() and int(announced[:20]) > BODY_LIMIT
    size = 0

    async def bounded() -> Message:
        nonlocal size
        if refuse:
            raise _too_large()
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_LIMIT:
            raise _too_large()
        return message

    return bounded


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body is larger than the {BODY_LIMIT} bytes that are taken here.")
