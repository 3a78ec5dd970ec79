"""People who ask a pool to speak while something happens to it, and what each of them got; on loopback, bounded."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field

import httpx

from tests.system.deployment import Deployment

WHOLE, CUT, BUSY = "whole", "cut", "busy"
AT_MOST = 5_000
BYTES_PER_SECOND = 2 * 24_000
"""Of the PCM that these people ask for."""
_PATIENCE = httpx.Timeout(60, connect=5)


@dataclass(frozen=True)
class Answer:
    """What one of them got; times in seconds on the monotonic clock."""

    outcome: str
    """WHOLE; CUT, a stream that visibly broke off; BUSY, a 503 with Retry-After; or what went wrong."""
    instance: str
    """Who spoke, by the engine's own X-Instance."""
    began: float
    first: float
    """When the first byte of the body came; the end where none did."""
    ended: float
    why: str = ""
    """What the client says of a stream that broke off."""


@dataclass(frozen=True)
class Text:
    """Something to say, and how many bytes of audio that is."""

    words: int
    size: int
    seconds: float
    """How long an idle instance took for it."""

    @property
    def spoken(self) -> float:
        """Seconds of audio, and so those that an instance takes which speaks as fast as one listens."""
        return self.size / BYTES_PER_SECOND


@dataclass
class Pool:
    """A pool of speaking engines behind the edge."""

    deployment: Deployment
    name: str
    texts: list[Text] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        """Finds the pool's host name on this machine."""
        port = self.deployment.config["edge"]["port"]
        host = {"Host": f"{self.name}.localhost"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=host, timeout=_PATIENCE, limits=limits, trust_env=False
        )

    def learn(self, *words: int) -> None:
        """Finds out, on an idle pool, how long texts of so many words are."""
        for count in words:
            answer, size = asyncio.run(self._alone(count))
            self.texts.append(Text(count, size, answer.ended - answer.began))

    async def _alone(self, words: int) -> tuple[Answer, int]:
        async with self.client() as client:
            size = 0

            def count(chunk: bytes) -> None:
                nonlocal size
                size += len(chunk)

            answer = await ask(client, words, lambda: True, count)
            assert answer.outcome == WHOLE, answer
            return answer, size

    def many(self, paths: Sequence[str]) -> list[Answer]:
        """Asks for these all at once, as one does who only reads."""

        async def one(client: httpx.AsyncClient, path: str) -> Answer:
            return await hear(client.stream("GET", path), lambda: True, lambda _: None)

        async def all_of_them() -> list[Answer]:
            async with self.client() as client:
                return await asyncio.gather(*(one(client, path) for path in paths))

        return asyncio.run(all_of_them())

    async def say(self, client: httpx.AsyncClient, text: Text) -> Answer:
        """One request; a short answer that ends well would be a lie, and is not taken for whole."""
        size = 0

        def count(chunk: bytes) -> None:
            nonlocal size
            size += len(chunk)

        return await ask(client, text.words, lambda: size == text.size, count)


async def ask(
    client: httpx.AsyncClient, words: int, is_whole: Callable[[], bool], take: Callable[[bytes], None]
) -> Answer:
    """Asks for speech, and says what came of it."""
    body = {"model": "voice", "voice": "en-us", "input": "hello " * words, "response_format": "pcm"}
    return await hear(client.stream("POST", "/v1/audio/speech", json=body), is_whole, take)


async def hear(
    asking: AbstractAsyncContextManager[httpx.Response], is_whole: Callable[[], bool], take: Callable[[bytes], None]
) -> Answer:
    """What comes of a request, read to its end."""
    began = first = time.monotonic()
    instance, outcome, why = "", "no answer", ""
    try:
        async with asking as answer:
            instance = answer.headers.get("x-instance", "")
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in answer.headers:
                outcome = BUSY
            elif answer.status_code != httpx.codes.OK:
                outcome = f"{answer.status_code} {(await answer.aread())[:120]!r}"
            else:
                outcome = CUT
                async for chunk in answer.aiter_raw():
                    first = first if first > began else time.monotonic()
                    take(chunk)
                outcome = WHOLE if is_whole() else "short, and ended as if it were whole"
    except httpx.HTTPError as error:
        why = repr(error)
        if outcome != CUT:
            outcome = why
    ended = time.monotonic()
    return Answer(outcome, instance, began, first if first > began else ended, ended, why)


@dataclass
class Heard:
    """What came of all requests."""

    answers: list[Answer] = field(default_factory=list)

    def of(self, *outcomes: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.outcome in outcomes]

    @property
    def failed(self) -> list[Answer]:
        """Neither whole, nor a stream that was cut, nor asked to come back."""
        return [answer for answer in self.answers if answer.outcome not in (WHOLE, CUT, BUSY)]


@contextmanager
def callers(pool: Pool, number: int, texts: Sequence[Text] | None = None) -> Iterator[Heard]:
    """So many people, each of whom asks again as soon as the last answer ended; until the block ends."""
    heard, over = Heard(), threading.Event()

    async def one(client: httpx.AsyncClient, dice: random.Random) -> None:
        while not over.is_set() and len(heard.answers) < AT_MOST:
            heard.answers.append(await pool.say(client, dice.choice(texts or pool.texts)))
            await asyncio.sleep(0.01)

    async def all_of_them() -> None:
        async with pool.client() as client:
            await asyncio.gather(*(one(client, random.Random(seed)) for seed in range(number)))

    with _in_background(all_of_them):
        try:
            yield heard
        finally:
            over.set()


def arriving(pool: Pool, rate: float, seconds: float, text: Text) -> Heard:
    """People who arrive at a steady rate, whatever becomes of those before them, and go when they have an answer."""
    heard = Heard()

    async def one(client: httpx.AsyncClient) -> None:
        heard.answers.append(await pool.say(client, text))

    async def all_of_them() -> None:
        async with pool.client() as client, asyncio.TaskGroup() as group:
            start = time.monotonic()
            for number in range(min(AT_MOST, int(rate * seconds))):
                await asyncio.sleep(start + number / rate - time.monotonic())
                group.create_task(one(client))

    asyncio.run(all_of_them())
    return heard


@contextmanager
def _in_background(work: Callable[[], Awaitable[None]]) -> Iterator[None]:
    async def run() -> None:
        await work()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield
    finally:
        thread.join()
