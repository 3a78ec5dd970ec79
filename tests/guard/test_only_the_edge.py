"""Whom the guard answers: the edge, which shows the secret that the two share, and nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.plan import plan_stack
from pulumi_tts.plan.auth import EDGE_HEADER, USER_HEADER
from pulumi_tts.plan.guard import POOL_HEADER, ROUTE_HEADER
from pulumi_tts.render.envoy_auth import EDGE, edge_file
from tests.guard.guarding import AS_EDGE, NO_TLS, TOKEN, Guarding, guarding_plan, key_of, planned
from tests.waiting import wait_for

NOT_THE_EDGE = [
    [],
    [(EDGE_HEADER, "")],
    [(EDGE_HEADER, "another")],
    [(EDGE_HEADER, TOKEN[:-1])],
    [(EDGE_HEADER, f"{TOKEN}x")],
    [(EDGE_HEADER, TOKEN.upper())],
    [("X_Pulumi_Tts_Edge", TOKEN)],
    [("Authorization", f"Bearer {TOKEN}")],
]


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarding]:
    pool = {"name": "voice", "engine": "voice", "routes": {"path": "/voice"}}
    config = {"pools": [pool], "edge": {"auth": {"api_keys": [{"name": "any"}]}}}
    plan = plan_stack(load_stack(config), "tts-test", local_images=True).guard
    assert plan
    with guarding_plan(tmp_path_factory.mktemp("edge"), plan) as guard:
        yield guard


@pytest.mark.parametrize("shown", NOT_THE_EDGE)
@pytest.mark.parametrize("upgrade", [{}, {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}])
def test_who_is_not_the_edge_gets_nothing_in_any_pool_s_name(
    guard: Guarding, shown: list[tuple[str, str]], upgrade: dict[str, str]
) -> None:
    headers = [(POOL_HEADER, "voice"), *upgrade.items(), *shown]
    assert httpx.get(f"{guard.url}/work", headers=headers, verify=NO_TLS).status_code in (400, 403)
    assert not [each for stub in guard.pools["voice"] for each in stub.seen()["requests"] if each["target"] == "/work"]


def test_the_log_says_of_whom_the_names_in_it_are_not_the_edges(guard: Guarding) -> None:
    named = [(POOL_HEADER, "voice"), (USER_HEADER, "any"), (ROUTE_HEADER, "voice.path")]

    def line(path: str) -> dict[str, Any]:
        wait_for(lambda: any(each["path"] == path for each in guard.log()))
        (found,) = [each for each in guard.log() if each["path"] == path]
        return found

    assert httpx.get(f"{guard.url}/forged", headers=named, verify=NO_TLS).status_code == 403
    forged = line("/forged")
    assert (forged["tenant"], forged["pool"]) == ("any", "voice"), "as it was asked, which is why it is told"
    assert forged["details"].startswith("rbac_access_denied")
    with guard.client() as edge:
        edge.get("/work/its-own")
    assert line("/work/its-own")["details"] == "via_upstream"


@pytest.mark.parametrize("shown", NOT_THE_EDGE)
@pytest.mark.parametrize("path", ["/api_keys/voice", "/limited", "/jwt", "/"])
def test_nor_is_it_told_whose_a_key_is(guard: Guarding, shown: list[tuple[str, str]], path: str) -> None:
    url = f"http://127.0.0.1:{guard.layout.auth_port}{path}"
    answer = httpx.get(url, headers=[("X-API-Key", key_of("any")), *shown], verify=NO_TLS)
    assert answer.status_code in (400, 403)
    assert "any" not in answer.headers.values()


def test_the_edge_is_answered_and_no_engine_learns_what_it_shows(guard: Guarding) -> None:
    with guard.client() as edge:
        assert edge.get("/work").status_code == 200
    asked = [each for stub in guard.pools["voice"] for each in stub.seen()["requests"] if each["target"] == "/work"]
    assert asked
    assert TOKEN not in str(asked)
    assert TOKEN not in str(guard.log())
    url = f"http://127.0.0.1:{guard.layout.auth_port}/api_keys/voice"
    assert httpx.get(url, headers={"X-API-Key": key_of("any"), **AS_EDGE}, verify=NO_TLS).status_code == 200


def test_what_it_shows_is_no_part_of_what_envoy_is_asked_by_everybody(guard: Guarding) -> None:
    status = httpx.get(f"http://127.0.0.1:{guard.layout.status_port}/stats/prometheus", verify=NO_TLS)
    assert status.status_code == 200, "without it, and it says nothing of it"
    assert TOKEN not in status.text


def test_another_secret_is_taken_up_at_once_and_restarts_nothing(tmp_path: Path) -> None:
    with guarding_plan(tmp_path, planned({"name": "voice"})) as guard:
        guard.bring(f"{EDGE}.json", edge_file("the next"))
        with guard.client() as before, guard.client(**{EDGE_HEADER: "the next"}) as after:
            wait_for(lambda: after.get("/work").status_code == 200)
            assert before.get("/work").status_code == 403
