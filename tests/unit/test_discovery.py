"""Discovery and the proxies before Docker: what is rendered, and what is made. tests/system tries them for real."""

import base64
import json
import re
from typing import Any

import pulumi
import pytest

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.hardening import SETTINGS_LABEL
from pulumi_tts.docker.socket_proxy import SocketProxy
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.ports import Published
from pulumi_tts.plan.socket_proxy import discovery_proxy, keeper_proxy, keeper_proxy_elsewhere, socket_of
from pulumi_tts.render import discovery, socket_proxy, traefik
from pulumi_tts.render.traefik_auth import NO_USER
from tests.unit.configs import stack
from tests.unit.conftest import World, run
from tests.unit.test_components import CONTAINER, NETWORK, VOLUME, speech

ON = {"discovery": {"enabled": True}}


def plan(**edge: Any) -> StackPlan:
    return plan_stack(load_stack(stack(edge=edge)), "tts-test", local_images=True)


def paths(routes: str) -> list[re.Pattern[str]]:
    """The patterns of a list of what may be asked."""
    (virtual_host,) = json.loads(routes)["resources"][0]["virtual_hosts"]
    return [
        re.compile(header["string_match"]["safe_regex"]["regex"])
        for route in virtual_host["routes"]
        for header in route["match"].get("headers", ())
        if header["name"] == ":path"
    ]


def allowed(routes: str, path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in paths(routes))


def test_it_is_off_unless_it_is_asked_for_and_then_nothing_is_made(world: World) -> None:
    outputs = speech(stack())
    assert outputs["discovery"] == {}
    assert not [made.name for made in world.made if "discovery" in made.name or "admitted" in made.name]


def test_what_is_made_keeps_its_names(world: World) -> None:
    speech(stack())
    before = {(made.typ, made.name) for made in world.made}
    world.made.clear()
    outputs = speech(stack(edge=ON))
    assert sorted({(made.typ, made.name) for made in world.made} - before) == [
        (CONTAINER, "tts-test-edge-discovery"),
        (CONTAINER, "tts-test-edge-discovery-files-courier"),
        (CONTAINER, "tts-test-edge-discovery-socket-proxy"),
        (CONTAINER, "tts-test-edge-discovery-socket-proxy-files-courier"),
        (NETWORK, "tts-test-edge-admitted"),
        (NETWORK, "tts-test-edge-discovery"),
        (NETWORK, "tts-test-edge-discovery-socket-proxy-network"),
        ("docker:index/remoteImage:RemoteImage", "tts-test-edge-discovery-socket-proxy-image"),
        (VOLUME, "tts-test-edge-discovery-files"),
        (VOLUME, "tts-test-edge-discovery-socket-proxy-files"),
        ("random:index/randomPassword:RandomPassword", "tts-test-edge-discovery-password"),
    ]
    assert outputs["discovery"] == {
        "network": "tts-test-edge-admitted",
        "labels": {"traefik.enable": "true", "pulumi-tts.admit": "tts-test"},
    }


def test_only_the_proxy_has_dockers_socket_and_only_its_client_is_on_its_network(world: World) -> None:
    speech(stack(edge=ON))
    containers = world.inputs(CONTAINER)
    with_socket = [name for name, inputs in containers.items() if "docker.sock" in str(inputs.get("mounts"))]
    assert sorted(with_socket) == ["tts-test-edge-discovery-socket-proxy", "tts-test-socket-proxy"]
    proxy = containers["tts-test-edge-discovery-socket-proxy"]
    assert proxy["capabilities"] == {"drops": ["ALL"]}
    assert proxy["readOnly"] is True
    assert not proxy.get("ports")
    (network,) = (joined["name"] for joined in proxy["networksAdvanced"])
    assert world.inputs(NETWORK)[network]["internal"] is True
    joined = {name for name, inputs in containers.items() if network in str(inputs.get("networksAdvanced"))}
    assert joined == {"tts-test-edge-discovery-socket-proxy", "tts-test-edge-discovery"}


def test_the_edge_and_the_admitted_have_no_network_in_common(world: World) -> None:
    speech(stack(edge=ON))
    networks = {
        name: {joined["name"] for joined in inputs.get("networksAdvanced") or ()}
        for name, inputs in world.inputs(CONTAINER).items()
    }
    assert "tts-test-edge-admitted" not in networks["tts-test-edge"]
    assert "tts-test-network" not in networks["tts-test-edge-discovery"]
    with_admitted = [name for name, joined in networks.items() if "tts-test-edge-admitted" in joined]
    assert with_admitted == ["tts-test-edge-discovery"]


