"""Instances that die, hang, or cannot be reached: what requests notice of it, and how soon they are out of rotation."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.guard.conftest import Start
from tests.guard.guarding import Guarding, Stub
from tests.waiting import wait_for

NOWHERE = "192.0.2.1"
"""TEST-NET-1: nobody answers, not even that there is nobody."""


@dataclass
class Traffic:
    """What became of requests that kept coming."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0


@asynccontextmanager
async def traffic(
    guard: Guarding, clients: int = 3, query: str = "first=0.05", body: bytes = b"{}"
) -> AsyncIterator[Traffic]:
    """Requests one after the other from so many clients, until the block ends."""
    seen, over = Traffic(), asyncio.Event()

    async def keep_asking(client: httpx.AsyncClient) -> None:
        while not over.is_set():
            began = time.monotonic()
            try:
                answer = await client.post(f"/work?{query}", content=body)
                seen.statuses[answer.status_code] += 1
            except httpx.TransportError as error:
                seen.statuses[type(error).__name__] += 1
            seen.slowest = max(seen.slowest, time.monotonic() - began)

    async with guard.async_client() as client:
        asking = [asyncio.create_task(keep_asking(client)) for _ in range(clients)]
        try:
            yield seen
        finally:
            over.set()
            await asyncio.gather(*asking)


def voices(guard: Guarding) -> list[Stub]:
    return guard.pools["voice"]


def test_a_killed_instance_costs_its_own_streams_and_nothing_else(start: Start) -> None:
    guard = start()
    first, *others = voices(guard)

    async def kill_one() -> tuple[Traffic, float]:
        async with traffic(guard) as seen:
            await asyncio.sleep(0.5)
            first.signal(signal.SIGKILL)
            out = await asyncio.to_thread(wait_for, lambda: guard.healthy("voice") == {stub.name for stub in others})
            await asyncio.sleep(0.5)
        return seen, out

    seen, out = asyncio.run(kill_one())
    # What was on that instance when it died has begun, and is not spoken twice: two at most, as it has two slots.
    assert seen.statuses[200] > 10
    assert seen.statuses[502] <= 2
    assert set(seen.statuses) <= {200, 502}
    assert out <= 2


def test_a_stream_on_a_killed_instance_is_visibly_cut(start: Start) -> None:
    guard = start({"name": "voice", "instances": 1})
    (only,) = voices(guard)
    with guard.client() as client, client.stream("POST", "/work?chunks=100&pace=0.05") as answer:
        parts = answer.iter_raw()
        next(parts)
        only.signal(signal.SIGKILL)
        with pytest.raises(httpx.RemoteProtocolError):
            list(parts)


def test_one_that_hangs_gets_nothing_new_within_three_seconds(start: Start) -> None:
    guard = start()
    first, *others = voices(guard)
    first.signal(signal.SIGSTOP)
    out = wait_for(lambda: guard.healthy("voice") == {stub.name for stub in others})
    assert out <= 3

    async def go_on() -> Traffic:
        async with traffic(guard) as seen:
            await asyncio.sleep(1)
        return seen

    assert set(asyncio.run(go_on()).statuses) == {200}
    first.signal(signal.SIGCONT)
    assert wait_for(lambda: len(guard.healthy("voice")) == 3) <= 3


def test_one_that_says_it_is_not_ready_is_out_at_once_and_back_soon(start: Start) -> None:
    guard = start()
    first = voices(guard)[0]

    async def say_so() -> tuple[Traffic, float, float]:
        async with traffic(guard) as seen:
            await asyncio.to_thread(first.tell, healthy=False)
            out = await asyncio.to_thread(wait_for, lambda: first.name not in guard.healthy("voice"))
            await asyncio.to_thread(first.tell, healthy=True)
            back = await asyncio.to_thread(wait_for, lambda: first.name in guard.healthy("voice"))
        return seen, out, back

    seen, out, back = asyncio.run(say_so())
    assert set(seen.statuses) == {200}
    assert out <= 1.5
    assert back <= 3


def test_one_that_cannot_be_reached_costs_half_a_second_and_no_request(start: Start) -> None:
    guard = start()
    first = voices(guard)[0]

    async def lose_one() -> tuple[Traffic, float]:
        async with traffic(guard) as seen:
            await asyncio.sleep(0.3)
            # As it is for Envoy when the instance's packets are dropped: connections neither succeed nor fail.
            first.address = NOWHERE
            await asyncio.to_thread(guard.write_endpoints, "voice")
            out = await asyncio.to_thread(wait_for, lambda: first.name not in guard.healthy("voice"))
            await asyncio.sleep(1)
        return seen, out

    seen, out = asyncio.run(lose_one())
    assert set(seen.statuses) == {200}
    assert out <= 3
    assert seen.slowest < 2.5


