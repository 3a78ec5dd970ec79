"""The components on mocks: what they make, and the names under which they make it."""

import json
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockMonitor

from pulumi_tts.config import ConfigError
from pulumi_tts.docker import EnvoyGuard, SpeechStack, TraefikEdge, TraefikEdgeArgs, TtsPool
from pulumi_tts.docker.instance import patience
from tests.unit.configs import second, stack, studio, voice
from tests.unit.conftest import World, run

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
NETWORK = "docker:index/network:Network"
IMAGE = "docker:index/remoteImage:RemoteImage"


def speech(config: dict[str, Any], **secrets: str) -> dict[str, Any]:
    """Makes a whole stack on mocks; its outputs."""
    outputs: dict[str, Any] = {}

    def program() -> pulumi.Output[None]:
        made = SpeechStack("tts-test", {"config": config, "secrets": dict(secrets), "preflight": False})
        names = ("edge_url", "pools", "dashboard", "discovery", "tls")
        return pulumi.Output.all(*(getattr(made, name) for name in names)).apply(
            lambda all_: outputs.update(zip(names, all_, strict=True))
        )

    run(program)
    return outputs


def test_the_edge_is_told_of_a_guard_that_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes to one that is not there yet would be answered 502."""
    after: dict[str, list[str]] = {}
    register = MockMonitor.RegisterResource

    def noted(monitor: MockMonitor, request: Any) -> Any:
        after[request.name] = list(request.dependencies)
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(MockMonitor, "RegisterResource", noted)
    speech(stack())
    for name in ("tts-test-edge", "tts-test-edge-files-courier"):
        assert any(urn.endswith("::tts-test-guard") for urn in after[name]), name


def test_what_is_on_one_host_depends_on_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives a host up takes everything out of the state that depends on its provider."""
    provider: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    register = MockMonitor.RegisterResource

    def noted(monitor: MockMonitor, request: Any) -> Any:
        answer = register(monitor, request)  # type: ignore[no-untyped-call]
        provider[answer.urn] = request.provider.rpartition("::")[0]
        needs[answer.urn] = {*request.dependencies, provider[answer.urn]}
        return answer

    monkeypatch.setattr(MockMonitor, "RegisterResource", noted)
    weights = {"directory": "/weights", "links": [{"url": "https://example.com/a.bin", "sha256": "0" * 64}]}
    mine = voice(instances=4, image="mine:1", weights=weights, outputs_limit={"age": "1d"})
    speech(stack(mine, hosts=[{"name": "here"}, second()]))
    (lost,) = {urn for urn in provider if urn.endswith("::tts-test-host-b")}
    gone = {lost}
    while further := {urn for urn, wanted in needs.items() if wanted & gone} - gone:
        gone |= further
    assert len(gone) > 10
    assert {urn for urn in gone - {lost} if provider[urn] != lost} == set()


def test_the_program_of_a_stack_that_is_not_there_runs_for_its_destroy(world: World) -> None:
    """As `destroy --run-program` runs it a second time: nothing is created then, and nothing has been drawn."""
    world.computed = {"result": None, "bcryptHash": None, "b64Std": None}
    auth = {"users": [{"name": "anna"}], "api_keys": [{"name": "app"}], "default": "basic"}
    given = {"enabled": True, "password": {"secret": "dashboard"}}
    edge = {"auth": auth, "tls": {"self_signed": {}}, "dashboard": given, "discovery": {"enabled": True}}
    speech(stack(voice(auth="api_keys"), studio(), domain="voice.example", edge=edge), dashboard="a long password")


