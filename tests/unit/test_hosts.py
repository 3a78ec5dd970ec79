"""Several hosts: ports that stay, a host that does not answer, and what is made on each, all without Docker."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from pulumi_tts import command
from pulumi_tts.config import ConfigError, Problem, load_stack, versions
from pulumi_tts.docker import SpeechStack
from pulumi_tts.docker import stack as making
from pulumi_tts.docker import survey as looking
from pulumi_tts.docker.elsewhere import _left_as_it_is
from pulumi_tts.docker.failure import refuse
from pulumi_tts.docker.preflight import _taken_proxy_ports, check_hosts
from pulumi_tts.docker.survey import Reached, Remembered, missing, reach, remembered, survey
from pulumi_tts.plan import Place, StackPlan, Survey, plan_stack
from pulumi_tts.plan import images as imaging
from pulumi_tts.plan.images import Image
from pulumi_tts.render.placement import placement_table
from tests.unit.configs import many, second, stack, voice
from tests.unit.conftest import World, run
from tests.unit.test_gpus import file_of
from tests.unit.test_oidc import asking

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
NETWORK = "docker:index/network:Network"
IMAGE = "docker:index/remoteImage:RemoteImage"
PROVIDER = "pulumi:providers:docker"

HERE = {"name": "a"}


def planned(*pools: Any, survey: Survey | None = None, **changes: Any) -> StackPlan:
    config = stack(*pools, **({"hosts": [HERE, second()]} | changes))
    return plan_stack(load_stack(config), "tts-test", local_images=True, survey=survey)


def found(plan: StackPlan, *, silent: str | None = None, taken: dict[str, frozenset[int]] | None = None) -> Survey:
    """What a look at the hosts finds when a plan has become true."""
    instances = [instance for pool in plan.pools for instance in pool.instances]
    return Survey(
        running={instance.name: Place(instance.host, instance.gpus) for instance in instances},
        ports={instance.name: instance.published.port for instance in instances if instance.published},
        taken=taken or {},
        silent=frozenset({silent} if silent else ()),
    )


def where(plan: StackPlan) -> dict[str, str]:
    """By instance: its host, or the port of it that it has there."""
    return {
        instance.name.removeprefix("tts-test-"): instance.upstream.removeprefix("http://tts-test-")
        for pool in plan.pools
        for instance in pool.instances
    }


# ---- ports


def test_instances_elsewhere_are_reached_at_their_hosts_address() -> None:
    assert where(planned(voice(instances=4))) == {
        "voice-1": "voice-1:8000",
        "voice-2": "http://10.0.0.7:20000",
        "voice-3": "voice-3:8000",
        "voice-4": "http://10.0.0.7:20001",
    }


def test_a_name_is_what_the_edge_asks_for_and_an_address_what_ports_are_published_on() -> None:
    host = second(address="b.internal", bind="10.0.0.7", ports="30000-30009")
    instance = planned(hosts=[HERE, host]).pools[0].instances[1]
    assert instance.upstream == "http://b.internal:30000"
    assert instance.published
    assert instance.published.ip == "10.0.0.7"


def test_an_instance_keeps_its_port_whoever_comes_or_goes() -> None:
    first = planned(voice(instances=4))
    fewer = planned(voice(name="new", instances=2, routes={"path": "/n"}), voice(instances=4), survey=found(first))
    assert where(fewer).items() >= where(first).items()
    assert where(fewer)["new-2"] == "http://10.0.0.7:20002"


def test_a_port_is_not_given_away_in_the_same_up_in_which_its_instance_goes() -> None:
    survey = found(planned(voice(instances=2)))
    plan = planned(voice(name="other", instances=2), survey=survey)
    assert where(plan)["other-2"] == "http://10.0.0.7:20001", "what goes, goes when the others have come"


def test_a_port_that_somebody_else_has_is_not_taken() -> None:
    plan = planned(voice(instances=4), survey=Survey(taken={"b": frozenset({20000})}))
    assert where(plan)["voice-2"] == "http://10.0.0.7:20001"


def test_a_port_outside_the_range_is_given_up() -> None:
    survey = found(planned(voice(instances=2)))
    plan = planned(voice(instances=2), hosts=[HERE, second(ports="30000-30009")], survey=survey)
    assert where(plan)["voice-2"] == "http://10.0.0.7:30000"


def test_too_few_ports_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"hosts\[1\]\.ports: '20000-20001' has too few .* larger by 3"):
        planned(voice(instances=8), hosts=[HERE, second(ports="20000-20001")])


# ---- hosts that do not answer, or are gone


def test_nothing_moves_because_a_host_does_not_answer() -> None:
    first = planned(voice(instances=4))
    assert planned(voice(instances=4), survey=found(first, silent="b")).pools == first.pools


def test_what_is_new_goes_where_somebody_answers() -> None:
    survey = found(planned(voice(instances=4)), silent="b")
    plan = planned(voice(instances=8), survey=survey)
    assert [place.host for place in plan.placement.of("voice")] == ["a", "b", "a", "b", "a", "a", "a", "a"]


def test_an_instance_stays_on_a_silent_host_whatever_its_pin_says_now() -> None:
    survey = found(planned(voice(instances=2)), silent="b")
    plan = planned(voice(instances=2, pins=[{"instance": 2, "host": "a"}]), survey=survey)
    assert plan.placement.places["voice", 2] == Place("b")


def test_a_pin_of_something_new_to_a_silent_host_is_refused() -> None:
    survey = found(planned(voice(instances=2)), silent="b")
    with pytest.raises(ConfigError, match=r"pools\[0\]\.pins\[0\]\.host: 'b' does not answer now"):
        planned(voice(instances=3, pins=[{"instance": 3, "host": "b"}]), survey=survey)


def test_cards_of_a_silent_host_are_not_offered_when_something_does_not_fit() -> None:
    cards = [{"id": 0, "vram": "24g"}]
    hosts = [{**HERE, "gpus": cards}, second(gpus=cards)]
    survey = found(planned(voice(vram="20g"), hosts=hosts), silent="b")
    with pytest.raises(ConfigError, match=r"a/0: 3g \(b not counted, which does not answer\)"):
        planned(voice(vram="20g", instances=3), hosts=hosts, survey=survey)


def test_what_is_edited_of_a_silent_host_changes_nothing_there() -> None:
    cards = [{"id": 0, "vram": "24g"}, {"id": 1, "vram": "24g"}]
    first = planned(voice(vram="20g", instances=2), hosts=[HERE, second(gpus=cards)])
    edited = second(gpus=cards[:1], ports="30000-30009")
    plan = planned(voice(vram="20g", instances=2), hosts=[HERE, edited], survey=found(first, silent="b"))
    assert where(plan) == where(first) == {"voice-1": "http://10.0.0.7:20000", "voice-2": "http://10.0.0.7:20001"}
    assert [line.split() for line in placement_table(plan.placement).splitlines()[1:]] == [
        ["voice-1", "b", "0", "20g", "3g"],
        ["voice-2", "b", "1", "20g", "-"],
    ]


def test_without_a_host_its_instances_move_and_it_is_said_where_their_outputs_are() -> None:
    survey = found(planned(voice(instances=4)))
    plan = planned(voice(instances=4), hosts=[HERE], survey=survey)
    assert {place.host for place in plan.placement.of("voice")} == {"a"}
    assert [(left.instance, left.left, left.goes_to) for left in plan.left_behind] == [
        ("tts-test-voice-2", "b", "a"),
        ("tts-test-voice-4", "b", "a"),
    ]


def test_a_host_whose_instances_fit_nowhere_else_is_not_removed() -> None:
    cards = [{"id": 0, "vram": "24g"}]
    hosts = [{**HERE, "gpus": cards}, second(gpus=cards)]
    survey = found(planned(voice(vram="20g"), hosts=hosts))
    with pytest.raises(ConfigError, match="The smallest changes that fit: instances: 1"):
        planned(voice(vram="20g"), hosts=hosts[:1], survey=survey)


# ---- a look at the hosts


class FakeDocker:
    """A Docker engine that lists what it is told to."""

    def __init__(
        self, *containers: dict[str, Any], memory: str | None = "{}", engine: str = "e", images: Sequence[str] = ()
    ) -> None:
        self.api = self
        self.images = SimpleNamespace(list=lambda name: [name] if name in images else [])
        self._containers, self._memory, self._engine = list(containers), memory, engine

    def containers(self, *, filters: Any = None, **_: Any) -> list[dict[str, Any]]:
        wanted = dict(label.split("=") for label in (filters or {}).get("label", ()))
        return [each for each in self._containers if each["Labels"].items() >= wanted.items()]

    def volumes(self, filters: dict[str, str]) -> dict[str, Any]:
        assert filters == {"name": "^tts-test-places$"}
        return {"Volumes": [{"Labels": {"pulumi-tts.places": self._memory}}] if self._memory else None}

    def info(self) -> dict[str, str]:
        return {"ID": "cloned", "Name": self._engine, "DockerRootDir": "/var/lib/docker"}


def container(name: str, *, stack: str = "tts-test", port: int | None = None) -> dict[str, Any]:
    labels = {"pulumi-tts.stack": stack, "pulumi-tts.part": "instance"}
    return {
        "Names": [f"/{name}"],
        "Labels": labels | ({"pulumi-tts.port": str(port)} if port else {}),
        "Ports": [{"PublicPort": port}] if port else [],
    }


REMEMBERED = '{"b":{"tts-test-voice-2":[20000,[]]}}'
TWO = load_stack(stack(voice(), hosts=[HERE, second()]))
REFUSED = Problem("hosts[1].docker", "'ssh://b'", "does not answer", "Start it")


def test_where_instances_are_is_seen_and_else_remembered() -> None:
    here = FakeDocker(container("tts-test-voice-1"), container("other", stack="x", port=20001), memory=REMEMBERED)
    there = FakeDocker(container("tts-test-voice-2", port=20003), container("x", stack="x", port=20002), engine="f")
    assert survey(TWO, "tts-test", Reached({"a": here, "b": there}, {})) == Survey(
        running={"tts-test-voice-1": Place("a"), "tts-test-voice-2": Place("b")},
        ports={"tts-test-voice-2": 20003},
        taken={"a": frozenset({20001}), "b": frozenset({20002})},
    )
    assert survey(TWO, "tts-test", Reached({"a": here}, {"b": REFUSED})) == Survey(
        running={"tts-test-voice-1": Place("a"), "tts-test-voice-2": Place("b")},
        ports={"tts-test-voice-2": 20000},
        taken={"a": frozenset({20001})},
        silent=frozenset({"b"}),
    )


def test_of_two_containers_of_one_name_the_remembered_one_is_the_instance_and_the_other_is_refused() -> None:
    here = FakeDocker(container("tts-test-voice-1"), container("tts-test-voice-2"), memory=REMEMBERED)
    there = FakeDocker(container("tts-test-voice-2", port=20000), engine="f")
    reached = Reached({"a": here, "b": there}, {})
    found_now = survey(TWO, "tts-test", reached)
    assert found_now.running["tts-test-voice-2"] == Place("b")
    plan = plan_stack(TWO, "tts-test", local_images=True, survey=found_now)
    with pytest.raises(ConfigError, match=r"'tts-test-voice-2' runs on 'b', and another .* is left on the host 'a'"):
        check_hosts(TWO, plan, reached, found_now, local_images=False)


def test_a_host_that_does_not_answer_is_borne_only_if_something_is_known_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for memory, refused in ((REMEMBERED, False), ("{}", True)):
        answers = {"a": FakeDocker(memory=memory), "b": REFUSED}
        monkeypatch.setattr(looking, "_reach", lambda _at, host, answers=answers: answers[host.name])
        if refused:
            with pytest.raises(ConfigError, match=r"hosts\[1\]\.docker: 'ssh://b' does not answer"):
                reach(TWO, "tts-test")
        else:
            assert reach(TWO, "tts-test").silent == {"b": REFUSED}


@pytest.mark.parametrize(("machine", "refused"), [("e", True), ("f", False)])
def test_one_machine_under_two_names_is_refused_and_cloned_machines_are_not(machine: str, refused: bool) -> None:
    reached = Reached({"a": FakeDocker(engine="e"), "b": FakeDocker(engine=machine)}, {})
    problems: tuple[Problem, ...] = ()
    try:
        check_hosts(TWO, planned(voice()), reached, Survey(), local_images=False)
    except ConfigError as error:
        problems = error.problems
    same = [problem for problem in problems if "is the same Docker engine as that of the host 'a'" in problem.reason]
    assert bool(same) == refused


@pytest.mark.parametrize(
    ("changes", "said", "program"),
    [
        ({"observability": {"tracing": {}}}, "observability.tracing: (given) needs Jaeger", "jaeger"),
        (asking(), "edge.auth.oidc: (given) needs oauth2-proxy", "oauth2-proxy"),
    ],
)
def test_a_program_that_is_built_on_request_is_asked_for_before_anything_is_touched(
    changes: dict[str, Any], said: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A checkout may have it; this one starts without.
    monkeypatch.setattr(imaging, "contexts", lambda: tmp_path)
    written = load_stack(stack() | changes)

    def refused(*, built: bool = False, local: bool = True) -> list[str]:
        plan = plan_stack(written, "tts-test", local_images=local)
        there = [image.reference for image in program_images(plan)] if built else []
        docker = FakeDocker(images=[versions.images().local_base, *there])
        reached = Reached({plan.edge_host.name: docker}, {})
        try:
            check_hosts(written, plan, reached, Survey(), local_images=local)
        except ConfigError as error:
            return [str(problem) for problem in error.problems if "edge.port" not in problem.path]
        return []

    (problem,) = refused()
    remedy = f"Run: make images ALSO={program}"
    assert problem == f"{said}, which is not built yet, and images are local here. {remedy}"
    assert refused(local=False) == [], "a registry has it"
    assert refused(built=True) == [], "the host has its image, wherever the program is now"
    collected = tmp_path / "images" / program / "collected" / program
    collected.parent.mkdir(parents=True)
    collected.touch()
    assert refused() == [], "Docker can build its image"


def program_images(plan: StackPlan) -> list[Image]:
    """Those of the programs that are built on request."""
    jaeger, oidc = plan.jaeger, plan.edge.auth.oidc
    return [*([jaeger.image] if jaeger else []), *([oidc.image] if oidc else [])]


def checked(here: FakeDocker, there: FakeDocker) -> list[str]:
    """The problems that these hosts make."""
    reached = Reached({"a": here, "b": there}, {})
    found_now = survey(TWO, "tts-test", reached)
    plan = plan_stack(TWO, "tts-test", local_images=True, survey=found_now)
    try:
        check_hosts(TWO, plan, reached, found_now, local_images=False)
    except ConfigError as error:
        return [str(problem) for problem in error.problems if "edge.port" not in problem.path]
    return []


def test_a_host_that_was_given_up_and_is_back_is_cleared_by_hand() -> None:
    left = FakeDocker(container("tts-test-voice-7"), container("theirs", stack="x"), engine="f")
    (problem,) = checked(FakeDocker(), left)
    assert problem.startswith("hosts[1]: 'b' has containers of this stack that it knows nothing of (tts-test-voice-7)")
    assert problem.endswith(
        "docker --host ssh://b rm --force "
        "$(docker --host ssh://b ps --all --quiet --filter label=pulumi-tts.stack=tts-test)"
    )


@pytest.mark.parametrize(
    ("memory", "there"),
    [
        ("{}", [container("theirs", stack="x")]),
        ('{"b":{}}', [container("tts-test-voice-7")]),
        ('{"old":{"tts-test-voice-2":[20000,[]]}}', [container("tts-test-voice-2", port=20000)]),
        (None, [container("tts-test-voice-7")]),
    ],
    ids=["new", "remembered", "renamed", "destroyed half-way"],
)
def test_a_host_that_is_new_or_known_or_renamed_is_not(memory: str | None, there: list[dict[str, Any]]) -> None:
    assert checked(FakeDocker(memory=memory), FakeDocker(*there, engine="f")) == []


def test_an_instance_that_was_removed_by_hand_is_named() -> None:
    there = FakeDocker(engine="f")
    reached = Reached({"a": FakeDocker(memory=REMEMBERED), "b": there}, {})
    assert missing(TWO, "tts-test", reached, survey(TWO, "tts-test", reached)) == {"tts-test-voice-2": "b"}
    away = Reached({"a": FakeDocker(memory=REMEMBERED)}, {"b": REFUSED})
    assert missing(TWO, "tts-test", away, survey(TWO, "tts-test", away)) == {}


# ---- a deployment that fails in the end


def test_a_stack_with_a_silent_host_fails_when_everything_else_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_stack(stack(voice(outputs_limit={"age": "1d"}), hosts=[HERE, second()]))
    plan = plan_stack(config, "tts-test", local_images=True)
    silent = plan_stack(config, "tts-test", local_images=True, survey=found(plan, silent="b"))
    reached = Reached({"a": FakeDocker(memory=REMEMBERED)}, {"b": REFUSED})
    monkeypatch.setattr(making, "_planned", lambda *_: (silent, reached))
    args: Any = {"config": {}}
    run(lambda: SpeechStack("tts-test", args).edge_url)
    assert world.made[-1].name == "tts-test-silent", "after the last one"
    assert {"tts-test-tidy-a-10001", "tts-test-voice-1", "tts-test-guard", "tts-test-edge"} <= {
        made.name for made in world.made
    }
    inputs = world.made[-1].inputs
    with pytest.raises(pulumi.RunError, match=r"hosts\[1\]\.docker: 'ssh://b' does not answer.*state delete"):
        refuse(SimpleNamespace(new_inputs=inputs))


# ---- what is made


def speech(config: dict[str, Any]) -> dict[str, Any]:
    """Makes a whole stack on mocks; its pools' outputs."""
    outputs: dict[str, Any] = {}
    args: Any = {"config": config, "preflight": False}
    run(lambda: SpeechStack("tts-test", args).pools.apply(outputs.update))
    return outputs