def test_the_edges_own_command_line_stays_as_it_is() -> None:
    assert traefik.static_arguments(plan().edge, "/files") == traefik.static_arguments(plan(**ON).edge, "/files")


def test_the_way_to_others_comes_after_all_of_ours() -> None:
    edge = plan(**ON, headers={"X-Served-By": "us"}, dashboard={"port": 9000}).edge
    assert edge.discovery
    http = json.loads(discovery.discovery_file(edge.discovery, edge))["http"]
    (router,) = http["routers"].values()
    assert router["priority"] == 1, "below any rule's length, which Traefik takes by itself"
    assert "!Host(`dashboard.localhost`)" in router["rule"]
    assert set(router["middlewares"]) == {NO_USER, *http["middlewares"]}
    assert http["middlewares"][router["service"]]["headers"]["customResponseHeaders"] == {"X-Served-By": "us"}


def test_paths_of_others_may_hold_encoded_what_the_config_says_and_nothing_else() -> None:
    edge = plan(discovery={"enabled": True, "encoded": ["slash"]}).edge
    assert edge.discovery
    (refusing,) = [
        middleware["encodedCharacters"]
        for middleware in json.loads(discovery.discovery_file(edge.discovery, edge))["http"]["middlewares"].values()
        if "encodedCharacters" in middleware
    ]
    assert [name for name, allowed in refusing.items() if allowed] == ["allowEncodedSlash"]


def test_the_dashboards_name_on_the_edges_port_is_its_own_route() -> None:
    edge = plan(**ON).edge
    assert edge.discovery
    assert "Host(" not in discovery.discovery_file(edge.discovery, edge)


def test_labels_are_read_by_a_traefik_that_has_nothing_else() -> None:
    edge = plan(**ON).edge
    assert edge.discovery
    settings = json.loads(discovery.settings_file(edge.discovery, "tts-test", "http://proxy:2375", 30, "secret"))
    assert "api" not in settings
    assert set(settings["providers"]) == {"docker"}
    docker = settings["providers"]["docker"]
    assert (docker["endpoint"], docker["exposedByDefault"]) == ("tcp://proxy:2375", "false")
    assert docker["constraints"] == "Label(`pulumi-tts.admit`, `tts-test`)"
    assert (docker["username"], docker["password"]) == ("discovery", "secret")
    assert settings["ping"] == {"entryPoint": "ping"}


def test_dockers_proxy_answers_only_the_traefik_that_reads_labels(world: World) -> None:
    """It stands where a label can send anybody's request to."""
    speech(stack(edge=ON))
    containers = world.inputs(CONTAINER)
    uploads = containers["tts-test-edge-discovery-socket-proxy-files-courier"]["uploads"]["value"]
    (routes,) = (upload["content"] for upload in uploads)
    reading = containers["tts-test-edge-discovery"]
    assert reading["command"] == ["--configFile=/files/current/traefik.yml"], "of two sources Traefik reads one"
    assert not reading.get("envs")
    uploads = containers["tts-test-edge-discovery-files-courier"]["uploads"]["value"]
    (settings,) = (upload["content"] for upload in uploads)
    assert json.loads(settings)["providers"]["docker"]["password"] == "generated"
    sent = "Basic " + base64.b64encode(b"discovery:generated").decode()
    (virtual_host,) = json.loads(routes)["resources"][0]["virtual_hosts"]
    *asked, last = virtual_host["routes"]
    for route in asked:
        wanted = {header["name"]: header["string_match"] for header in route["match"]["headers"]}
        assert wanted["authorization"] == {"exact": sent}
    assert last["direct_response"]["status"] == 401


def test_other_settings_are_another_container_and_its_label_does_not_tell_them(world: World) -> None:
    digests = []
    for domain in ("localhost", "example.com", "localhost"):
        world.made.clear()
        speech(stack(edge=ON, domain=domain))
        labels = world.inputs(CONTAINER)["tts-test-edge-discovery"]["labels"]
        (digest,) = (label["value"] for label in labels if label["label"] == SETTINGS_LABEL)
        digests.append(digest)
    assert digests[0] == digests[2] != digests[1]