def test_the_tokens_and_names_stay_what_they_are(world: World) -> None:
    """A changed token or name replaces users' containers: it needs an alias, and a line in the CHANGELOG."""
    speech(stack(voice(instances=1), studio(instances=2)))
    assert sorted((made.typ, made.name) for made in world.made) == [
        (CONTAINER, "tts-test-edge"),
        (CONTAINER, "tts-test-edge-files-courier"),
        (CONTAINER, "tts-test-guard"),
        (CONTAINER, "tts-test-guard-files-courier"),
        (CONTAINER, "tts-test-keeper"),
        (CONTAINER, "tts-test-socket-proxy"),
        (CONTAINER, "tts-test-socket-proxy-files-courier"),
        (CONTAINER, "tts-test-studio-1"),
        (CONTAINER, "tts-test-studio-2"),
        (CONTAINER, "tts-test-voice-1"),
        (NETWORK, "tts-test-edge-public"),
        (NETWORK, "tts-test-network"),
        (NETWORK, "tts-test-socket-proxy-network"),
        (IMAGE, "tts-test-edge-image"),
        (IMAGE, "tts-test-guard-image"),
        (IMAGE, "tts-test-keeper-image"),
        (IMAGE, "tts-test-studio-image"),
        (IMAGE, "tts-test-voice-image"),
        (VOLUME, "tts-test-edge-files"),
        (VOLUME, "tts-test-guard-files"),
        (VOLUME, "tts-test-guard-run"),
        (VOLUME, "tts-test-socket-proxy-files"),
        (VOLUME, "tts-test-studio-1-outputs"),
        (VOLUME, "tts-test-studio-2-outputs"),
        (VOLUME, "tts-test-voice-1-outputs"),
        ("pulumi:providers:docker", "tts-test-host"),
        ("random:index/randomPassword:RandomPassword", "tts-test-edge-dashboard-password"),
        ("random:index/randomPassword:RandomPassword", "tts-test-guard-token"),
        ("tts:index:EnvoyGuard", "tts-test-guard"),
        ("tts:index:SpeechStack", "tts-test"),
        ("tts:index:TraefikEdge", "tts-test-edge"),
        ("tts:index:TtsInstance", "tts-test-studio-1"),
        ("tts:index:TtsInstance", "tts-test-studio-2"),
        ("tts:index:TtsInstance", "tts-test-voice-1"),
        ("tts:index:TtsPool", "tts-test-studio"),
        ("tts:index:TtsPool", "tts-test-voice"),
    ]


def test_the_tokens_of_what_fetches_and_tidies_stay_too(world: World) -> None:
    links = [{"url": "https://example.com/a.bin", "sha256": "0" * 64}]
    mine = voice(
        name="mine",
        instances=1,
        image="mine:1",
        routes={"path": "/mine"},
        weights={"directory": "/weights", "links": links},
        outputs_limit={"age": "1d"},
    )
    speech(stack(mine))
    (volume,) = [name for name in world.inputs(VOLUME) if "weights" in name]
    assert volume == "tts-test-weights-a-bin-9133ea6c", "another name would fetch everything again"
    wanted = ("weights", "tidy", "way-out", "internet")
    made = sorted((made.typ, made.name) for made in world.made if any(each in made.name for each in wanted))
    assert made == [
        (CONTAINER, "tts-test-tidy-local-10001"),
        (CONTAINER, "tts-test-way-out"),
        (CONTAINER, "tts-test-way-out-files-courier"),
        (CONTAINER, f"{volume}-fill"),
        (NETWORK, "tts-test-internet"),
        (NETWORK, "tts-test-way-out"),
        (IMAGE, "tts-test-tidy-local-10001-image"),
        (IMAGE, "tts-test-way-out-image"),
        (IMAGE, "tts-test-weights-image"),
        (VOLUME, "tts-test-way-out-files"),
        (VOLUME, volume),
        ("tts:index:TtsTidy", "tts-test-tidy-local-10001"),
        ("tts:index:TtsWayOut", "tts-test-way-out"),
        ("tts:index:TtsWeights", "tts-test-weights"),
    ]


def test_what_is_made_has_the_name_by_which_the_state_calls_it(world: World) -> None:
    speech(stack())
    for kind in (CONTAINER, VOLUME, NETWORK):
        for name, inputs in world.inputs(kind).items():
            assert inputs["name"] == name


def test_an_instance_is_at_most_three_resources(world: World) -> None:
    speech(stack(voice(instances=10)))
    ten = len(world.made)
    world.made.clear()
    speech(stack(voice(instances=11)))
    assert len(world.made) - ten <= 3, "the size to hold, in DESIGN.md"


def test_no_container_of_ours_has_privileges(world: World) -> None:
    speech(stack())
    for name, inputs in world.inputs(CONTAINER).items():
        assert inputs["capabilities"] == {"drops": ["ALL"]}, name
        assert inputs["securityOpts"] == ["no-new-privileges:true"], name
        assert inputs["memorySwap"] == inputs["memory"] > 0, name
        assert inputs["logOpts"], f"{name} would log until the disk is full"
        assert {label["label"] for label in inputs["labels"]} == {"pulumi-tts.stack", "pulumi-tts.part"}
        if not name.endswith("-courier"):
            assert inputs["readOnly"] is True, name
            # Docker's socket is root's; what it may be asked is a list (docker/socket_proxy.py).
            assert not inputs["user"].startswith("0") or name.endswith("-socket-proxy"), name


def test_the_edge_has_no_more_connections_than_its_memory_bears(world: World) -> None:
    speech(stack())
    assert world.inputs(CONTAINER)["tts-test-edge"]["ulimits"] == [{"name": "nofile", "soft": 4096, "hard": 4096}]


