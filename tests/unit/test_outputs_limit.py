"""Limits of outputs: what may be written, and who is given which rights to keep them."""

import json
from typing import Any

import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.config.engines import ENGINES
from pulumi_tts.docker import TtsPool
from pulumi_tts.plan import plan_stack
from pulumi_tts.render.tidy import tidy_limits
from tests.unit.configs import stack, studio, voice
from tests.unit.conftest import World, run
from tests.unit.fleets import OWN_ENGINE
from tests.unit.test_components import CONTAINER, speech
from tests.unit.test_config import problems_of
from tests.unit.test_weights import TWO_HOSTS

LIMIT = {"age": "30d", "size": "20g"}


@pytest.mark.parametrize(
    ("limit", "path", "remedy"),
    [
        ({}, "outputs_limit", "Give age, size, or both"),
        ({"age": "30"}, "outputs_limit.age", "as in '12h' or '30d'"),
        ({"age": "30s"}, "outputs_limit.age", "as in '12h' or '30d'"),
        ({"age": "0h"}, "outputs_limit.age", "at least 1h"),
        ({"age": "9999d"}, "outputs_limit.age", "at most 3650d"),
        ({"size": 20}, "outputs_limit.size", "as in '512m' or '8g'"),
        ({"sise": "20g"}, "outputs_limit.sise", "Did you mean 'size'?"),
    ],
)
def test_a_wrong_limit_is_refused(limit: dict[str, Any], path: str, remedy: str) -> None:
    (problem,) = problems_of(stack(voice(outputs_limit=limit)))
    assert problem.path == f"pools[0].{path}"
    assert remedy in problem.remedy


def test_a_limit_for_an_engine_that_keeps_nothing_is_refused() -> None:
    mine = {"name": "mine", "engine": OWN_ENGINE, "routes": {"path": "/mine"}, "outputs_limit": LIMIT}
    (problem,) = problems_of(stack(mine))
    assert problem.path == "pools[0].outputs_limit"
    assert "say with outputs where" in problem.remedy


@pytest.mark.parametrize(
    ("engine", "directory"),
    [
        ("fish-speech", "/app/references"),
        ("indextts", "/opt/indextts/outputs"),
        ("stable-diffusion-webui", "/outputs"),
    ],
)
def test_what_users_keep_beside_their_results_is_never_removed(engine: str, directory: str) -> None:
    profile = ENGINES[engine]
    assert (profile.outputs, profile.outputs_hold_more) == (directory, True)
    keeps = {"name": "keeps", "engine": OWN_ENGINE | {"outputs": directory, "outputs_hold_more": True}}
    kept = keeps | {"routes": {"path": "/keeps"}, "outputs_limit": LIMIT}
    (problem,) = problems_of(stack(kept))
    assert problem.path == "pools[0].outputs_limit"
    assert f"would remove the oldest files in {directory}" in problem.reason
    load_stack(stack(kept | {"outputs_hold_more": False}))


def test_nothing_is_ever_removed_unasked(world: World) -> None:
    speech(stack())
    assert not [name for name in world.inputs(CONTAINER) if "tidy" in name]


def test_each_user_tidies_what_is_its_own() -> None:
    config = stack(
        voice(outputs_limit=LIMIT),
        studio(outputs_limit={"age": "12h"}),
        voice(name="root", instances=1, user="0:0", outputs_limit={"size": "1g"}, routes={"path": "/root"}),
        voice(name="free", instances=1, routes={"path": "/free"}),
    )
    plan = plan_stack(load_stack(config), "tts-test", local_images=True)
    told = {tidy.name: (tidy.user, json.loads(tidy_limits(tidy))) for tidy in plan.tidy}
    month = {"age": 30 * 86_400, "size": 20 * 1024**3}
    assert told == {
        "tts-test-tidy-local-0": ("0:0", {"tts-test-root-1-outputs": {"size": 1024**3}}),
        "tts-test-tidy-local-10001": (
            "10001:10001",
            {
                "tts-test-studio-1-outputs": {"age": 43_200},
                "tts-test-studio-2-outputs": {"age": 43_200},
                "tts-test-voice-1-outputs": month,
                "tts-test-voice-2-outputs": month,
            },
        ),
    }


def test_a_users_files_are_its_own_whatever_its_group() -> None:
    config = stack(
        voice(instances=1, user="1000:1000", outputs_limit=LIMIT),
        voice(name="video", instances=1, user="1000:44", outputs_limit=LIMIT, routes={"path": "/video"}),
    )
    (tidy,) = plan_stack(load_stack(config), "tts-test", local_images=True).tidy
    assert (tidy.name, tidy.user) == ("tts-test-tidy-local-1000", "1000:1000")
    assert [volume for volume, _ in tidy.limits] == ["tts-test-video-1-outputs", "tts-test-voice-1-outputs"]


def test_it_sees_the_volumes_with_limits_and_nothing_else(world: World) -> None:
    speech(stack(voice(outputs_limit=LIMIT), studio()))
    tidy = world.inputs(CONTAINER)["tts-test-tidy-local-10001"]
    assert [volume["volumeName"] for volume in tidy["volumes"]] == [
        "tts-test-voice-1-outputs",
        "tts-test-voice-2-outputs",
    ]
    assert (tidy["networkMode"], tidy["user"], tidy["readOnly"]) == ("none", "10001:10001", True)
    assert tidy["capabilities"] == {"drops": ["ALL"]}


def test_a_pool_in_somebody_elses_stack_keeps_its_limits_too(world: World) -> None:
    written = {key: value for key, value in voice(outputs_limit=LIMIT).items() if key != "name"}
    run(lambda: TtsPool("mine", {"network": "theirs", "pool": written}).upstreams)
    assert [name for name in world.inputs(CONTAINER) if "tidy" in name] == ["mine-tidy-local-10001"]


def test_each_host_tidies_what_is_on_it() -> None:
    pins = [{"instance": 1, "host": "near"}, {"instance": 2, "host": "far"}]
    config = stack(voice(outputs_limit={"size": "1g"}, pins=pins), hosts=TWO_HOSTS)
    plan = plan_stack(load_stack(config), "tts-test", local_images=True)
    assert [(tidy.name, tidy.host, [volume for volume, _ in tidy.limits]) for tidy in plan.tidy] == [
        ("tts-test-tidy-far-10001", "far", ["tts-test-voice-2-outputs"]),
        ("tts-test-tidy-near-10001", "near", ["tts-test-voice-1-outputs"]),
    ]
