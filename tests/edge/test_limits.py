"""How much one user may ask for, on the real Traefik and the real guard: the rest is answered 429 with Retry-After."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.render import traefik_auth
from tests.edge.edging import Edging, edging, planned
from tests.guard.guarding import NO_TLS, key_of

AUTH = {"api_keys": [{"name": "greedy"}, {"name": "modest"}]}
RATE = 20
POOLS: list[dict[str, Any]] = [
    {"name": "fast", "slots": 64, "limits": {"rate": {"average": RATE}}},
    {"name": "slow", "slots": 64, "limits": {"rate": {"average": 6, "period": "1m", "burst": 2}}},
    {"name": "busy", "slots": 64, "limits": {"concurrent": 3}},
    {"name": "own", "slots": 64},
    {"name": "free", "slots": 64, "limits": "none"},
    {"name": "open", "auth": "open", "limits": {"concurrent": 2}},
]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    plan = planned(*POOLS, auth={**AUTH, "default": "api_keys"}, limits={"concurrent": 1})
    with edging(tmp_path_factory.mktemp("limits"), plan, guarded=True) as running:
        yield running


def client(edge: Edging, host: str, key: str) -> httpx.AsyncClient:
    headers = {"Host": f"{host}.localhost", "X-API-Key": key_of(key)}
    unlimited = httpx.Limits(max_connections=None)
    base = f"http://127.0.0.1:{edge.port}"
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=30, limits=unlimited, verify=NO_TLS)


async def paced(asked: httpx.AsyncClient, rate: float, seconds: float) -> list[httpx.Response]:
    """Requests at their times, whatever becomes of them."""
    began = time.monotonic()
    under_way = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        under_way.append(asyncio.ensure_future(asked.get("/work")))
    return list(await asyncio.gather(*under_way))


async def together(asked: httpx.AsyncClient, count: int, path: str = "/work?first=1") -> list[httpx.Response]:
    return list(await asyncio.gather(*(asked.get(path) for _ in range(count))))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_who_asks_three_times_as_much_gets_its_rate_and_nobody_else_notices(edge: Edging) -> None:
    seconds = 8

    async def run() -> tuple[list[httpx.Response], list[httpx.Response], float]:
        async with client(edge, "fast", "greedy") as greedy, client(edge, "fast", "modest") as modest:
            await together(greedy, 3 * RATE, "/work")  # the burst is spent
            began = time.monotonic()
            both = await asyncio.gather(paced(greedy, 3 * RATE, seconds), paced(modest, RATE / 4, seconds))
            return *both, time.monotonic() - began

    # Requests that come in one bunch, from a client that was kept waiting for its processor, get less than the rate:
    # of several windows one has to be without. None may get more.
    for _ in range(3):
        greedy, modest, took = asyncio.run(run())
        assert set(statuses(greedy)) == {200, 429}
        # What it took, as a busy machine sends the last ones late: they count as asked in that time.
        assert statuses(greedy)[200] <= RATE * took * 1.1
        if statuses(greedy)[200] >= RATE * took * 0.9:
            break
    else:
        pytest.fail(f"{statuses(greedy)[200]} of {RATE * took}")
    assert {answer.headers.get("Retry-After") for answer in greedy if answer.status_code == 429} == {"1"}
    assert next(answer.json()["error"]["code"] for answer in greedy if answer.status_code == 429) == "limited"
    assert statuses(modest) == {200: RATE / 4 * seconds}


def test_a_slow_rate_says_how_long_to_wait(edge: Edging) -> None:
    async def run() -> list[httpx.Response]:
        async with client(edge, "slow", "greedy") as greedy:
            return [await greedy.get("/work") for _ in range(4)]

    answers = asyncio.run(run())
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert 8 <= int(answers[2].headers["Retry-After"]) <= 10


def test_so_many_at_once_and_nobody_else_notices(edge: Edging) -> None:
    async def run() -> tuple[list[httpx.Response], list[httpx.Response]]:
        async with client(edge, "busy", "greedy") as greedy, client(edge, "busy", "modest") as modest:
            first = asyncio.ensure_future(together(greedy, 9))
            await asyncio.sleep(0.3)
            return await together(modest, 3), await first

    modest, greedy = asyncio.run(run())
    assert statuses(greedy) == {200: 3, 429: 6}
    assert {answer.headers.get("Retry-After") for answer in greedy if answer.status_code == 429} == {"1"}
    assert statuses(modest) == {200: 3}


def test_a_pool_has_the_stacks_limits_its_own_or_none(edge: Edging) -> None:
    async def run(host: str) -> Counter[int]:
        async with client(edge, host, "greedy") as greedy:
            return statuses(await together(greedy, 5))

    assert asyncio.run(run("own")) == {200: 1, 429: 4}
    assert asyncio.run(run("free")) == {200: 5}
    # Without a login by address, whatever name and key are shown.
    assert asyncio.run(run("open")) == {200: 2, 429: 3}


def test_what_is_limited_still_streams(edge: Edging) -> None:
    async def run() -> list[float]:
        async with client(edge, "busy", "greedy") as greedy, greedy.stream("GET", "/work?chunks=5&pace=0.2") as answer:
            return [time.monotonic() async for _ in answer.aiter_raw()]

    arrived = asyncio.run(run())
    assert arrived[-1] - arrived[0] > 0.5, "as it comes, not at once in the end"


def test_a_request_that_ended_makes_room(edge: Edging) -> None:
    async def run() -> list[int]:
        async with client(edge, "own", "modest") as modest:
            return [(await modest.get("/work")).status_code for _ in range(5)]

    assert asyncio.run(run()) == [200] * 5


def test_an_engines_own_refusal_has_the_edges_words_where_there_are_limits(edge: Edging) -> None:
    def said(host: str) -> tuple[int, str | None]:
        headers = {"X-API-Key": key_of("modest")}
        with edge.client(f"{host}.localhost", headers=headers) as one:
            answer = one.get("/work?status=429")
            return answer.status_code, answer.headers.get("Retry-After")

    assert said("busy") == (429, "1")
    assert said("free") == (429, None)


def test_behind_a_proxy_each_client_has_its_own_limit(tmp_path: Path) -> None:
    rate = {"average": 1, "period": "1m", "burst": 2}
    plan = planned({"name": "open", "limits": {"rate": rate}}, trusted_proxies=["127.0.0.1"])
    with edging(tmp_path, plan, guarded=True) as edge, edge.client("open.localhost") as proxy:

        def status(*forwarded: str) -> int:
            return proxy.get("/work", headers=[("X-Forwarded-For", line) for line in forwarded]).status_code

        assert [status(f"198.51.100.{number}") for number in range(1, 6)] == [200] * 5
        assert [status("203.0.113.1") for _ in range(3)] == [200, 200, 429]
        # What a client itself has said stands before what the proxy says of it.
        spoofed = [
            status("192.0.2.1, 203.0.113.2"),
            status("192.0.2.2, 203.0.113.2"),
            status("192.0.2.3", "203.0.113.2"),
        ]
        assert spoofed == [200, 200, 429]
        assert status("198.51.100.1, 127.0.0.1") == 200, "by way of two proxies"
        assert [status() for _ in range(3)][-1] == 429, "all that come past the proxies are one"


@pytest.mark.parametrize("host", ["dashboard", "people"])
def test_wrong_passwords_are_counted_and_hold_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    # As a password that is slow to check would have it, so that what a slow client gets meanwhile is little.
    monkeypatch.setattr(traefik_auth, "_CHECKING_MILLISECONDS", 4)
    monkeypatch.setattr(traefik_auth, "_GUESSES_AT_ONCE", 20)
    pools = [{"name": "people", "auth": "basic"}, {"name": "free"}]
    plan = planned(*pools, auth={"users": [{"name": "admin"}]}, trusted_proxies=["127.0.0.1"])

    async def run(edge: Edging) -> tuple[list[httpx.Response], list[float], float]:
        base, unlimited = f"http://127.0.0.1:{edge.port}", httpx.Limits(max_connections=50)
        async with (
            httpx.AsyncClient(base_url=base, timeout=30, limits=unlimited, verify=NO_TLS) as guesser,
            httpx.AsyncClient(base_url=base, timeout=30, verify=NO_TLS, headers={"Host": "free.localhost"}) as other,
        ):
            headers = {"Host": f"{host}.localhost", "X-Forwarded-For": "198.51.100.1"}
            tried = [guesser.get("/api/overview", headers=headers, auth=("admin", f"{n}")) for n in range(60)]
            began = time.monotonic()
            under_way = asyncio.gather(*tried)
            waited = []
            for _ in range(10):
                asked = time.monotonic()
                assert (await other.get("/work", headers={"X-Forwarded-For": "198.51.100.2"})).status_code == 200
                waited.append(time.monotonic() - asked)
            return await under_way, waited, time.monotonic() - began

    with edging(tmp_path, plan, guarded=True) as edge:
        answers, waited, took = asyncio.run(run(edge))
        assert set(statuses(answers)) == {401, 429}
        assert statuses(answers)[401] <= 20 + 2 * took + 1
        assert sorted(waited)[5] < took / 3, "who shows no password is answered meanwhile"
        with edge.client(f"{host}.localhost", auth=("admin", "secret")) as one:
            asked = [one.get("/api/overview", headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in (1, 3)]
        assert [answer.status_code for answer in asked][1] == 200, "from elsewhere"


def test_a_session_is_limited_and_a_websocket_still_opens(tmp_path: Path) -> None:
    plan = planned({"name": "page", "limits": {"concurrent": 1, "rate": {"average": 100}}})
    with edging(tmp_path, plan, guarded=True) as edge:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "eHh4eHh4eHh4eHh4eHh4eA=="
        with edge.client("page.localhost") as one, one.stream("GET", "/work", headers=upgrade) as answer:
            assert answer.status_code == 101
            with edge.client("page.localhost") as other:
                assert other.get("/work").status_code == 429
