"""Weights in a volume: what may be written, what follows from it, and what is made of it."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import docker.errors
import pulumi
import pytest
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key
from pulumi_docker.outputs import ContainerLabel as Label

from pulumi_tts.config import load_stack
from pulumi_tts.docker import TtsPool, weights
from pulumi_tts.docker.endpoint import Endpoint
from pulumi_tts.docker.weights import RUN_LABEL, filled, run_made, run_of
from pulumi_tts.plan import plan_stack
from pulumi_tts.plan.weights import FilledWeights, filled_weights
from pulumi_tts.render.fill import fill_job
from tests.unit.configs import stack
from tests.unit.conftest import World, run
from tests.unit.fleets import OWN_ENGINE
from tests.unit.test_components import CONTAINER, NETWORK, VOLUME, speech
from tests.unit.test_config import problems_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = {"repository": "Example/Big_Model-0.5B", "revision": COMMIT, "directory": "/weights"}
LINK = {"url": "https://example.com/a/voices.bin", "sha256": "0" * 64}


def pool(name: str = "mine", **changes: Any) -> dict[str, Any]:
    engine = OWN_ENGINE | {"weights": changes.pop("weights", MODEL)}
    return {"name": name, "engine": engine, "routes": {"path": f"/{name}"}} | changes


def planned(*pools: dict[str, Any], **changes: Any) -> list[FilledWeights | None]:
    plan = plan_stack(load_stack(stack(*pools, **changes)), "tts-test", local_images=True)
    return [each.weights for each in plan.pools]


# ---- what may be written


@pytest.mark.parametrize(
    ("wrong", "path", "remedy"),
    [
        (pool(weights={**MODEL, "revision": "main"}), "engine.weights.revision", "match ^[0-9a-f]{40}$"),
        (pool(weights={"directory": "/weights"}), "weights.repository", "Write its repository"),
        (pool(weights={**MODEL, "directory": "weights"}), "engine.weights.directory", "from the root"),
        (pool(weights={**MODEL, "directory": "/tmp/weights"}), "", "Give each a directory of its own"),
        (pool(weights={**MODEL, "files": []}), "engine.weights.files", "at least 1"),
        (pool(weights={**MODEL, "files": ["a b"]}), "engine.weights.files[0]", "'*.safetensors'"),
        (pool(weights={"repository": "a/b", "revision": COMMIT, "files": ["*"]}), "weights.files", "Add directory"),
        (pool(weights={**MODEL, "links": [{**LINK, "sha256": "0"}]}), "engine.weights.links[0].sha256", "match"),
        (pool(weights={**MODEL, "links": [{**LINK, "url": "ftp://a/b"}]}), "engine.weights.links[0].url", "https://"),
        (pool(weights={**MODEL, "links": [{**LINK, "url": "https://u:p@a/b"}]}), "links[0].url", "without a user"),
        (pool(weights={**MODEL, "links": [{**LINK, "url": "https://a/"}]}), "links[0]", "with to"),
        (pool(weights={**MODEL, "links": [{**LINK, "to": "../a"}]}), "links[0].to", "as in 'checkpoints/"),
        (pool(weights={**MODEL, "links": [LINK, LINK]}), "weights.links[1]", "a path of its own"),
    ],
)
def test_wrong_weights_are_refused(wrong: dict[str, Any], path: str, remedy: str) -> None:
    (problem,) = problems_of(stack(wrong))
    assert path in problem.path
    assert remedy in problem.remedy


def test_an_image_with_weights_in_it_has_no_use_for_a_volume() -> None:
    cosy = {"name": "cosy", "engine": "cosyvoice3", "vram": "8g", "routes": {"path": "/cosy"}}
    cards = [{"gpus": [{"id": 0, "vram": "24g"}]}]
    (problem,) = problems_of(stack(cosy | {"weights": {"revision": COMMIT, "directory": "/w"}}, hosts=cards))
    assert problem.path == "pools[0].weights.directory"


def test_a_token_in_the_clear_is_refused_and_not_shown() -> None:
    (problem,) = problems_of(stack(pool(), hub={"token": "hf_abc"}))
    assert (problem.path, problem.value) == ("hub.token", "(hidden)")
    assert "pulumi config set --secret tts:hubToken" in problem.remedy


def test_a_token_is_a_secret_that_the_config_refers_to() -> None:
    config = load_stack(stack(pool(), hub={"token": {"secret": "hubToken"}}))
    assert config.secret_references == [("hub.token.secret", "hubToken")]


# ---- what follows


def test_the_same_model_has_the_same_volume_and_any_other_another() -> None:
    one, same, other, part = planned(
        pool("one"),
        pool("same", weights={**MODEL, "directory": "/elsewhere"}),
        pool("other", weights={**MODEL, "revision": "f" * 40}),
        pool("part", weights={**MODEL, "files": ["*.json"]}),
    )
    assert one == same
    assert one
    assert one.name.startswith("big-model-0-5b-")
    assert len({each.name for each in (one, other, part) if each}) == 3


def test_links_alone_are_called_after_their_file() -> None:
    (found,) = planned(pool(weights={"directory": "/weights", "links": [LINK]}))
    assert found
    assert found.name.startswith("voices-bin-")
    assert found.called == "voices.bin"


def test_the_container_is_told_what_to_fetch() -> None:
    (found,) = planned(pool(weights={**MODEL, "files": ["*.json"], "links": [LINK]}))
    assert found
    assert json.loads(fill_job(found)) == {
        "repository": MODEL["repository"],
        "revision": COMMIT,
        "files": ["*.json"],
        "links": [{**LINK, "to": "voices.bin"}],
    }


def test_the_command_is_told_where_they_are() -> None:
    engine = OWN_ENGINE | {"weights": MODEL, "command": ["serve", "{directory}", "--as", "{repository}@{revision}"]}
    plan = plan_stack(load_stack(stack(pool(engine=engine))), "tts-test", local_images=True)
    assert plan.pools[0].container.command == ("serve", "/weights", "--as", "{repository}@{revision}"), "whole words"
    assert plan.pools[0].routes[0].headers == (("X-Model-Version", f"{MODEL['repository']}@{COMMIT}"),)


# ---- what is made


def test_a_stack_has_each_model_once_and_only_what_fetches_it_has_a_way_out(world: World) -> None:
    speech(stack(pool("one", instances=2), pool("two"), hub={"endpoint": "https://mirror.example.com"}))
    (volume,) = [name for name in world.inputs(VOLUME) if "-weights-" in name]
    containers = world.inputs(CONTAINER)
    fill = containers[f"{volume}-fill"]
    assert [network["name"] for network in fill["networksAdvanced"]] == ["tts-test-way-out"]
    assert "HTTPS_PROXY=http://way-out:3128" in fill["envs"]
    proxy = containers["tts-test-way-out"]["networksAdvanced"]
    assert proxy == [{"name": "tts-test-way-out", "aliases": ["way-out"]}, {"name": "tts-test-internet"}]
    assert world.inputs(NETWORK)["tts-test-way-out"]["internal"] is True
    assert "HF_ENDPOINT=https://mirror.example.com" in fill["envs"]
    assert (fill["readOnly"], fill["user"], fill.get("uploads")) == (True, "10001:10001", None)
    assert world.inputs(NETWORK)["tts-test-network"]["internal"] is True
    for name in ("tts-test-one-1", "tts-test-one-2", "tts-test-two-1"):
        assert containers[name]["volumes"] == [
            {"containerPath": "/weights", "volumeName": volume, "readOnly": True},
        ]
        assert [network["name"] for network in containers[name]["networksAdvanced"]] == ["tts-test-network"]


def test_the_token_reaches_what_fetches_as_a_file_and_nothing_else(world: World) -> None:
    # Given as a plain string, as by a program that has it from elsewhere.
    speech(stack(pool(), hub={"token": {"secret": "hubToken"}}), hubToken="hf_abc")
    with_it = [name for name, inputs in world.inputs(CONTAINER).items() if "hf_abc" in str(inputs)]
    assert len(with_it) == 1
    fill = world.inputs(CONTAINER)[with_it[0]]
    assert fill["uploads"] == {
        _special_sig_key: _special_secret_sig,
        "value": [{"file": "/run/secrets/hub-token", "content": "hf_abc"}],
    }
    assert "hf_abc" not in str(fill["envs"])


def test_a_pool_in_somebody_elses_stack_fetches_its_own(world: World) -> None:
    written = {key: value for key, value in pool().items() if key != "name"}
    run(lambda: TtsPool("mine", {"network": "theirs", "outside": "out", "pool": written}).upstreams)
    (fill,) = [inputs for name, inputs in world.inputs(CONTAINER).items() if name.endswith("-fill")]
    assert [network["name"] for network in fill["networksAdvanced"]] == ["mine-weights-way-out"]
    proxy = world.inputs(CONTAINER)["mine-weights-way-out"]
    assert [network["name"] for network in proxy["networksAdvanced"]] == ["mine-weights-way-out", "out"]
    assert next(iter(world.inputs(VOLUME))).startswith("mine-weights-big-model-0-5b-")


# ---- the container's end


class Engine:
    """A Docker engine with one container that fetches; each look at it finds the next state."""

    def __init__(self, *states: tuple[str, int, str]) -> None:
        self._states = list(states)
        self.containers = self
        self.api = self

    def get(self, _: str) -> Any:
        if not self._states:
            raise docker.errors.NotFound("no such container")
        return SimpleNamespace(labels={"pulumi-tts.run": "7"}, attrs=self._inspected())

    def inspect_container(self, _: str) -> dict[str, Any]:
        inspected = self._inspected()
        if len(self._states) > 1:
            self._log = self._states.pop(0)[2]
        else:
            self._log = self._states[0][2]
        return inspected

    def logs(self, _: str) -> bytes:
        return self._log.encode()

    def _inspected(self) -> dict[str, Any]:
        status, code, _ = self._states[0]
        return {"State": {"Status": status, "ExitCode": code}}


def followed(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[str]:
    monkeypatch.setattr(weights, "client", lambda _: engine)
    monkeypatch.setattr(weights, "_LOOK", 0)
    said: list[str] = []
    (of,) = planned(pool())
    assert of
    asyncio.run(filled("id", Endpoint("unix:///x"), of, said.append))
    return said


def test_what_it_says_is_said_once_and_of_one_that_is_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(("created", 0, ""), ("running", 0, "a\n"), ("running", 0, "a\nb\n"), ("exited", 0, "a\nb\nc\n"))
    assert followed(monkeypatch, engine) == ["a", "b", "c"]
    assert followed(monkeypatch, Engine(("exited", 0, "a\nb\n"))) == []


@pytest.mark.parametrize(
    ("log", "reason"),
    [("fetching\nfailed: x has gone\n", "was not fetched: x has gone. Nothing"), ("", "ended with status 137")],
)
def test_how_it_failed_is_the_reason(monkeypatch: pytest.MonkeyPatch, log: str, reason: str) -> None:
    with pytest.raises(pulumi.RunError, match=reason):
        followed(monkeypatch, Engine(("exited", 137, log)))


def test_a_docker_that_goes_away_meanwhile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Engine):
        def logs(self, _: str) -> bytes:
            raise docker.errors.APIError("connection refused")

    with pytest.raises(pulumi.RunError, match=r"lost sight of .connection refused.; it may be at work still"):
        followed(monkeypatch, Gone(("running", 0, "")))


@pytest.mark.parametrize(
    ("states", "again"),
    [([("running", 0, "")], False), ([("exited", 0, "")], False), ([("exited", 1, "")], True), ([], True)],
)
def test_it_runs_again_if_it_failed_or_is_gone(
    monkeypatch: pytest.MonkeyPatch, states: list[tuple[str, int, str]], again: bool
) -> None:
    monkeypatch.setattr(weights, "client", lambda _: Engine(*states))
    assert (run_of("fill", Endpoint("unix:///x")) != "7") is again


def test_who_destroys_a_stack_waits_for_no_container_that_was_only_asked_for() -> None:
    """A destroy makes nothing: Pulumi answers with the labels of the container that failed, or is gone."""
    labels = [Label(label="pulumi-tts.part", value="weights"), Label(label=RUN_LABEL, value="7")]
    assert run_made(labels) == "7"
    assert run_made(labels[:1]) is None
    assert run_made(None) is None


@pytest.mark.parametrize(("has", "waits"), [("7", True), ("6", False)])
def test_only_the_run_that_was_asked_for_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, has: str, waits: bool
) -> None:
    waited: list[str] = []

    async def follow(container_id: str, *_: Any) -> None:
        waited.append(container_id)

    def has_run(args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        id_, outputs = made(args)
        if args.name.endswith("-fill"):
            outputs["labels"] = [{"label": RUN_LABEL, "value": has}]
        return id_, outputs

    made = world.new_resource
    monkeypatch.setattr(world, "new_resource", has_run)
    monkeypatch.setattr(weights, "filled", follow)
    monkeypatch.setattr(weights, "run_of", lambda *_: "7")
    monkeypatch.setattr(weights.TtsWeights, "_out_of_reach", False)
    written = {key: value for key, value in pool().items() if key != "name"}
    run(lambda: TtsPool("mine", {"network": "theirs", "outside": "out", "pool": written}).upstreams)
    assert bool(waited) is waits
    assert "mine-1" in world.inputs(CONTAINER)


def test_an_engine_without_a_directory_has_nothing_filled() -> None:
    assert filled_weights(load_stack(stack()).pools[0].profile) is None


# ---- several hosts

TWO_HOSTS = [{"name": "near"}, {"name": "far", "docker": "tcp://10.0.0.2:2375", "address": "10.0.0.2"}]


def test_each_host_has_the_model_once_where_it_is_needed(world: World) -> None:
    pins = [{"instance": 1, "host": "near"}, {"instance": 2, "host": "far"}, {"instance": 3, "host": "far"}]
    only_near = pool("other", weights={**MODEL, "revision": "f" * 40}, pins=[{"instance": 1, "host": "near"}])
    speech(stack(pool("mine", instances=3, pins=pins), only_near, hosts=TWO_HOSTS))
    volumes = sorted(name for name in world.inputs(VOLUME) if "-weights-" in name)
    assert len(volumes) == 3
    (far,) = [name for name in volumes if name.endswith("-far")]
    near = far.removesuffix("-far")
    containers = world.inputs(CONTAINER)
    mounted = {name: containers[f"tts-test-mine-{name}"]["volumes"][0]["volumeName"] for name in (1, 2, 3)}
    assert mounted == {1: near, 2: far, 3: far}
    assert [network["name"] for network in containers[f"{far}-fill"]["networksAdvanced"]] == ["tts-test-way-out-far"]
    assert [network["name"] for network in containers[f"{near}-fill"]["networksAdvanced"]] == ["tts-test-way-out"]
