"""Who gets which instance, and which version."""

import signal
from collections import Counter
from typing import Any

import pytest

from tests.guard.conftest import Start
from tests.guard.guarding import planned
from tests.waiting import wait_for

STUDIO: dict[str, Any] = {"name": "studio", "engine": "studio", "instances": 3, "routes": {"pool": "studio.localhost"}}
NEXT: dict[str, Any] = {**STUDIO, "name": "next", "instances": 1, "routes": {"pool": "next.localhost"}}


def pages(name: str, **guard: Any) -> dict[str, Any]:
    """A pool of pages that is quickly asked: the stand-in knows `/health`."""
    base = STUDIO if name == "studio" else NEXT
    return {**base, "guard": {"health": {"path": "/health"}, **guard}}


def voices(name: str, instances: int = 1, **guard: Any) -> dict[str, Any]:
    return {"name": name, "instances": instances, "guard": guard}


def test_a_session_stays_on_its_instance(start: Start) -> None:
    guard = start(pages("studio"))
    instances = set()
    for _ in range(12):
        with guard.client("studio") as browser:
            answers = {browser.get("/work").text for _ in range(5)}
        assert len(answers) == 1
        instances |= answers
    assert len(instances) == 3, "and not all sessions on one"


def test_a_sessions_cookie_is_the_pools_own_and_hidden_from_scripts(start: Start) -> None:
    guard = start(pages("studio"))
    with guard.client("studio") as browser:
        cookie = browser.get("/work").headers["set-cookie"]
    assert cookie.startswith("tts-test-studio-session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_session_whose_instance_is_gone_fails_once_and_another_begins(start: Start) -> None:
    guard = start(pages("studio"))
    with guard.client("studio") as browser:
        first = browser.get("/work").text
        next(stub for stub in guard.pools["studio"] if stub.name == first).end()
        wait_for(lambda: first not in guard.healthy("studio"))
        lost = browser.get("/work")
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
        again = {browser.get("/work").text for _ in range(3)}
    assert len(again) == 1
    assert first not in again


def test_a_session_whose_instance_hangs_fails_soon_and_another_begins(start: Start) -> None:
    guard = start(pages("studio", health={"interval": "500ms", "timeout": "800ms", "down": 2}))
    with guard.client("studio") as browser:
        first = browser.get("/work").text
        next(stub for stub in guard.pools["studio"] if stub.name == first).signal(signal.SIGSTOP)
        wait_for(lambda: first not in guard.healthy("studio"))
        lost = browser.get("/work", timeout=5)
        assert lost.status_code == 503
        assert browser.get("/work").text != first


def test_a_session_outlives_a_connection_that_fails_and_not_many(start: Start) -> None:
    """Another instance is not tried: it would answer, and know nothing of the session."""
    guard = start(pages("studio", health={"path": "/health", "interval": "60s"}, ejection={"errors": 3}))
    with guard.client("studio") as browser:
        first = browser.get("/work").text
        own = next(stub for stub in guard.pools["studio"] if stub.name == first)
        own.end()
        lost = browser.get("/work")
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
        assert "set-cookie" not in lost.headers
        own.start()
        assert browser.get("/work").text == first
        own.end()
        statuses = [browser.get("/work").status_code for _ in range(5)]
        assert statuses == [503, 503, 503, 503, 200], "three failures, and one that ends the session"
        assert browser.get("/work").text != first


def test_a_session_may_go_on_while_its_instance_drains_and_no_new_one_begins_there(start: Start) -> None:
    guard = start(pages("studio"))
    with guard.client("studio") as browser:
        first = browser.get("/work").text
        draining = next(stub for stub in guard.pools["studio"] if stub.name == first)
        draining.draining = True
        guard.write_endpoints("studio")
        wait_for(lambda: first not in guard.healthy("studio"))
        assert browser.get("/work").text == first
    with guard.client("studio") as others:
        for _ in range(10):
            others.cookies.clear()
            assert others.get("/work").text != first


def test_an_api_has_no_sessions(start: Start) -> None:
    guard = start(voices("voice", 2))
    with guard.client() as client:
        assert "set-cookie" not in client.get("/work").headers


def test_a_canary_takes_its_percentage_and_those_who_ask_for_it_live(start: Start) -> None:
    header = {"name": "X-Voice-Next", "value": "1"}
    guard = start(voices("voice", canary={"pool": "next", "percent": 20, "header": header}), voices("next"))
    with guard.client() as client:

        def took(number: int = 300, **headers: str) -> float:
            names = Counter(client.get("/work", headers=headers).text for _ in range(number))
            return names["tts-test-next-1"] / number

        assert 0.1 < took() < 0.3
        assert took(20, **{"X-Voice-Next": "1"}) == 1
        assert took(20, **{"X-Voice-Next": "0"}) < 0.8
        for percent, expected in ((0, 0), (100, 1)):
            guard.write(planned(voices("voice", canary={"pool": "next", "percent": percent}), voices("next")))
            wait_for(lambda expected=expected: took(10) == expected)  # type: ignore[misc]
        guard.write(planned(voices("voice"), voices("next")))
        wait_for(lambda: took(10) == 0)


@pytest.mark.parametrize(("begun", "then"), [(100, 0), (0, 100)])
def test_people_stay_with_the_version_that_they_began_with(start: Start, begun: int, then: int) -> None:
    guard = start(pages("studio", canary={"pool": "next", "percent": begun}), pages("next"))
    with guard.client("studio") as browser:
        first = browser.get("/work").text
        assert ("next" in first) is (begun == 100)
        guard.write(planned(pages("studio", canary={"pool": "next", "percent": then}), pages("next")))
        with guard.client("studio") as others:
            wait_for(lambda: ("next" in others.get("/work").text) is (then == 100))
        assert {browser.get("/work").text for _ in range(5)} == {first}


def test_a_pool_is_added_and_another_removed_while_requests_go_on(start: Start) -> None:
    guard = start(voices("voice"), voices("next"))
    with guard.client() as client, client.stream("POST", "/work?chunks=60&pace=0.05") as going_on:
        guard.pools["third"] = [guard.pools["next"][0]]
        guard.write(planned(voices("voice"), voices("third")))
        with guard.client("third") as third:
            wait_for(lambda: third.get("/work").status_code == 200)
        with guard.client("next") as gone:
            assert gone.get("/work").status_code == 404
        assert sum(len(part) for part in going_on.iter_raw()) == 60 * 512
