"""What the keeper says over HTTP. It only says: what it does is asked for by the socket of `control`."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from keeper.keeper import Keeper
from keeper.status import as_json

REFRESH = 5
"""Seconds after which the page loads itself again."""

_HEADERS = {
    "Cache-Control": "no-store",
    # It needs nothing but itself: no script, no picture, no other site.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(keeper: Keeper) -> Starlette:
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    template = templates.get_template("page.html")

    async def page(request: Request) -> Response:
        refresh = 0 if request.query_params.get("refresh") == "off" else REFRESH
        return HTMLResponse(template.render(status=keeper.status(), refresh=refresh), headers=_HEADERS)

    async def status(_: Request) -> Response:
        return JSONResponse(as_json(keeper.status()), headers=_HEADERS)

    async def metrics(_: Request) -> Response:
        return Response(keeper.metrics.page(keeper.status()), media_type=CONTENT_TYPE_LATEST)

    async def health(_: Request) -> Response:
        """Whether Envoy has what it needs of this program."""
        if problem := keeper.problem:
            return JSONResponse({"status": "failing", "problem": problem}, 503)
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/status", status),
            Route("/metrics", metrics),
            Route("/health", health),
        ]
    )
