"""A card with MPS: who may come to it, what its daemon and clients are, and how a daemon that is not there shows."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.mocks import MockMonitor

from pulumi_tts import command
from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.config.host import Gpu, Host
from pulumi_tts.docker import TtsPool
from pulumi_tts.plan import Place, plan_stack
from pulumi_tts.plan.graphics import MPS_PIPES, gpu_health
from pulumi_tts.plan.placement import place
from pulumi_tts.render import mps
from tests.unit.configs import second, stack, voice
from tests.unit.conftest import World, run
from tests.unit.fleets import pool
from tests.unit.test_components import CONTAINER, VOLUME, speech
from tests.unit.test_gpus import file_of, given

UUID = "GPU-8a1b0c2d-0000-1111-2222-333344445555"
MIG = "MIG-8a1b0c2d-0000-1111-2222-333344445555"


def cards(*mps: Any) -> list[dict[str, Any]]:
    """Cards with 23 GiB for instances, and what each says of MPS."""
    return [{"id": at, "vram": "24g", "mps": said} for at, said in enumerate(mps)]


def host(*mps: Any) -> Host:
    return Host(name="a", gpus=[Gpu.model_validate(card) for card in cards(*mps)])


def where(*args: Any, **more: Any) -> dict[str, str]:
    placed = place(*args, **more).places
    return {f"{name}{number}": ",".join(at.gpus) for (name, number), at in placed.items()}


# ---- the config


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"mps": {"threads": 0}}, r"hosts\[0\]\.gpus\[0\]\.mps\.threads: 0 is too small\. Use at least 1"),
        ({"mps": {"threads": 101}}, r"mps\.threads: 101 is too large\. Use at most 100"),
        ({"mps": {"thread": 50}}, r"mps\.thread: 50 is under a key that is not known here.*threads"),
        ({"mps": 50}, r"hosts\[0\]\.gpus\[0\]\.mps: 50 is neither true nor false"),
        ({"id": MIG, "mps": True}, r"hosts\[0\]\.gpus\[0\]: .* is a MIG device: .*\. Take mps out"),
    ],
)
def test_what_is_not_right_is_refused(card: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_stack(stack(voice(), hosts=[{"mig": True, "gpus": [{"id": 0, "vram": "24g"} | card]}]))


# ---- placement


def test_an_engine_of_several_cards_gets_none_with_mps() -> None:
    assert where([host(True, False, False)], [pool("p", 1, 8, cards=2)]) == {"p1": "1,2"}
    with pytest.raises(ConfigError, match=r"a/0: 23g \(has mps, for engines of one card\), a/1: 23g"):
        place([host(True, False)], [pool("p", 1, 8, cards=2)])


def test_engines_of_different_users_are_not_on_one_card_with_mps() -> None:
    mine, yours = pool("mine", 2, 8), pool("yours", 1, 8, user="1000:1000")
    # One after the other they would take both cards; it takes the search to put mine on one.
    placed = where([host(True, True)], [mine, yours])
    assert placed["mine1"] == placed["mine2"] != placed["yours1"]
    assert where([host(True, False)], [pool("mine", 1, 8), yours])["yours1"] == "1"
    same = pool("yours", 1, 8, user="10001:5")
    assert where([host(True)], [pool("mine", 1, 8), same]) == {"mine1": "0", "yours1": "0"}


def test_the_refusal_names_whom_the_card_is_for_and_offers_no_memory() -> None:
    with pytest.raises(ConfigError) as refused:
        place([host(True)], [pool("mine", 2, 8), pool("yours", 1, 8, user="1000")])
    assert "a/0: 7g (has mps, for uid 10001 now, and this is 1000)" in str(refused.value)
    assert "more on card" not in str(refused.value)


def test_a_pin_to_a_card_of_another_user_is_refused() -> None:
    pins = [{"instance": 1, "gpus": [0]}]
    with pytest.raises(ConfigError, match=r"has mps, for uid 10001 now.*Pin it to a card that takes it: a/1"):
        place([host(True, True)], [pool("mine", 1, 8, pins=pins), pool("yours", 1, 8, user="1000", pins=pins)])


def test_switching_mps_on_moves_only_who_may_not_stay() -> None:
    running = {("mine", 1): Place("a", ("0",)), ("yours", 1): Place("a", ("0",))}
    placement = place([host(True, False)], [pool("mine", 1, 8), pool("yours", 1, 8, user="1000")], running)
    assert placement.moved == (("yours", 1),)


def test_the_table_says_how_cards_are_shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = [{"gpus": cards(False, True, {"threads": 40})}]
    path = file_of(tmp_path, stack(voice(vram="8g", instances=4), hosts=hosts))
    assert command.main(["plan", "--fresh", "--stack", path]) == 0
    assert [line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()] == [
        "SHARED", "time-slicing", "MPS", "MPS, 40% of threads", "time-slicing",
    ]  # fmt: skip


# ---- what is made


def made(world: World, *said: Any, **changes: Any) -> dict[str, Any]:
    """The inputs of all that a stack makes, whose voices are on cards with these settings of MPS."""
    world.made.clear()
    speech(stack(voice(vram="8g"), hosts=[{"gpus": cards(*said)}], **changes))
    return {f"{made.typ} {made.name}": made.inputs for made in world.made}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return dict(env.split("=", 1) for env in container["envs"])


def test_a_card_without_mps_is_as_if_nobody_had_heard_of_it(world: World) -> None:
    without = made(world, False, False)
    world.made.clear()
    speech(stack(voice(vram="8g"), hosts=[{"gpus": [{"id": at, "vram": "24g"} for at in (0, 1)]}]))
    assert {f"{made.typ} {made.name}": made.inputs for made in world.made} == without
    assert not [name for name in without if "mps" in name]
    assert "MPS" not in str(without)


def test_the_resources_of_a_card_with_mps_stay_what_they_are_called(world: World) -> None:
    more = sorted(set(made(world, True, False)) - set(made(world, False, False)))
    assert more == [
        "docker:index/container:Container tts-test-mps-local-gpu0",
        "docker:index/remoteImage:RemoteImage tts-test-mps-local-gpu0-image",
        "docker:index/volume:Volume tts-test-mps-local-gpu0-pipes",
        "docker:index/volume:Volume tts-test-mps-local-gpu0-shm",
        "tts:index:TtsMps tts-test-mps-local-gpu0",
    ]


def test_switching_mps_changes_the_instances_of_that_card_and_nothing_else(world: World) -> None:
    before = made(world, False, False)
    for said in (True, {"threads": 30}):
        after = made(world, said, False)
        assert {name for name in before if after[name] != before[name]} == {f"{CONTAINER} tts-test-voice-1"}
    shared, limited = made(world, True, False), made(world, {"threads": 30}, False)
    assert {name for name in shared if shared[name] != limited[name]} == {f"{CONTAINER} tts-test-voice-1"}


def test_an_instance_is_a_client_of_its_cards_daemon_and_held_to_its_part(world: World) -> None:
    client = made(world, {"threads": 30}, False)[f"{CONTAINER} tts-test-voice-1"]
    told = {name: value for name, value in environment(client).items() if "MPS" in name}
    assert told == {
        "CUDA_MPS_PIPE_DIRECTORY": "/run/mps",
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=8192M",
        "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "30",
    }
    mounted = {volume["containerPath"]: volume["volumeName"] for volume in client["volumes"]}
    assert mounted["/run/mps"] == "tts-test-mps-local-gpu0-pipes"
    assert mounted["/dev/shm"] == "tts-test-mps-local-gpu0-shm"
    assert "nvidia-cuda-mps-control" in str(client["healthcheck"])


def test_the_daemon_sees_its_card_alone_and_has_no_privileges(world: World) -> None:
    daemon = made(world, True, False)[f"{CONTAINER} tts-test-mps-local-gpu0"]
    assert given(daemon) == ["0"]
    assert "build" not in world.inputs("docker:index/remoteImage:RemoteImage")["tts-test-mps-local-gpu0-image"]
    assert environment(daemon)["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility", "which brings the program"
    assert daemon["user"] == "10001:10001", "its clients'"
    assert daemon["capabilities"] == {"drops": ["ALL"]}
    assert daemon["securityOpts"] == ["no-new-privileges:true"]
    assert (daemon["readOnly"], daemon["networkMode"], daemon["restart"]) == (True, "none", "unless-stopped")
    assert {"label": "pulumi-tts.part", "value": "mps"} in daemon["labels"]


def test_an_instance_comes_after_the_daemon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    after: dict[str, list[str]] = {}
    register = MockMonitor.RegisterResource

    def noted(monitor: MockMonitor, request: Any) -> Any:
        if request.type == CONTAINER:
            after[request.name] = list(request.dependencies)
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(MockMonitor, "RegisterResource", noted)
    made(world, True, False)
    daemon = f"{CONTAINER}::tts-test-mps-local-gpu0"
    assert any(urn.endswith(daemon) for urn in after["tts-test-voice-1"])
    assert not any(urn.endswith(daemon) for urn in after["tts-test-voice-2"])


def test_shared_memory_of_an_engines_own_gives_way_to_the_daemons(world: World) -> None:
    writable = {"writable": ["/tmp", "/dev/shm"]}
    world.made.clear()
    speech(stack(voice(vram="8g", **writable), hosts=[{"gpus": cards(True, False)}]))
    tmpfs = {name: set(inputs["tmpfs"]) for name, inputs in world.inputs(CONTAINER).items() if "voice" in name}
    assert tmpfs == {
        "tts-test-voice-1": {"/tmp"},
        "tts-test-voice-2": {"/tmp", "/dev/shm"},
    }


def test_a_daemon_is_on_its_cards_host(world: World) -> None:
    there = second(gpus=[{"id": UUID, "vram": "24g", "mps": True}])
    speech(stack(voice(vram="8g", instances=1), hosts=[{}, there]))
    name = f"tts-test-mps-b-{UUID}"
    assert given(world.inputs(CONTAINER)[name]) == [UUID]
    labels = {label["label"]: label["value"] for label in world.inputs(VOLUME)[f"{name}-pipes"]["labels"]}
    assert labels == {"pulumi-tts.part": "run", "pulumi-tts.stack": "tts-test", "pulumi-tts.host": "b"}
    providers = {made.name: made.provider for made in world.made}
    assert "tts-test-host-b" in str(providers[name])


def test_a_card_that_nobody_is_on_has_no_daemon() -> None:
    plan = plan_stack(
        load_stack(stack(voice(vram="8g", instances=1), hosts=[{"gpus": cards(True, True)}])), "tts-test", True
    )
    assert [(daemon.host, daemon.gpu, daemon.user) for daemon in plan.mps] == [("local", "0", "10001:10001")]


def test_a_pool_that_stands_alone_has_its_own_daemon(world: World) -> None:
    pool = {"engine": "voice", "vram": "8g", "routes": {"path": "/x"}}

    def program() -> None:
        TtsPool("cosy", {"network": "net", "images": "local", "pool": pool, "gpus": cards(True)})

    run(program)
    containers = world.inputs(CONTAINER)
    assert given(containers["cosy-mps-local-gpu0"]) == given(containers["cosy-1"]) == ["0"]
    assert environment(containers["cosy-1"])["CUDA_MPS_PIPE_DIRECTORY"] == MPS_PIPES


# ---- the scripts, with stand-ins for NVIDIA's programs


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A daemon that answers while it runs, and a card."""
    tools = tmp_path / "tools"
    tools.mkdir()
    daemon = """#!/bin/sh
alive=$CUDA_MPS_PIPE_DIRECTORY/alive
if [ "$1" = -f ]; then
  trap 'rm -f "$alive"; exit' TERM
  sleep 0.3; echo >"$alive"
  while :; do sleep 0.05; done
fi
read -r asked
[ -e "$alive" ] || { echo "Cannot find MPS control daemon process"; exit 1; }
[ "$asked" = get_default_active_thread_percentage ] && echo 100.0
"""
    for name, text in {
        "nvidia-cuda-mps-control": daemon,
        "nvidia-smi": "#!/bin/sh\necho 'GPU 0: Stand-in (UUID: x)'\n",
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return tools


@pytest.fixture
def told(programs: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a daemon and its clients, whose directories are there."""
    there = {name: tmp_path / name for name in mps.environment()}
    for directory in there.values():
        directory.mkdir()
    return {"PATH": f"{programs}:{os.environ['PATH']}"} | {name: str(path) for name, path in there.items()}


def start(told: dict[str, str]) -> list[str]:
    """The container's command, which leaves this machine's shared memory alone."""
    return [part.replace(mps.SHARED_MEMORY, told["CUDA_MPS_LOG_DIRECTORY"]) for part in mps.command()]


@pytest.fixture
def daemon(told: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The container's command, started where an earlier daemon left something."""
    for left in ("since", "control"):
        Path(told["CUDA_MPS_PIPE_DIRECTORY"], left).write_text("0\n")
    running = subprocess.Popen(start(told), env=told, start_new_session=True)
    yield running
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def asked(check: list[str], told: dict[str, str]) -> tuple[bool, str]:
    done = subprocess.run(check, env=told, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout


def answers(told: dict[str, str]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if asked(mps.health_command(), told)[0]:
            return True
        time.sleep(0.05)
    return False


def test_a_daemon_says_since_when_it_answers_and_ends_when_it_is_told(
    daemon: "subprocess.Popen[bytes]", told: dict[str, str]
) -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert answers(told)
    pipes = Path(told["CUDA_MPS_PIPE_DIRECTORY"])
    assert before * 100 <= int((pipes / "since").read_text()) <= time.clock_gettime(time.CLOCK_BOOTTIME) * 100
    assert not (pipes / "control").exists(), "what an earlier one left"
    daemon.terminate()
    assert daemon.wait(timeout=20) == 0
    assert asked(mps.health_command(), told) == (
        False,
        "the MPS daemon does not answer: Cannot find MPS control daemon process\n",
    )


def test_a_daemon_that_ends_by_itself_ends_its_container(programs: Path, told: dict[str, str]) -> None:
    tool = programs / "nvidia-cuda-mps-control"
    tool.write_text("#!/bin/sh\n[ \"$1\" != -f ] || exit 1\necho 'no card'\n")
    done = subprocess.run(start(told), env=told, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "no card" in done.stdout


def test_an_engine_is_healthy_only_as_a_client_of_the_daemon(
    daemon: "subprocess.Popen[bytes]", told: dict[str, str]
) -> None:
    check = gpu_health(["0"], ["echo", "ready"], mps=True)
    healthy, said = asked(check, told)
    assert not healthy
    assert "the MPS daemon does not answer: " in said
    assert answers(told)
    # This machine's first process is an engine that was there before the daemon.
    assert asked(check, told) == (False, "the engine is older than the MPS daemon: restart it\n")
    Path(told["CUDA_MPS_PIPE_DIRECTORY"], "since").write_text("0\n")
    assert asked(check, told) == (True, "ready\n")
