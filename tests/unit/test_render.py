"""The files that Traefik reads, as values; tests/system loads them into a real Traefik."""

import re
from typing import Any

import yaml

from pulumi_tts.config import load_stack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.render import traefik
from pulumi_tts.render.traefik_auth import NO_USER
from pulumi_tts.render.traefik_front import PATHS
from tests.unit.configs import stack, studio, voice

FIRST = (PATHS, NO_USER)
"""Of every route; in files of their own."""


def plan(*pools: object, **changes: object) -> StackPlan:
    return plan_stack(load_stack(stack(*pools, **changes)), "tts-test", local_images=True)


def routes_file(plan: StackPlan) -> dict[str, Any]:
    rendered: dict[str, dict[str, Any]] = yaml.safe_load(traefik.routes_file(plan.routes, plan.edge))
    return rendered["http"]


def test_every_router_leads_to_a_service_and_middlewares_that_are_there() -> None:
    http = routes_file(
        plan(voice(headers={"X-Model-Version": "v3"}), studio(), edge={"headers": {"X-Served-By": "us"}})
    )
    for router in http["routers"].values():
        assert router["service"] in http["services"]
        assert set(router["middlewares"]) <= {*FIRST, *http["middlewares"]}
    used = {name for router in http["routers"].values() for name in router["middlewares"]}
    assert used == {*FIRST, *http["middlewares"]}, "nothing is rendered that nothing uses; the front door has a file"


def test_a_prefix_matches_whole_segments_only() -> None:
    rule = routes_file(plan())["routers"]["studio.path"]["rule"]
    assert rule == "Host(`localhost`) && (Path(`/studio`) || PathPrefix(`/studio/`))"


def test_a_stripped_page_without_its_slash_is_sent_to_the_one_with_it() -> None:
    redirect = routes_file(plan())["middlewares"]["studio.path-slash"]["redirectRegex"]
    address = re.compile(redirect["regex"])
    assert address.match("http://localhost:8080/studio")
    assert address.match("https://localhost/studio?__theme=dark")
    assert not address.match("http://localhost:8080/studio/")
    assert not address.match("http://localhost:8080/studio-two")
    assert "voice.path-slash" not in routes_file(plan(voice(routes={"path": "/voice"})))["middlewares"]


def test_two_stacks_on_one_host_name_do_not_share_a_cookie() -> None:
    service = routes_file(plan(studio(guard="none")))["services"]["studio"]
    assert service["loadBalancer"]["sticky"]["cookie"]["name"] == "tts-test-edge-studio"


def test_only_pages_are_compressed() -> None:
    http = routes_file(plan())
    assert "edge_compress" in http["routers"]["studio.path"]["middlewares"]
    assert "edge_compress" not in http["routers"]["voice.pool"]["middlewares"], "an API answers with audio"
    compressed = http["middlewares"]["edge_compress"]["compress"]["includedContentTypes"]
    assert not [kind for kind in compressed if kind.startswith(("audio/", "text/event-stream"))]


def test_audio_is_passed_on_chunk_by_chunk() -> None:
    for service in routes_file(plan())["services"].values():
        assert service["loadBalancer"]["responseForwarding"] == {"flushInterval": "-1ms"}


def test_a_pools_routes_share_its_service_and_its_health_checks() -> None:
    pool = voice(routes={"pool": "voice.{domain}", "path": "/voice"}, guard="none")
    http = routes_file(plan(pool))
    assert {router["service"] for router in http["routers"].values()} == {"voice"}
    assert http["services"]["voice"]["loadBalancer"]["healthCheck"]["path"] == "/health"


def test_an_instance_without_siblings_is_neither_checked_nor_retried() -> None:
    http = routes_file(plan(voice()))
    assert "healthCheck" not in http["services"]["voice.1"]["loadBalancer"]
    assert http["routers"]["voice.1"]["middlewares"] == [*FIRST, "voice.1-request", "edge_whole"], "and no retry"


def test_no_route_of_a_pool_passes_a_clients_own_id_on() -> None:
    pool = voice(routes={"pool": "voice.{domain}", "instance": "voice{n}.{domain}"})
    http = routes_file(plan(pool, studio(guard="none")))
    for name, router in http["routers"].items():
        told = [http["middlewares"].get(middleware, {}).get("headers", {}) for middleware in router["middlewares"]]
        if router["service"].partition(".")[0] in ("voice", "studio"):
            assert any(each.get("customRequestHeaders", {}).get("X-Request-Id") == "" for each in told), name


def test_a_guarded_pool_is_reached_by_the_guard_which_is_told_its_name() -> None:
    http = routes_file(plan(voice(), studio(guard="none")))
    balancer = http["services"]["voice"]["loadBalancer"]
    assert balancer["servers"] == [{"url": "http://tts-test-guard:8080"}]
    assert not {"healthCheck", "sticky"} & set(balancer), "one hop balances"
    told = http["middlewares"]["voice.pool-request"]["headers"]["customRequestHeaders"]
    assert told == {"X-Pulumi-Tts-Pool": "voice", "X-Pulumi-Tts-Route": "voice.pool", "X-Request-Id": ""}, (
        "the client's own are replaced, or taken away"
    )
    assert http["routers"]["voice.pool"]["middlewares"] == [*FIRST, "voice.pool-request", "edge_whole"], (
        "and nothing is retried twice"
    )
    assert http["services"]["voice.1"]["loadBalancer"]["servers"] == [{"url": "http://tts-test-voice-1:8000"}]
    assert len(http["services"]["studio"]["loadBalancer"]["servers"]) == 2


def test_the_dashboard_needs_its_login() -> None:
    edge = plan().edge
    assert edge.dashboard
    http = yaml.safe_load(traefik.dashboard_file(edge.dashboard, "$2a$10$hash"))["http"]
    assert http["routers"]["dashboard"]["middlewares"] == [*FIRST, "dashboard-guesses", "dashboard-login"]
    assert http["middlewares"]["dashboard-login"]["basicAuth"]["users"] == ["admin:$2a$10$hash"]
    assert "--api.insecure=false" in traefik.static_arguments(edge, "/files")


def test_switching_the_dashboard_on_does_not_restart_the_edge() -> None:
    without, with_ = plan(edge={"dashboard": {"enabled": False}}).edge, plan().edge
    assert without.dashboard is None
    assert traefik.static_arguments(without, "/files") == traefik.static_arguments(with_, "/files")


def test_the_same_plan_renders_the_same_bytes_whatever_the_order_of_its_pools() -> None:
    one, other = plan(voice(), studio()), plan(studio(), voice())
    assert traefik.routes_file(one.routes, one.edge) == traefik.routes_file(other.routes, other.edge)


def test_every_request_is_whole_before_it_goes_on_and_no_answer_makes_it_go_twice() -> None:
    direct = voice(name="direct", guard="none", instances=2, routes={"pool": "direct.{domain}"})
    http = routes_file(plan(voice(), direct, studio()))
    for name, router in http["routers"].items():
        last = http["middlewares"][router["middlewares"][-1]]["retry"]
        assert last["maxRequestBodyBytes"] == traefik.WHOLE, name
        assert last["retryNonIdempotentMethod"] is True, "else a POST would not be"
        assert last["status"] == ["1000"], "which no answer has"
        assert ("initialInterval" in last) != last.get("disableRetryOnNetworkError", False)
