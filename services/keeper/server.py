"""The program: the keeper at work, and its pages."""

from __future__ import annotations

import asyncio
import logging

import uvicorn

from keeper.api import create_app
from keeper.keeper import Keeper
from keeper.settings import Settings
from voice import logs


def run(settings: Settings) -> None:
    """Works until SIGTERM; an error that is not foreseen ends the program, and Docker starts it again."""
    logs.start()
    # A line for each of its questions, which are some in a second.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    keeper = Keeper(settings)
    config = uvicorn.Config(
        create_app(keeper),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    async with asyncio.TaskGroup() as group:
        working = group.create_task(keeper.run())
        await uvicorn.Server(config).serve()
        working.cancel()
