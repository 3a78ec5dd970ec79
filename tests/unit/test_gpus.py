"""An instance on graphics cards: what its container gets, how it notices that one is gone, how a plan is asked for."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_tts import command
from pulumi_tts.config import ConfigError
from pulumi_tts.docker import TtsPool
from pulumi_tts.plan.graphics import gpu_health
from tests.unit.configs import stack, voice
from tests.unit.conftest import World, run
from tests.unit.test_components import CONTAINER, speech

CARDS: list[dict[str, Any]] = [{"id": 0, "vram": "24g"}, {"id": 1, "vram": "24g"}]
HOSTS = [{"name": "gpu-1", "gpus": CARDS}]


def given(container: dict[str, Any]) -> list[str]:
    """The cards that Docker is asked to give to a container."""
    (request,) = container["deviceRequests"]
    assert (request["driver"], request["count"], request["capabilities"]) == ("nvidia", 0, ["gpu"])
    cards: list[str] = request["deviceIds"]
    return cards


def test_an_instance_sees_the_cards_it_was_placed_on_and_no_others(world: World) -> None:
    speech(stack(voice(vram="8g"), voice(name="b", vram="2g", cards=2, routes={"path": "/b"}), hosts=HOSTS))
    made = world.inputs(CONTAINER)
    assert [given(made[f"tts-test-{name}"]) for name in ("voice-1", "voice-2", "b-1", "b-2")] == [
        ["0"],
        ["1"],
        ["0", "1"],
        ["0", "1"],
    ]
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in made["tts-test-voice-1"]["envs"]
    labels = {label["label"]: label["value"] for label in made["tts-test-b-1"]["labels"]}
    assert labels["pulumi-tts.gpus"] == "0,1", "placement finds there what runs where"


def test_another_pin_changes_its_instance_alone(world: World) -> None:
    speech(stack(voice(vram="8g"), hosts=HOSTS))
    before = world.inputs(CONTAINER)
    world.made.clear()
    speech(stack(voice(vram="8g", pins=[{"instance": 2, "gpus": [0]}, {"instance": 1, "gpus": [0]}]), hosts=HOSTS))
    after = world.inputs(CONTAINER)
    assert {name for name in after if after[name] != before[name]} == {"tts-test-voice-2"}


def test_an_instance_without_cards_is_what_it_was(world: World) -> None:
    speech(stack(voice()))
    before = world.inputs(CONTAINER)["tts-test-voice-1"]
    world.made.clear()
    speech(stack(voice(), hosts=HOSTS))
    assert world.inputs(CONTAINER)["tts-test-voice-1"] == before


def test_a_users_own_setting_stays(world: World) -> None:
    speech(stack(voice(vram="8g", environment={"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}), hosts=HOSTS))
    envs = world.inputs(CONTAINER)["tts-test-voice-1"]["envs"]
    assert [env for env in envs if env.startswith("CUDA_DEVICE_ORDER")] == ["CUDA_DEVICE_ORDER=FASTEST_FIRST"]


def test_a_pool_that_stands_alone_is_given_its_cards(world: World) -> None:
    pool = {"engine": "voice", "vram": "8g", "routes": {"path": "/x"}}

    def program() -> None:
        TtsPool("cosy", {"network": "net", "images": "local", "pool": pool, "gpus": CARDS})

    run(program)
    assert given(world.inputs(CONTAINER)["cosy-1"]) == ["0"]


@pytest.mark.parametrize(
    ("vram", "gpus", "said"),
    [
        ("8g", [], r"pool\.engine: 'voice' takes 8g of a graphics card, but no host has one"),
        ("30g", CARDS, r"pool\.instances: 1 leaves instance 1 of 'cosy' without a place"),
        ("8g", [CARDS[0], CARDS[0]], r"^gpus\[1\]\.id: '0' is also"),
        ("8g", [{"id": 0}], r"gpus\[0\]\.vram: \(nothing\) is missing"),
    ],
)
def test_a_pool_that_stands_alone_is_refused_where_it_stands(vram: str, gpus: list[Any], said: str) -> None:
    pool = {"engine": "voice", "vram": vram, "routes": {"path": "/x"}}
    with pytest.raises(ConfigError, match=said):
        TtsPool("cosy", {"network": "net", "pool": pool, "gpus": gpus})


# ---- the check inside

A, B = (f"GPU-{digit * 8}-0000-0000-0000-000000000000" for digit in "ab")
M = "MIG-aaaaaaaa-0000-0000-0000-000000000000"
BOTH = f"GPU 0: NVIDIA L4 (UUID: {A})\nGPU 1: NVIDIA L4 (UUID: {B})"
ONE = f"GPU 0: NVIDIA L4 (UUID: {A})"
SPLIT = f"GPU 0: NVIDIA A100 (UUID: {A})\n  MIG 1g.5gb     Device  0: (UUID: {M})"
LOST = "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error"


@pytest.mark.parametrize(
    ("gpus", "seen", "healthy"),
    [
        (["0"], ONE, True),
        (["2", "5"], BOTH, True),
        ([A, B], BOTH, True),
        ([M], SPLIT, True),
        (["0"], BOTH, False),
        (["0", "1"], ONE, False),
        (["0", "1"], f"{ONE}\n{LOST}", False),
        ([B], ONE, False),
        ([M], ONE, False),
        (["0"], "", False),
        (["0"], None, False),
    ],
)
def test_the_check_fails_unless_exactly_the_cards_that_were_given_are_there(
    gpus: list[str], seen: str | None, healthy: bool, tmp_path: Path
) -> None:
    if seen is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{seen}\nEND\n")
        tool.chmod(0o755)
    check = gpu_health(gpus, ["sh", "-c", 'echo "$1"', "sh", "the engine's own check, with spaces"])
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    asked = subprocess.run(check, capture_output=True, text=True, env=path, check=False)
    assert (asked.returncode == 0) == healthy, asked.stdout
    assert (asked.stdout == "the engine's own check, with spaces\n") == healthy


def test_the_engines_own_check_still_counts(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{ONE}'\n")
    tool.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(gpu_health(["0"], ["sh", "-c", "exit 3"]), env=path, check=False).returncode == 3


# ---- the command


def file_of(folder: Path, config: Any) -> str:
    path = folder / "Pulumi.test.yaml"
    path.write_text(yaml.safe_dump({"config": {"tts:stack": config}}))
    return str(path)


def test_the_plan_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, stack(voice(vram="8g", instances=3), hosts=HOSTS))
    assert command.main(["plan", "--fresh", "--stack", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "INSTANCE  HOST   GPU  TAKES  LEFT  SHARED",
        "voice-1   gpu-1  0    8g     7g    time-slicing",
        "voice-2   gpu-1  1    8g     15g",
        "voice-3   gpu-1  0    8g     7g    time-slicing",
    ]


def test_the_plan_is_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, stack(voice(vram="8g", instances=1), hosts=HOSTS))
    assert command.main(["plan", "--fresh", "--json", "--stack", path]) == 0
    (instance,) = json.loads(capsys.readouterr().out)["instances"]
    assert instance["gpus"] == [{"id": "0", "takes": 8192, "left": 15360}]


def test_a_plan_that_does_not_fit_is_refused_with_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, stack(voice(vram="30g"), hosts=HOSTS))
    assert command.main(["plan", "--fresh", "--stack", path]) == 1
    assert f"{path}, tts:stack: 1 problem; nothing was touched." in capsys.readouterr().err


def test_a_stack_without_a_file_is_named() -> None:
    with pytest.raises(SystemExit, match=r"Pulumi\.nowhere\.yaml"):
        command.main(["plan", "--stack", "nowhere"])