OWN = ("tts-test-own-1", "tts-test-own-2")


def two() -> dict[str, Any]:
    ollama = {"name": "own", "instances": 2, "routes": {"path": "/own"}, "engine": "voice", "fetches_from": ["*.hf.co"]}
    return stack(voice(instances=4, models="/models"), ollama, hosts=[HERE, second()])


def test_each_host_has_a_provider_and_what_its_instances_share(world: World) -> None:
    assert speech(two())["voice"]["hosts"] == ["a", "b", "a", "b"]
    on: dict[str, set[str]] = {}
    for made in world.made:
        if made.provider and made.typ.startswith("docker:"):
            on.setdefault(made.provider.split("::")[-2], set()).add(made.name)
    assert on["tts-test-host-b"] == {
        "tts-test-network-b",
        "tts-test-internet-b",
        "tts-test-own-2",
        "tts-test-own-2-outputs",
        "tts-test-own-image-b",
        "tts-test-own-way-out-b",
        "tts-test-own-way-out-b-files",
        "tts-test-own-way-out-b-files-courier",
        "tts-test-own-way-out-b-image",
        "tts-test-socket-proxy-b",
        "tts-test-socket-proxy-b-files",
        "tts-test-socket-proxy-b-files-courier",
        "tts-test-socket-proxy-b-image",
        "tts-test-socket-proxy-b-network",
        "tts-test-voice-2",
        "tts-test-voice-2-outputs",
        "tts-test-voice-4",
        "tts-test-voice-4-outputs",
        "tts-test-voice-image-b",
        "tts-test-voice-models-b",
    }
    assert on["tts-test-host"] >= {"tts-test-edge", "tts-test-network", "tts-test-places", "tts-test-voice-1"}


