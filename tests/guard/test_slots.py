"""Slots, the line of waiting requests, and what those are told that find no room."""

import asyncio
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from pulumi_tts.plan.auth import EDGE_HEADER
from pulumi_tts.plan.guard import POOL_HEADER
from tests.guard.conftest import Start
from tests.guard.guarding import TOKEN, Guarding, guarding
from tests.waiting import wait_for


@dataclass
class Answer:
    status: int
    seconds: float
    retry_after: str | None
    instance: str


async def burst(guard: Guarding, number: int, query: str = "first=0.4") -> list[Answer]:
    """So many requests at once."""
    async with guard.async_client() as client:

        async def one() -> Answer:
            began = time.monotonic()
            answer = await client.post(f"/work?{query}", content=b"{}")
            seconds = time.monotonic() - began
            return Answer(answer.status_code, seconds, answer.headers.get("retry-after"), answer.text)

        return await asyncio.gather(*(one() for _ in range(number)))


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarding]:
    """Three instances of two slots, and a line of four."""
    pool = {"name": "voice", "instances": 3, "slots": 2, "guard": {"queue": 4}}
    with guarding(tmp_path_factory.mktemp("slots"), pool) as running:
        # Envoy makes the connections within itself at the first requests.
        for number in (1, 3, 6):
            asyncio.run(burst(running, number, "first=0.1"))
        yield running


def test_an_instance_works_on_as_many_as_it_has_slots_and_the_rest_waits_or_is_told_to_come_again(
    guard: Guarding,
) -> None:
    answers = asyncio.run(burst(guard, 20, "first=1.5"))
    assert Counter(answer.status for answer in answers) == {200: 6 + 4, 503: 10}
    assert [stub.seen()["most"] for stub in guard.pools["voice"]] == [2, 2, 2]
    assert {answer.retry_after for answer in answers if answer.status == 503} == {"5"}


def test_who_finds_no_room_is_told_so_at_once(guard: Guarding) -> None:
    asyncio.run(burst(guard, 20))
    wait_for(lambda: any(entry["flags"] == "UO" for entry in guard.log()))
    assert median(entry["duration_ms"] for entry in guard.log() if entry["flags"] == "UO") <= 50


def test_requests_at_the_same_moment_each_get_an_instance_of_their_own(start: Start) -> None:
    guard = start({"name": "voice", "instances": 6, "slots": 1})
    assert guard.process
    ask = f"GET /work?first=0.1 HTTP/1.1\r\nHost: x\r\n{POOL_HEADER}: voice\r\n{EDGE_HEADER}: {TOKEN}\r\n\r\n".encode()
    with ExitStack() as ends:
        address = ("127.0.0.1", guard.layout.port)
        clients = [ends.enter_context(socket.create_connection(address, timeout=5)) for _ in range(6)]
        for _ in range(5):
            # What arrives while Envoy is held up is read in one go: it connects for all before any has connected.
            guard.process.send_signal(signal.SIGSTOP)
            for client in clients:
                client.sendall(ask)
            guard.process.send_signal(signal.SIGCONT)
            instances = {_until(client, b"tts-test-voice-").rpartition(b"\r\n")[2] for client in clients}
            assert len(instances) == 6


def _until(client: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received.partition(b"\r\n\r\n")[2]:
        received += client.recv(4096)
    return received


def test_who_waits_gets_the_first_slot_that_becomes_free_wherever_that_is(start: Start) -> None:
    guard = start({"name": "voice", "instances": 3, "slots": 1})

    async def long_and_short() -> float:
        async with guard.async_client() as client:
            long = [asyncio.create_task(client.post("/work?first=3")) for _ in range(2)]
            short = asyncio.create_task(client.post("/work?first=0.3"))
            await asyncio.sleep(0.15)
            began = time.monotonic()
            waiting = [client.post("/work?first=0.1") for _ in range(3)]
            await asyncio.gather(short, *waiting)
            seconds = time.monotonic() - began
            await asyncio.gather(*long)
            return seconds

    assert asyncio.run(long_and_short()) < 1.5, "one of them waited for a long request, though another slot was free"


def test_an_engines_own_503_is_passed_on_and_neither_tried_again_nor_held_against_it(guard: Guarding) -> None:
    before = sum(stub.seen()["begun"] for stub in guard.pools["voice"])
    with guard.client() as client:
        answers = [client.post("/work?status=503") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.text for answer in answers} <= {stub.name for stub in guard.pools["voice"]}
    assert sum(stub.seen()["begun"] for stub in guard.pools["voice"]) == before + 20
    assert len(guard.healthy("voice")) == 3


def test_after_an_overload_nothing_is_left_in_line(guard: Guarding) -> None:
    asyncio.run(burst(guard, 30))
    assert guard.stat("cluster.queue_voice.upstream_rq_pending_active") == 0
    assert guard.stat("cluster.voice.upstream_rq_pending_active") == 0
    (answer,) = asyncio.run(burst(guard, 1, "first=0"))
    assert (answer.status, answer.seconds < 1) == (200, True)


def test_a_client_that_leaves_gives_its_slot_back(tmp_path: Path) -> None:
    with guarding(tmp_path, {"name": "voice", "instances": 1, "slots": 1, "guard": {"queue": 1}}) as guard:

        async def leave() -> int:
            async with guard.async_client() as client:
                working = asyncio.create_task(client.post("/work?first=30"))
                await asyncio.sleep(0.2)
                waiting = asyncio.create_task(client.post("/work?first=0"))
                await asyncio.sleep(0.2)
                working.cancel()
                return (await waiting).status_code

        assert asyncio.run(leave()) == 200
