"""The front door, as values; tests/edge tries it on the real Traefik."""

from typing import Any

import pytest
import yaml

from pulumi_tts.config import ConfigError, front_checks, load_stack, versions
from pulumi_tts.config.front import FRONTS_OWN, UPLOAD_TIME, Encoded
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.front import HEADER_BYTES
from pulumi_tts.render import envoy, traefik
from pulumi_tts.render.traefik_front import EVERYBODY, PATHS
from tests.unit.configs import stack, studio, voice


def plan(*pools: object, **edge: object) -> StackPlan:
    return plan_stack(load_stack(stack(*pools, edge=edge)), "tts-test", local_images=True)


def front_file(planned: StackPlan) -> dict[str, Any]:
    rendered: dict[str, dict[str, Any]] = yaml.safe_load(traefik.front_file(planned.edge))
    return rendered["http"]


def answer_headers(planned: StackPlan) -> dict[str, str]:
    said: dict[str, str] = front_file(planned)["middlewares"][EVERYBODY]["headers"]["customResponseHeaders"]
    return said


@pytest.mark.parametrize(
    ("edge", "path", "said"),
    [
        ({"trusted_proxies": ["0.0.0.0/0"]}, "edge.trusted_proxies[0]", "is everybody"),
        ({"trusted_proxies": ["::/0"]}, "edge.trusted_proxies[0]", "is everybody"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "edge.trusted_proxies[0]", "no bits beyond it"),
        ({"trusted_proxies": ["proxy.internal"]}, "edge.trusted_proxies[0]", "is not a range of addresses"),
        ({"framed_by": ["portal.example.com"]}, "edge.framed_by[0]", "is not an origin"),
        ({"framed_by": ["https://portal.example.com/page"]}, "edge.framed_by[0]", "with no path"),
        ({"framed_by": ["*"]}, "edge.framed_by[0]", "is not an origin"),
        ({"framed_by": ["https://a.example.com; script-src *"]}, "edge.framed_by[0]", "is not an origin"),
        ({"upload_time": "0s"}, "edge.upload_time", "at least 1s"),
        (
            {"framed_by": ["https://a.example.com"], "headers": {"x-frame-options": "DENY"}},
            "edge.headers.x-frame-options",
            "and so does edge.framed_by",
        ),
    ],
)
def test_a_front_door_that_is_not_right_is_refused(edge: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(edge=edge))
    (problem,) = refused.value.problems
    assert problem.path == path
    assert said in f"{problem.reason} {problem.remedy}"


def test_what_a_route_asks_for_is_one_of_the_known_characters() -> None:
    with pytest.raises(ConfigError, match=r"pools\[0\].routes.encoded\[0\]"):
        load_stack(stack(voice(routes={"path": "/voice", "encoded": ["null"]})))


@pytest.mark.parametrize("name", ["X-Frame-Options", "referrer-policy", "Server"])
def test_a_pools_header_that_the_front_door_would_replace_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(voice(headers={name: "mine"})))
    (problem,) = refused.value.problems
    assert problem.path == "pools[0].headers"
    assert name in problem.reason
    assert "Write it under edge.headers" in problem.remedy


def test_what_a_pool_may_not_set_is_what_the_front_door_sets() -> None:
    assert set(answer_headers(plan())) == set(FRONTS_OWN)


def test_a_pools_own_word_on_frames_and_the_edges_do_not_go_together() -> None:
    own = voice(headers={"Content-Security-Policy": "frame-ancestors 'none'"})
    assert load_stack(stack(own))
    with pytest.raises(ConfigError, match=r"pools\[0\].headers.Content-Security-Policy"):
        load_stack(stack(own, edge={"framed_by": ["https://a.example.com"]}))


def test_a_word_on_https_that_the_edges_own_would_replace_is_refused() -> None:
    own = {"strict-transport-security": "max-age=5"}
    without: list[object] = ["off", {"self_signed": {}}, {"self_signed": {}, "hsts": "off"}]
    for tls in without:
        assert load_stack(stack(voice(headers=own), edge={"tls": tls, "headers": own}))
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(voice(headers=own), edge={"tls": {"self_signed": {}, "hsts": "30d"}, "headers": own}))
    places = [f"{at}.headers.strict-transport-security" for at in ("edge", "pools[0]")]
    assert [problem.path for problem in refused.value.problems] == places
    assert {problem.remedy for problem in refused.value.problems} == {"Write edge.tls.hsts"}


def test_every_entry_point_that_clients_reach_is_the_same_front_door() -> None:
    planned = plan(tls={"self_signed": {}}, dashboard={"port": 9000})
    arguments = traefik.static_arguments(planned.edge, "/files")
    of_each = {
        name: {
            argument.removeprefix(f"--entryPoints.{name}.")
            for argument in arguments
            if argument.startswith(f"--entryPoints.{name}.")
        }
        for name in ("web", "websecure", "dashboard")
    }
    same = {
        "http.aliasHeadersStrategy=reject",
        "http.sanitizePath=true",
        "http.encodeQuerySemicolons=true",
        "http.encodedCharacters.allowEncodedNullCharacter=false",
        "http.encodedCharacters.allowEncodedBackSlash=false",
        f"http.maxHeaderBytes={HEADER_BYTES}",
        "http2.maxConcurrentStreams=100",
        f"transport.respondingTimeouts.readTimeout={UPLOAD_TIME}s",
        "transport.respondingTimeouts.writeTimeout=0s",
        "transport.respondingTimeouts.idleTimeout=180s",
    }
    for name, own in of_each.items():
        assert same < own, name
        assert [argument for argument in own if argument.startswith(f"http.middlewares={EVERYBODY}@file")], name
        assert not [argument for argument in own if "forwardedHeaders" in argument], "nobody is believed"
    for router in front_file(planned)["routers"].values():
        assert set(router["entryPoints"]) == set(of_each)