def test_only_the_edge_publishes_ports_and_only_on_its_bind_address(world: World) -> None:
    speech(stack(edge={"port": 9000, "dashboard": {"port": 9001}}))
    published = {name: inputs["ports"] for name, inputs in world.inputs(CONTAINER).items() if inputs.get("ports")}
    assert set(published) == {"tts-test-edge"}
    assert [(port["external"], port["ip"]) for port in published["tts-test-edge"]] == [
        (9000, "127.0.0.1"),
        (9001, "127.0.0.1"),
    ]


def test_instances_are_on_a_network_without_a_way_out(world: World) -> None:
    speech(stack())
    networks = world.inputs(NETWORK)
    assert networks["tts-test-network"]["internal"] is True
    assert [joined["name"] for joined in world.inputs(CONTAINER)["tts-test-voice-1"]["networksAdvanced"]] == [
        "tts-test-network"
    ]


def test_up_waits_for_an_instance_as_long_as_its_engine_may_take_to_load(world: World) -> None:
    health = {"command": ["true"], "path": "/", "interval": "10s", "timeout": "5s", "retries": 2, "startup": "10m"}
    speech(stack(voice(health=health)))
    instance = world.inputs(CONTAINER)["tts-test-voice-1"]
    assert instance["wait"] is True
    assert instance["waitTimeout"] == 600 + 2 * 15
    assert instance["healthcheck"]["startPeriod"] == "10m0s"


def test_the_provider_does_not_give_up_before_a_large_model_is_loaded() -> None:
    assert patience(600) is None
    longer = patience(1860)
    assert longer
    assert longer.create == "1920s"


def test_the_outputs_are_the_same_for_every_stack(world: World) -> None:
    outputs = speech(stack())
    assert outputs["edge_url"] == "http://localhost:8080"
    assert outputs["pools"] == {
        "voice": {
            "url": "http://voice.localhost:8080",
            "instances": ["http://voice1.localhost:8080", "http://voice2.localhost:8080"],
            "login": "open",
            "engine": "voice",
            "hosts": ["local", "local"],
        },
        "studio": {
            "url": "http://localhost:8080/studio",
            "instances": [],
            "login": "open",
            "engine": "studio",
            "hosts": ["local", "local"],
        },
    }
    assert outputs["dashboard"] == {
        "url": "http://dashboard.localhost:8080/dashboard/",
        "user": "admin",
        "password": "generated",
        "keeper": "http://dashboard.localhost:8080/keeper/",
    }


def test_a_password_that_is_given_is_used_and_only_its_hash_reaches_the_edge(world: World) -> None:
    salted = World(computed={"b64Std": "yMnKy8zNzs/Q0dLT1NXW1w=="})
    pulumi.runtime.set_mocks(salted, project="pulumi-tts", stack="test", preview=False)
    config = stack(edge={"dashboard": {"password": {"secret": "dashboardPassword"}}})
    outputs = speech(config, dashboardPassword="correct horse")
    assert outputs["dashboard"]["password"] == "correct horse"
    uploads = str(salted.inputs(CONTAINER)["tts-test-edge-files-courier"]["uploads"])
    assert "admin:$2b$10$" in uploads
    assert "correct horse" not in uploads


def test_a_config_that_is_not_right_makes_nothing(world: World) -> None:
    with pytest.raises(ConfigError):
        speech(stack(voice(instances=0)))
    assert world.made == []


def test_a_pool_and_an_edge_stand_in_a_stack_of_somebody_else(world: World) -> None:
    def program() -> pulumi.Output[str]:
        pool = TtsPool(
            "cosy",
            {
                "network": "net",
                "images": "local",
                "domain": "example.com",
                "pool": {"engine": "voice", "instances": 2, "routes": {"pool": "cosy.{domain}"}},
            },
        )
        mine = {"name": "mine", "host": "mine.example.com", "upstreams": ["http://mine:80"]}
        routes = pool.routes.apply(lambda routes: [*routes, mine])
        return TraefikEdge("edge", {"network": "net", "images": "local", "routes": routes}).url

    run(program)
    containers = world.inputs(CONTAINER)
    assert {"cosy-1", "cosy-2", "edge"} <= set(containers)
    uploads = str(containers["edge-files-courier"]["uploads"])
    assert "Host(`cosy.example.com`)" in uploads
    assert "http://cosy-2:8000" in uploads
    assert "http://mine:80" in uploads