def test_a_discovery_proxy_without_a_token_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="can be named by a label, and would let anybody in"):
        SocketProxy(
            discovery_proxy("tts-dev", "tts-dev-edge-discovery", "unix:///x"),
            stack="tts-dev",
            image="envoy",
            at=Endpoint("unix:///x"),
            parent=pulumi.ComponentResource("t:i:P", "q"),
        )


def test_a_name_that_no_host_name_can_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"edge\.discovery: .* is longer than the 63 characters"):
        plan_stack(load_stack(stack(edge=ON)), "tts-" + "s" * 32, local_images=True)


# ---- the proxies


def test_the_keeper_may_ask_for_the_instances_of_its_pools_only() -> None:
    routes = socket_proxy.routes_file(keeper_proxy("tts-dev", ["tts-dev-voice", "tts-dev-a.b"], "unix:///x"))
    assert allowed(routes, "/containers/tts-dev-voice-1/restart")
    assert allowed(routes, "/v1.41/containers/tts-dev-voice-512/json")
    for name in (
        "tts-dev-voice",
        "tts-dev-voice-0",
        "tts-dev-voice-1-1",
        "tts-dev-edge",
        "tts-dev-axb-1",
        "x-tts-dev-voice-1",
    ):
        assert not allowed(routes, f"/containers/{name}/json"), name


def test_a_stack_without_pools_has_no_name_to_ask_for() -> None:
    routes = socket_proxy.routes_file(keeper_proxy("tts-dev", [], "unix:///x"))
    assert allowed(routes, "/containers/json")
    assert not allowed(routes, "/containers//json")
    assert not allowed(routes, "/containers/-1/json")


def test_the_last_route_refuses() -> None:
    for token in (None, "secret"):
        routes = socket_proxy.routes_file(keeper_proxy("tts-dev", ["tts-dev-voice"], "unix:///x"), token)
        (virtual_host,) = json.loads(routes)["resources"][0]["virtual_hosts"]
        last = virtual_host["routes"][-1]
        assert last["match"] == {"prefix": "/"}
        assert last["direct_response"]["status"] == (401 if token else 403)
        for route in virtual_host["routes"][:-1]:
            asked = [header["name"] for header in route["match"].get("headers", ())]
            assert ("authorization" in asked) is bool(token), "each by itself, so that none is forgotten"


def test_the_token_is_in_no_command_line() -> None:
    plan = keeper_proxy("tts-dev", ["tts-dev-voice"], "unix:///x")
    assert "secret" not in socket_proxy.bootstrap(plan, "/files/current")
    assert "Bearer secret" in socket_proxy.routes_file(plan, "secret")


def test_another_pool_changes_files_only() -> None:
    one, two = (keeper_proxy("tts-dev", pools, "unix:///x") for pools in (["a"], ["a", "b"]))
    assert socket_proxy.bootstrap(one, "/files") == socket_proxy.bootstrap(two, "/files")
    assert socket_proxy.routes_file(one) != socket_proxy.routes_file(two)


def test_the_socket_is_where_the_endpoint_says() -> None:
    assert socket_of("unix:///run/user/1000/docker.sock") == "/run/user/1000/docker.sock"
    assert socket_of("ssh://ops@gpu-1") == socket_of("tcp://gpu-1:2376") == "/var/run/docker.sock"


PUBLISHED = keeper_proxy_elsewhere(
    "tts-dev", ["tts-dev-voice"], "ssh://gpu-1", "gpu-1", Published("10.0.0.5", 20999, "http://gpu-1.internal:20999")
)


def test_a_proxy_for_another_machine_has_an_address_there_and_a_token(world: World) -> None:
    def program() -> pulumi.Output[str]:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        proxy = SocketProxy(
            PUBLISHED, stack="tts-dev", image="envoy", at=Endpoint("ssh://gpu-1"), parent=parent, token="secret"
        )
        assert proxy.url == "http://gpu-1.internal:20999"
        return proxy.network

    run(program)
    proxy = world.inputs(CONTAINER)["tts-dev-socket-proxy-gpu-1"]
    assert proxy["ports"] == [{"internal": 2375, "external": 20999, "ip": "10.0.0.5"}]
    assert "secret" not in str(proxy), "inspect would show it"


def test_a_proxy_that_anybody_could_reach_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="is published, and would let anybody in"):
        SocketProxy(
            PUBLISHED,
            stack="tts-dev",
            image="envoy",
            at=Endpoint("ssh://gpu-1"),
            parent=pulumi.ComponentResource("t:i:P", "p"),
        )
