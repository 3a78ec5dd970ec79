"""The page as a web application, and a server that stops in good order."""

from __future__ import annotations

import asyncio
import os
import socket

import uvicorn

# Read by Gradio as it is imported and as its components are made. No telemetry, whatever the environment says.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.page import build
from studio.settings import Settings
from studio.work import Work
from voice.edge import Edge

QUIET = 1.5
"""Seconds without work after which a stopping server ends the event streams of open pages."""


class Streams:
    """Lets all streams that are being sent be ended from this side, in good order.

    An open page holds an event stream for as long as it is open: to wait for it would be to wait for the visitor.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        self._ended.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        open_ended = False

        async def outward(message: Message) -> None:
            nonlocal open_ended
            open_ended = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        await self._app(scope, self._or_ended(receive), outward)
        if open_ended and self._ended.is_set():
            await send({"type": "http.response.body", "body": b""})

    def _or_ended(self, receive: Receive) -> Receive:
        async def next_message() -> Message:
            coming = asyncio.ensure_future(receive())
            ending = asyncio.create_task(self._ended.wait())
            try:
                await asyncio.wait({coming, ending}, return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                coming.cancel()
                ending.cancel()

        return next_message


def create_app(settings: Settings, work: Work) -> Streams:
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        build(settings, work),
        path="/",
        root_path=settings.root_path or None,
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size="1kb",
    )
    return Streams(Edge(app, settings.instance, quiet={"/config"}))


class Server(uvicorn.Server):
    """On SIGTERM takes nothing new, finishes what it makes, then ends the streams and exits."""

    def __init__(self, config: uvicorn.Config, work: Work, streams: Streams) -> None:
        super().__init__(config)
        self._work = work
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_when_quiet())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_when_quiet(self) -> None:
        await self._work.quiet(QUIET)
        self._streams.end()