def test_a_guard_stands_between_a_pool_and_an_edge_in_a_stack_of_somebody_else(world: World) -> None:
    def program() -> pulumi.Output[str]:
        routes = {"pool": "cosy.{domain}", "instance": "cosy{n}.{domain}"}
        pool = TtsPool(
            "cosy",
            {"network": "net", "images": "local", "pool": {"engine": "voice", "instances": 2, "routes": routes}},
        )
        guard = EnvoyGuard("guard", {"network": "net", "images": "local", "pools": [pool.guarded]})
        return TraefikEdge(
            "edge", {"network": "net", "images": "local", "routes": guard.routes, "guard_token": guard.token}
        ).url

    world.computed["result"] = "what the two share"
    run(program)
    containers = world.inputs(CONTAINER)
    assert {"cosy-1", "cosy-2", "guard", "guard-keeper", "guard-socket-proxy", "edge"} <= set(containers)
    edge = str(containers["edge-files-courier"]["uploads"])
    assert "http://guard:8080" in edge
    assert "X-Pulumi-Tts-Pool: cosy" in edge
    assert "X-Pulumi-Tts-Edge: what the two share" in edge
    assert "http://cosy-2:8000" in edge, "the route to one instance goes straight there"
    brought = containers["guard-files-courier"]["uploads"]["value"]
    files = {upload["file"]: upload["content"] for upload in brought}
    assert "what the two share" in files["/files/incoming/edge.json"]
    pools = json.loads(files["/files/incoming/pools.json"])["pools"]
    assert [instance["name"] for instance in pools[0]["instances"]] == ["cosy-1", "cosy-2"]
    assert '"cosy"' in files["/files/incoming/clusters.json"]


@pytest.mark.parametrize(
    "asking",
    [{"request_headers": {"X-Pulumi-Tts-Pool": "mine"}}, {"auth": "api_keys"}, {"limits": {"concurrent": 1}}],
)
def test_an_edge_that_no_guard_knows_is_told_so(asking: dict[str, Any], world: World) -> None:
    route = {"name": "mine", "host": "mine.example.com", "upstreams": ["http://guard:8080"], **asking}

    def program() -> pulumi.Output[str]:
        return TraefikEdge("edge", {"network": "net", "images": "local", "routes": [route], "guard": "guard"}).url

    with pytest.raises(ConfigError, match="answers nobody but an edge that shows its token"):
        run(program)


def test_what_envoy_and_the_keeper_share_is_in_memory_and_theirs_alone(world: World) -> None:
    speech(stack())
    options = world.inputs(VOLUME)["tts-test-guard-run"]["driverOpts"]
    assert options["type"] == "tmpfs"
    assert "uid=65532,gid=65532,mode=0700" in options["o"]
    holders = {
        name
        for name, inputs in world.inputs(CONTAINER).items()
        for volume in inputs.get("volumes") or ()
        if volume["volumeName"] == "tts-test-guard-run"
    }
    assert holders == {"tts-test-guard", "tts-test-keeper"}


def test_without_a_guarded_pool_there_is_no_guard(world: World) -> None:
    speech(stack(voice(guard="none"), studio(guard="none")))
    assert {name for name in world.inputs(CONTAINER) if "guard" in name or "keeper" in name} == set()


def test_routes_that_would_take_each_others_place_are_refused(world: World) -> None:
    mine = {"name": "mine", "host": "mine.example.com", "upstreams": ["http://mine:80"]}

    def program() -> pulumi.Output[str]:
        return TraefikEdge("edge", {"network": "net", "images": "local", "routes": [mine, {**mine, "name": "too"}]}).url

    with pytest.raises(ConfigError, match="'too' takes the place of 'mine'"):
        run(program)


def test_a_route_cannot_take_the_dashboards_place(world: World) -> None:
    mine = {"name": "dashboard", "host": "mine.example.com", "upstreams": ["http://mine:80"]}
    args: TraefikEdgeArgs = {"network": "net", "images": "local", "routes": [mine]}
    with pytest.raises(ConfigError, match="'dashboard' takes the place of 'dashboard'"):
        run(lambda: TraefikEdge("edge", args).url)


def test_a_pool_alone_is_checked_like_one_in_a_stack(world: World) -> None:
    pool = {"engine": "voice", "instances": 3, "routes": {"instance": "a.{domain}"}}
    with pytest.raises(ConfigError, match=r"pool\.routes\.instance: .*one host name"):
        TtsPool("cosy", {"network": "net", "pool": pool})
    with pytest.raises(ConfigError, match="images: 'loca' is not one of the choices"):
        TtsPool("cosy", {"network": "net", "images": "loca", "pool": {"engine": "voice", "routes": {"path": "/x"}}})


def test_a_secret_that_was_not_given_is_asked_for(world: World) -> None:
    with pytest.raises(ConfigError, match="is not among the secrets that were given"):
        speech(stack(edge={"dashboard": {"password": {"secret": "dashboardPassword"}}}))


def test_a_pool_of_somebody_else_that_is_not_right_says_where(world: World) -> None:
    with pytest.raises(ConfigError, match=r"pool\.engine: 'voce' is not an engine"):
        TtsPool("cosy", {"network": "net", "pool": {"engine": "voce", "routes": {"path": "/x"}}})
