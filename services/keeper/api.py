"""What the keeper says over HTTP."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from keeper.keeper import Keeper


def create_app(keeper: Keeper) -> Starlette:
    def health(_: Request) -> JSONResponse:
        """Whether Envoy has what it needs of this program."""
        problem = keeper.problem
        return (
            JSONResponse({"status": "failing", "problem": problem}, 503) if problem else JSONResponse({"status": "ok"})
        )

    return Starlette(routes=[Route("/health", health)])