@pytest.mark.parametrize("how", ["killed", "lost"])
def test_with_two_of_three_gone_the_third_takes_what_it_can(start: Start, how: str) -> None:
    # Checks as rare as those of an engine that cannot be asked often: requests alone find out who is gone.
    guard = start({"name": "voice", "instances": 3, "guard": {"health": {"interval": "60s"}}})
    first, second, _ = voices(guard)
    for gone in (first, second):
        if how == "killed":
            gone.end()
        else:
            gone.address = NOWHERE

    async def go_on() -> Traffic:
        if how == "lost":
            await asyncio.to_thread(guard.write_endpoints, "voice")
        async with traffic(guard, clients=2) as seen:
            await asyncio.sleep(2)
        return seen

    seen = asyncio.run(go_on())
    assert set(seen.statuses) == {200}


def test_with_all_gone_everybody_is_told_at_once_and_served_soon_after_one_is_back(start: Start) -> None:
    guard = start()
    for stub in voices(guard):
        stub.end()
    wait_for(lambda: not guard.healthy("voice"))
    with guard.client() as client:
        began = time.monotonic()
        answer = client.post("/work")
        assert time.monotonic() - began < 0.5
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"]["code"] == "no_instance"
        time.sleep(3)
        voices(guard)[0].start()
        assert wait_for(lambda: client.post("/work").status_code == 200) <= 3


def test_who_is_told_to_come_again_before_the_guard_has_the_whole_request_hears_it(start: Start) -> None:
    guard = start(wait=False)
    for stub in voices(guard):
        stub.end()
    wait_for(lambda: not guard.healthy("voice"))

    async def ask() -> Counter[int | str]:
        async with traffic(guard, clients=8, body=b"x" * 2000) as seen:
            await asyncio.sleep(5)
        return seen.statuses

    statuses = asyncio.run(ask())
    assert set(statuses) == {503}, statuses
    assert statuses[503] > 200


def test_an_instance_that_fails_every_request_is_left_out_though_it_calls_itself_healthy(start: Start) -> None:
    guard = start({"name": "voice", "instances": 1, "guard": {"ejection": {"errors": 3, "time": "2s"}}})
    with guard.client() as client:
        statuses = [client.post("/work?status=500").status_code for _ in range(10)]
        assert statuses[:3] == [500, 500, 500]
        assert statuses[-1] == 503, "it went on failing requests"
        assert wait_for(lambda: client.post("/work").status_code == 200) <= 4


@pytest.mark.parametrize("stall", ["1s", "30s"])
def test_a_request_that_takes_too_long_takes_no_healthy_instance_out(start: Start, stall: str) -> None:
    guard = start({"name": "voice", "instances": 1, "guard": {"deadlines": {"first_byte": "1s", "stall": stall}}})
    with guard.client() as client:
        began = time.monotonic()
        slow = client.post("/work?first=20")
        assert (slow.status_code, slow.json()["error"]["code"]) == (504, "deadline")
        assert time.monotonic() - began < 5
        if stall == "1s":
            assert slow.headers["x-pulumi-tts-instance"] == "tts-test-voice-1"
        assert client.post("/work").status_code == 200


def test_a_websocket_that_is_not_taken_is_given_up(start: Start) -> None:
    guard = start({"name": "voice", "instances": 1, "guard": {"deadlines": {"first_byte": "1s"}}})
    (only,) = voices(guard)
    only.signal(signal.SIGSTOP)
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with guard.client() as client:
        answer = client.get("/work", headers={**wanted, "Sec-WebSocket-Key": "x" * 22 + "=="}, timeout=10)
    assert answer.status_code in (503, 504)


def test_a_request_that_has_begun_is_never_sent_a_second_time(start: Start) -> None:
    guard = start()
    with guard.client() as client:
        answer = client.post("/work?reset=1", content=b"speak once")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "instance_lost")
    assert "retry-after" not in answer.headers, "nobody is to ask again without thinking"
    assert sum(stub.seen()["begun"] for stub in voices(guard)) == 1


def test_an_upload_reaches_another_instance_when_the_first_cannot_be_reached(start: Start) -> None:
    guard = start({"name": "voice", "instances": 2, "guard": {"health": {"interval": "60s"}}})
    voices(guard)[0].end()
    with guard.client() as client:
        answers = [client.post("/work", content=b"x" * 3_000_000) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {200}
    assert {request["body"] for request in voices(guard)[1].seen()["requests"]} == {3_000_000}


def test_a_draining_instance_gets_nothing_new_and_ends_what_it_has(start: Start) -> None:
    guard = start({"name": "voice", "instances": 2})
    first, second = voices(guard)

    async def drain_one() -> None:
        async with guard.async_client() as client:
            working = [asyncio.create_task(client.post("/work?first=1.5")) for _ in range(4)]
            await asyncio.sleep(0.3)
            first.draining = True
            await asyncio.to_thread(guard.write_endpoints, "voice")
            await asyncio.to_thread(wait_for, lambda: guard.healthy("voice") == {second.name})
            begun = first.seen()["begun"]
            answers = await asyncio.gather(*working)
            later = await asyncio.gather(*(client.post("/work") for _ in range(4)))
            assert {answer.status_code for answer in [*answers, *later]} == {200}
            assert {answer.text for answer in later} == {second.name}
            assert first.seen()["begun"] == begun == 2

    asyncio.run(drain_one())