def test_ports_elsewhere_are_on_the_private_address_only(world: World) -> None:
    speech(two())
    published = {name: inputs["ports"] for name, inputs in world.inputs(CONTAINER).items() if inputs.get("ports")}
    assert {name: [(port["ip"], port["external"]) for port in ports] for name, ports in published.items()} == {
        "tts-test-edge": [("127.0.0.1", 8080)],
        "tts-test-voice-2": [("10.0.0.7", 20000)],
        "tts-test-voice-4": [("10.0.0.7", 20001)],
        "tts-test-own-2": [("10.0.0.7", 20002)],
        "tts-test-socket-proxy-b": [("10.0.0.7", 20999)],
    }


def test_instances_elsewhere_have_no_way_out_but_by_the_proxy_of_an_engine_that_fetches(world: World) -> None:
    speech(two())
    containers, networks = world.inputs(CONTAINER), world.inputs(NETWORK)
    joined = {
        name: [each["name"] for each in inputs.get("networksAdvanced", ())] for name, inputs in containers.items()
    }
    assert joined["tts-test-voice-2"] == ["tts-test-network-b"]
    assert joined["tts-test-own-2"] == ["tts-test-network-b", "tts-test-own-way-out-b"]
    assert joined["tts-test-own-way-out-b"] == ["tts-test-own-way-out-b", "tts-test-internet-b"]
    assert networks["tts-test-network-b"]["options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert networks["tts-test-own-way-out-b"]["internal"] is True
    assert networks["tts-test-internet-b"]["options"] == {"com.docker.network.bridge.enable_icc": "false"}
    assert containers["tts-test-voice-2"]["dns"] == containers["tts-test-own-2"]["dns"] == ["127.0.0.1"]


def test_who_may_fetch_from_anywhere_is_on_the_network_with_a_way_out_and_asks_any_name(world: World) -> None:
    config = two()
    config["pools"][1]["fetches_from"] = "any"
    speech(config)
    containers = world.inputs(CONTAINER)
    joined = {name: [each["name"] for each in containers[name]["networksAdvanced"]] for name in OWN}
    assert joined == {"tts-test-own-1": ["tts-test-network", "tts-test-internet"], OWN[1]: ["tts-test-internet-b"]}
    assert all("dns" not in containers[name] for name in OWN)
    assert not [name for name in containers if "way-out" in name]


def uploads(world: World, courier: str, secret: bool = False) -> dict[str, str]:
    """The files that a courier brings, by their names; those that are kept secret in the state may be `secret` only."""
    found = world.inputs(CONTAINER)[f"{courier}-courier"]["uploads"]
    if secret:
        assert found.pop(_special_sig_key) == _special_secret_sig
        found = found["value"]
    return {upload["file"].removeprefix("/files/incoming/"): upload["content"] for upload in found}


def test_the_keeper_reaches_every_host_that_has_guarded_instances(world: World) -> None:
    named = second(name="c", docker="ssh://c", address="c.internal", bind="10.0.0.8", ports="30000-30009")
    unguarded = voice(name="un", guard="none", heal="none", routes={"path": "/un"}, pins=[{"instance": 1, "host": "d"}])
    unguarded |= {"instances": 1}
    guarded = voice(instances=3, pins=[{"instance": at, "host": host} for at, host in enumerate("abc", start=1)])
    fourth = second(name="d", docker="ssh://d", address="10.0.0.9")
    speech(stack(guarded, unguarded, hosts=[HERE, second(), named, fourth]))
    told = json.loads(uploads(world, "tts-test-guard-files", secret=True)["pools.json"])
    assert told["hosts"] == [
        {"name": "a", "proxy": "http://tts-test-socket-proxy:2375"},
        {"name": "b", "proxy": "http://10.0.0.7:20999"},
        {"name": "c", "proxy": "http://c.internal:30009"},
    ]
    assert [each["host"] for each in told["pools"][0]["instances"]] == ["a", "b", "c"]
    proxies = {name for name in world.inputs(CONTAINER) if "socket-proxy" in name and "courier" not in name}
    assert proxies == {"tts-test-socket-proxy", "tts-test-socket-proxy-b", "tts-test-socket-proxy-c"}


def test_only_who_has_the_token_may_ask_another_hosts_docker(world: World) -> None:
    world.computed["result"] = "the-token"
    speech(two())
    containers = world.inputs(CONTAINER)
    assert "Bearer the-token" in uploads(world, "tts-test-socket-proxy-b-files", secret=True)["routes.json"]
    assert "Bearer" not in uploads(world, "tts-test-socket-proxy-files")["routes.json"], "nobody else is on its network"
    keeper = containers["tts-test-keeper"]
    assert keeper["envs"] == ["KEEPER_TOKEN=/token/current/token"]
    (mounted,) = [each for each in keeper["volumes"] if each["containerPath"] == "/token"]
    assert (mounted["volumeName"], mounted["readOnly"]) == ("tts-test-keeper-token", True)
    holders = {
        name
        for name, inputs in containers.items()
        if "tts-test-keeper-token" in str([each["volumeName"] for each in inputs.get("volumes") or ()])
    }
    assert holders == {"tts-test-keeper", "tts-test-keeper-token-courier"}
    assert uploads(world, "tts-test-keeper-token", secret=True) == {"token": "the-token"}
    assert containers["tts-test-keeper-token-courier"]["user"] == "0:65532"
    for name, inputs in containers.items():
        shown = {key: value for key, value in inputs.items() if key != "uploads"}
        assert "the-token" not in str(shown), f"inspect would show it: {name}"


def test_one_host_needs_no_token(world: World) -> None:
    speech(stack(voice(), hosts=[HERE]))
    assert "envs" not in world.inputs(CONTAINER)["tts-test-keeper"]
    assert not [made.name for made in world.made if "keeper-token" in made.name]


def test_no_instance_has_the_port_of_the_socket_proxy() -> None:
    survey = Survey(running={"tts-test-voice-2": Place("b")}, ports={"tts-test-voice-2": 20999})
    assert where(planned(voice(instances=2), survey=survey))["voice-2"] == "http://10.0.0.7:20000"
    with pytest.raises(ConfigError, match="1 instances go on 'b', and 0 get one"):
        planned(voice(instances=2), hosts=[HERE, second(ports="20000-20000")])


def test_a_port_of_the_socket_proxy_that_somebody_has_is_refused_before_anything_is_touched() -> None:
    plan = planned(voice(instances=2))

    def refused(stack_label: str, part: str, ip: str, port: int, name: str = "somebody") -> list[str]:
        container = {
            "Names": [f"/{name}"],
            "Labels": {"pulumi-tts.stack": stack_label, "pulumi-tts.part": part},
            "Ports": [{"IP": ip, "PublicPort": port}, {"PrivatePort": 1}],
        }
        docker = SimpleNamespace(api=SimpleNamespace(containers=lambda: [container]))
        config = load_stack(stack(hosts=[HERE, second()]))
        return [str(each) for each in _taken_proxy_ports(config, plan, Reached({"a": docker, "b": docker}, {}))]

    (problem,) = refused("tts-other", "socket-proxy", "0.0.0.0", 20999)
    assert problem == (
        "hosts[1].ports: '20000-20999' ends with the port of the socket proxy, 20999, which the container 'somebody' "
        "has on 'b'. Write a range that ends with a free port, or stop what has it"
    )
    assert refused("tts-test", "instance", "10.0.0.7", 20999), "an instance of an earlier version's"
    assert not refused("tts-test", "socket-proxy", "10.0.0.7", 20999, "tts-test-socket-proxy-b")
    (renamed,) = refused("tts-test", "socket-proxy", "10.0.0.7", 20999, "tts-test-socket-proxy-old")
    assert "docker --host … rm --force tts-test-socket-proxy-old" in renamed
    assert not refused("tts-other", "instance", "10.0.0.7", 20998)
    assert not refused("tts-other", "instance", "10.0.0.99", 20999)


def test_an_instance_elsewhere_is_at_most_three_resources(world: World) -> None:
    speech(stack(voice(instances=10), hosts=[HERE, second()]))
    ten = len(world.made)
    world.made.clear()
    speech(stack(voice(instances=12), hosts=[HERE, second()]))
    assert len(world.made) - ten <= 2 * 3


def test_a_host_without_instances_gets_nothing(world: World) -> None:
    speech(stack(voice(instances=1), hosts=[HERE, second()]))
    assert not [made.name for made in world.made if made.name.endswith("-b") and made.typ != PROVIDER]


def test_certificates_are_a_folder_in_the_state_and_nothing_else(world: World) -> None:
    tls = second(docker="tcp://b:2376", certificates="/etc/docker/b")
    speech(stack(voice(), hosts=[HERE, tls]))
    assert world.inputs(PROVIDER)["tts-test-host-b"] == {"host": "tcp://b:2376", "certPath": "/etc/docker/b"}


def test_the_edges_host_remembers_what_is_on_the_others(world: World) -> None:
    speech(two())
    labels = world.inputs(VOLUME)["tts-test-places"]["labels"]

    docker = FakeDocker(memory=next(each["value"] for each in labels if each["label"] == "pulumi-tts.places"))
    assert remembered(docker, "tts-test") == {
        "b": {
            "tts-test-own-2": Remembered("b", 20002, ()),
            "tts-test-voice-2": Remembered("b", 20000, ()),
            "tts-test-voice-4": Remembered("b", 20001, ()),
        }
    }


@pytest.mark.parametrize(("memory", "kept"), [(REMEMBERED, True), (None, False)])
def test_it_goes_on_remembering_when_the_last_of_them_has_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, memory: str | None, kept: bool
) -> None:
    reached = Reached({"a": FakeDocker(memory=memory)}, {})
    monkeypatch.setattr(making, "_planned", lambda *_: (planned(voice(), hosts=[HERE]), reached))
    args: Any = {"config": {}}
    run(lambda: SpeechStack("tts-test", args).edge_url)
    assert ("tts-test-places" in world.inputs(VOLUME)) is kept


def test_what_is_on_a_silent_host_is_left_as_it_is(world: World) -> None:
    made: list[pulumi.Resource] = []

    def program() -> None:
        made.append(pulumi.ComponentResource("a:b:C", "component"))
        made.append(pulumi.CustomResource("a:b:D", "custom"))

    run(program)
    component, custom = made

    def asked(resource: pulumi.Resource) -> Any:
        options = pulumi.ResourceOptions(ignore_changes=["image"])
        return _left_as_it_is(pulumi.ResourceTransformationArgs(resource, "t", "n", {}, options))

    assert asked(component) is None
    assert asked(custom).opts.ignore_changes == ["image", "*"]


def test_the_plan_shows_every_instances_host(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, stack(voice(instances=2), hosts=[HERE, second()]))
    assert command.main(["plan", "--fresh", "--stack", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE  HOST  GPU  TAKES  LEFT",
        "voice-1   a     -    -      -",
        "voice-2   b     -    -      -",
    ]


def test_sixty_four_hosts_are_planned() -> None:
    plan = planned(voice(instances=512), hosts=[HERE, *many(63)])
    assert all(len(host.instances) == 8 for host in plan.hosts)
    assert len({instance.upstream for instance in plan.pools[0].instances}) == 512
