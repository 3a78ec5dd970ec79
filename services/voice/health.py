"""Whether this instance can really speak: it does, in both programs, and listens that there is a sound."""

from __future__ import annotations

import asyncio
import time
from array import array

from voice.errors import SpeechError
from voice.synthesis import speak
from voice.voices import BY_ID

_WORDS = (("slt", "Ready."), ("cmn", "好"))
_LOUD = 1000  # of 32768: both words peak above 10 000
_FRESH = 2.0  # seconds for which an answer is given again, so that many probers cost no more than one
_TIME_LIMIT = 10.0


class Health:
    """Needs no slot, so a busy instance is as quickly found healthy as an idle one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._checked = float("-inf")
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """None, or what is wrong."""
        async with self._lock:
            if time.monotonic() - self._checked > _FRESH:
                self._problem = await self._check()
                self._checked = time.monotonic()
            return self._problem

    async def _check(self) -> str | None:
        for voice, word in _WORDS:
            try:
                async with asyncio.timeout(_TIME_LIMIT):
                    spoken = b"".join([part async for part in speak(word, BY_ID[voice])])
            except TimeoutError:
                return f'"{voice}" did not speak within {_TIME_LIMIT:.0f} s'
            except (SpeechError, OSError) as error:
                return f'"{voice}": {error}'
            if max(array("h", spoken), default=0) < _LOUD:
                return f'"{voice}" is silent'
        return None
