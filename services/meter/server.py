"""The program: it counts, and says over HTTP what it has counted."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST

from meter import metrics
from meter.ledger import COLUMNS, Ledger
from meter.meter import Meter
from meter.report import SINCE, day, report, tomorrow
from meter.settings import Settings
from voice import logs

PAUSE = 1.0
"""Seconds between two looks at logs that said nothing new; Envoy writes its own as often."""

LAST = 5.0
"""Seconds, at most, for which it goes on counting once it is to end."""

_LOG = logging.getLogger("meter.server")


def run(settings: Settings) -> None:
    """Works until SIGTERM; an error that is not foreseen ends the program, and Docker starts it again."""
    logs.start()
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    meter = Meter(settings)
    server = make_server(settings.host, settings.port, _app(meter, settings), _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ending.is_set():
        if not meter.look():
            ending.wait(PAUSE)
    # Where the stack is destroyed nobody looks again. Docker gives it some seconds; what is left stays in the logs.
    deadline = time.monotonic() + LAST
    while time.monotonic() < deadline and meter.look():
        pass
    server.shutdown()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as the base class calls it
        """Says nothing: it is asked every few seconds."""


Answer = tuple[HTTPStatus, str, bytes]


def _app(meter: Meter, settings: Settings) -> Callable[..., Iterable[bytes]]:
    def health() -> Answer:
        problem = meter.problem
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        return _json(status, {"status": "failing", "problem": problem} if problem else {"status": "ok"})

    def usage(query: dict[str, list[str]]) -> Answer:
        by = query.get("by", [COLUMNS[0]])[0]
        try:
            since = day(query.get("since", [SINCE])[0])
            until = day(query["until"][0]) if "until" in query else tomorrow()
        except ValueError as error:
            return _json(HTTPStatus.BAD_REQUEST, {"problem": f"since, until: {error}"})
        if by not in COLUMNS:
            return _json(HTTPStatus.BAD_REQUEST, {"problem": f"by: one of {', '.join(COLUMNS)}"})
        ledger = Ledger(settings.data)
        try:
            return _json(HTTPStatus.OK, report(ledger, meter.plan, since, until, by))
        finally:
            ledger.close()

    def answered(environ: dict[str, Any]) -> Answer:
        match environ["PATH_INFO"]:
            case "/health":
                return health()
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics.page(meter, settings.data)
            case "/usage":
                return usage(parse_qs(environ["QUERY_STRING"]))
        return _json(HTTPStatus.NOT_FOUND, {"problem": "there are /health, /metrics and /usage"})

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = answered(environ)
        start_response(f"{status.value} {status.phrase}", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    return app


def _json(status: HTTPStatus, told: object) -> Answer:
    return status, "application/json", json.dumps(told).encode()