def test_http3_and_the_fast_proxy_stay_off() -> None:
    arguments = " ".join(traefik.static_arguments(plan(tls={"self_signed": {}}).edge, "/files")).casefold()
    assert "http3" not in arguments
    assert "fastproxy" not in arguments
    assert "insecure=true" not in arguments


def test_only_named_proxies_are_believed_by_the_edge_and_by_the_guard() -> None:
    planned = plan(trusted_proxies=["10.1.0.0/16", "192.0.2.7"])
    believed = [
        argument for argument in traefik.static_arguments(planned.edge, "/files") if "forwardedHeaders" in argument
    ]
    assert believed == ["--entryPoints.web.forwardedHeaders.trustedIPs=10.1.0.0/16,192.0.2.7/32"]
    assert planned.guard
    listeners = envoy.files(planned.guard)["listeners.json"]
    assert '"address_prefix": "192.0.2.7",\n' in listeners
    assert '"use_remote_address": true' not in listeners


def test_pages_are_framed_by_their_own_and_by_those_that_are_named() -> None:
    assert answer_headers(plan())["X-Frame-Options"] == "SAMEORIGIN"
    assert "Content-Security-Policy" not in answer_headers(plan())
    framed = answer_headers(plan(framed_by=["https://a.example.com", "https://*.b.example.com:8443"]))
    assert framed["X-Frame-Options"] == "", "it knows no list, and browsers of old would go by it"
    assert (
        framed["Content-Security-Policy"] == "frame-ancestors 'self' https://a.example.com https://*.b.example.com:8443"
    )


def test_what_the_edges_config_says_itself_is_left_to_it() -> None:
    said = answer_headers(plan(headers={"referrer-policy": "no-referrer", "Server": "ours"}))
    assert not {"Referrer-Policy", "Server"} & set(said)
    assert said["X-Content-Type-Options"] == "nosniff"


def test_every_route_refuses_encoded_characters_save_those_that_it_asks_for() -> None:
    asking = voice(routes={"pool": "voice.{domain}", "instance": "voice{n}.{domain}", "encoded": ["slash", "percent"]})
    planned = plan(asking, studio())
    http = yaml.safe_load(traefik.routes_file(planned.routes, planned.edge))["http"]
    assert http["routers"]["studio.path"]["middlewares"][0] == PATHS
    assert not any(front_file(planned)["middlewares"][PATHS]["encodedCharacters"].values())
    for name in ("voice.pool", "voice.1"):
        assert http["routers"][name]["middlewares"][0] == f"{name}-paths"
        asked = http["middlewares"][f"{name}-paths"]["encodedCharacters"]
        assert {key for key, allowed in asked.items() if allowed} == {"allowEncodedSlash", "allowEncodedPercent"}
        assert len(asked) == len(Encoded), "of which backslash and NUL are none"


def test_how_long_an_upload_may_take_holds_for_the_edge_and_the_guard_alike() -> None:
    planned = plan(upload_time="2h")
    assert "--entryPoints.web.transport.respondingTimeouts.readTimeout=7200s" in traefik.static_arguments(
        planned.edge, "/files"
    )
    assert planned.guard
    assert '"request_timeout": "7200s"' in envoy.files(planned.guard)["listeners.json"]


def test_a_change_of_what_is_said_restarts_nothing() -> None:
    one, other = plan(), plan(framed_by=["https://a.example.com"], headers={"Server": "ours"})
    assert traefik.static_arguments(one.edge, "/files") == traefik.static_arguments(other.edge, "/files")
    assert traefik.front_file(one.edge) != traefik.front_file(other.edge)


def test_the_pieces_behind_the_front_door_are_new_enough() -> None:
    assert list(front_checks.version_checks()) == []


@pytest.mark.parametrize(
    ("name", "reference", "reason"),
    [
        ("traefik", "traefik:v3.7.12", "CVE-2026-114656"),
        ("traefik", "traefik:v3.6.99", "CVE-2026-48020"),
        ("traefik", "traefik:latest", "CVE-2026-88011"),
        ("traefik", "traefik:v3", "named by its full version"),
        ("envoy", "envoyproxy/envoy:v1.39.0", "CVE-2026-73548"),
        ("envoy", "envoyproxy/envoy:v1.36.9", "CVE-2026-73551"),
        ("oauth2-proxy", "quay.io/oauth2-proxy/oauth2-proxy:v7.15.1-alpine", "GHSA-7x63-xv5r-3p2x"),
        ("oauth2-proxy", "quay.io/oauth2-proxy/oauth2-proxy:latest-alpine", "named by its full version"),
    ],
)
def test_a_piece_that_is_too_old_is_refused_with_what_is_wrong_with_it(
    name: str, reference: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = versions.table()
    older = {**table, "images": {**table["images"], name: {**table["images"][name], "registry": reference}}}
    monkeypatch.setattr(versions, "table", lambda: older)
    with pytest.raises(ConfigError) as refused:
        load_stack(stack())
    (problem,) = refused.value.problems
    assert problem.path == f"versions.toml: images.{name}.registry"
    assert reason in f"{problem.reason} {problem.remedy}"
