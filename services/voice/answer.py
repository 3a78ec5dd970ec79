"""One spoken answer on its way to a caller: made while it is sent, stopped when the caller goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voice import formats, tracing
from voice.errors import SpeechError
from voice.metrics import Metrics, Outcome
from voice.outputs import Kept, Outputs
from voice.requests import SpeechRequest
from voice.slots import Slots
from voice.synthesis import speak
from voice.voices import Voice

STALL = 60.0
"""Seconds that a caller may go without reading what is sent, which holds a slot. A chunk is some second of audio,
so one who plays while it reads is far from it."""


class SpokenAnswer(Response):
    """Takes its slot, sends the first audio only when there is some (so that what fails, fails with a status),
    and counts how it ended. Fields for the request's log line go to `log`."""

    def __init__(
        self,
        request: SpeechRequest,
        voice: Voice,
        request_id: str,
        *,
        slots: Slots,
        metrics: Metrics,
        outputs: Outputs | None,
        pace: float,
        log: dict[str, Any],
    ) -> None:
        super().__init__()
        self._request = request
        self._voice = voice
        self._request_id = request_id
        self._slots = slots
        self._metrics = metrics
        self._outputs = outputs
        self._pace = pace
        self._log = log
        self._form = request.response_format
        self._start = time.monotonic()
        self._sent_bytes = 0
        self._spoken = 0
        self._kept: Kept | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slots.taken() as free:
            outcome: Outcome = "failed"
            try:
                outcome = "finished" if await self._unless_gone(receive, self._send(send, free)) else "cut"
            except TimeoutError as error:
                outcome = "cut"
                raise RuntimeError(f"the caller read nothing for {STALL:.0f} s") from error
            except SpeechError as error:
                outcome = "failed" if error.ours else "refused"
                if not self._sent_bytes:
                    raise
                # Too late for a status: closing the connection is how a caller sees that this is not all.
                raise RuntimeError(f"the answer ended early: {error}") from error
            finally:
                await self._ended(outcome)

    async def _unless_gone(self, receive: Receive, work: Any) -> bool:
        """True when the work was done, False when the caller went first; the work is then stopped."""
        working = asyncio.create_task(work)
        going = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({working, going}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return True
            return False
        finally:
            for task in (working, going):
                task.cancel()
            await asyncio.gather(working, going, return_exceptions=True)

    async def _send(self, send: Send, free: Callable[[], None]) -> None:
        """Calls ``free`` just before the caller can know that the answer is whole: whoever counts slots for this
        engine may have the next request here at that very moment."""
        async with aclosing(tracing.synthesis(speak(self._request.input, self._voice, self._request.speed))) as speech:
            parts: AsyncIterator[bytes]
            header, length = b"", None
            headers = {"content-type": formats.CONTENT_TYPES[self._form], "cache-control": "no-store"}
            if self._form == "wav":
                collected = await formats.whole(speech)
                header = formats.wav_header(sum(map(len, collected)))
                length = len(header) + sum(map(len, collected))
                headers["content-length"] = str(length)
                parts = _each(collected)
            else:
                first = await anext(speech)
                parts = _with_first(first, speech)
            self._kept = self._outputs.start(self._request_id, self._form) if self._outputs else None
            await send({"type": "http.response.start", "status": 200, "headers": _raw(headers)})
            async with aclosing(formats.encoded(self._paced(parts), self._form)) as chunks:
                await self._chunk(send, header)
                async for chunk in chunks:
                    if self._sent_bytes + len(chunk) == length:
                        free()
                    await self._chunk(send, chunk)
            free()
            await send({"type": "http.response.body", "body": b""})

    async def _chunk(self, send: Send, chunk: bytes) -> None:
        if not chunk:
            return
        if not self._sent_bytes:
            took = time.monotonic() - self._start
            self._metrics.first_byte.labels(self._form).observe(took)
            self._log["first_byte_ms"] = round(took * 1000)
            tracing.event("first byte")
        self._sent_bytes += len(chunk)
        if self._kept:
            self._kept.write(chunk)
        async with asyncio.timeout(STALL):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _paced(self, parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The parts in slices of at most a second, each after the time that a slower engine would take for it."""
        async for part in parts:
            for begin in range(0, len(part), formats.BYTES_PER_SECOND):
                piece = part[begin : begin + formats.BYTES_PER_SECOND]
                if self._pace:
                    await asyncio.sleep(self._pace * formats.seconds(len(piece)))
                self._spoken += len(piece)
                yield piece

    async def _ended(self, outcome: Outcome) -> None:
        seconds = formats.seconds(self._spoken)
        metrics = self._metrics
        metrics.requests.labels(outcome, self._form).inc()
        metrics.audio_seconds.labels(self._voice.id).inc(seconds)
        metrics.audio_bytes.labels(self._form).inc(self._sent_bytes)
        metrics.duration.labels(self._form).observe(time.monotonic() - self._start)
        self._log |= {"outcome": outcome, "audio_seconds": round(seconds, 3), "bytes": self._sent_bytes}
        if self._kept and outcome == "finished":
            self._kept.finish()
        elif self._kept:
            self._kept.drop()
        if self._outputs and outcome == "finished":
            await asyncio.to_thread(self._outputs.prune)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _each(parts: list[bytes]) -> AsyncGenerator[bytes, None]:
    for part in parts:
        yield part


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield first
    async for part in rest:
        yield part


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
