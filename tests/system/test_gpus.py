"""Cards reach containers exactly as planned: the real engine, a real Docker, and a stand-in for NVIDIA's runtime.

What stands in, and for what, is said in gpu_stand_in.py. No card is needed, and none is used.
"""

import copy
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from bootstrap.pulumi import Engine
from pulumi_tts import command
from pulumi_tts.config import load_stack, versions
from pulumi_tts.docker.preflight import uses_local_images
from pulumi_tts.plan.images import base_image
from tests.loopback import free_port
from tests.system.another_docker import another_docker, copy_image
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment
from tests.system.gpu_stand_in import StandIn, stand_in
from tests.system.images import edge_on_this_machine

CARDS = [f"GPU-{digit * 8}-0000-4000-8000-000000000000" for digit in "abcd"]

SPLIT = {CARDS[2]: [f"MIG-{digit * 8}-0000-5000-8000-000000000000" for digit in "12"]}
"""One of the cards has MIG devices, too."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="starts a Docker engine")


def gpu_config(docker_host: str, image: str) -> dict[str, Any]:
    """Two instances of one card each and one of two, on a host with four; they do nothing but run."""
    engine = {
        "image": image,
        "command": ["sleep", "infinity"],
        "port": 8000,
        "memory": "64m",
        "stop_grace": "1s",
        "vram": "8g",
        "health": {"command": ["true"], "path": "/", "interval": "1s", "timeout": "1s", "retries": 1, "startup": "20s"},
    }
    gpus = [{"id": at, "vram": "24g"} for at in range(4)]
    return {
        # Nothing is pulled: the images are there under the names that a registry would give them.
        "images": "registry",
        "hosts": [{"name": "cards", "docker": docker_host, "gpus": gpus}],
        "pools": [
            {"name": "solo", "engine": engine, "instances": 2, "guard": "none", "routes": {"path": "/solo"}},
            {"name": "pair", "engine": engine, "cards": 2, "guard": "none", "routes": {"path": "/pair"}},
        ],
        "edge": {"port": free_port()},
    }


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """The stand-in for NVIDIA's runtime, on a host with four cards."""
    return stand_in(tmp_path_factory.mktemp("stand-in"), {card: SPLIT.get(card, []) for card in CARDS})


@pytest.fixture(scope="module")
def gpus(runtime: StandIn, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack on a Docker engine that has cards, as far as it knows; who changes its config changes it back."""
    local = uses_local_images(load_stack(dev_like(free_port())))
    with another_docker(runtime.programs) as there:
        copy_image(edge_on_this_machine(local), there, versions.images().traefik)
        copy_image(base_image(local), there)
        deployment = Deployment("gputest", gpu_config(there, base_image(local)), tmp_path_factory.mktemp("g"), engine)
        deployment.docker = docker.DockerClient(base_url=there)
        with deployment.in_place():
            deployment.up()
            yield deployment


def arrived(gpus: Deployment, runtime: StandIn) -> dict[str, str]:
    """The cards that NVIDIA's runtime was told to give to each instance."""
    ids = {name.removeprefix("tts-gputest-"): id_ for name, id_ in gpus.lasting_ids().items()}
    # A set to the provider: NVIDIA's runtime counts cards by their place on the bus, whatever order they are named in.
    return {
        name: ",".join(sorted(runtime.seen(id_)["NVIDIA_VISIBLE_DEVICES"].split(",")))
        for name, id_ in ids.items()
        if name != "edge"
    }


def planned(gpus: Deployment, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The cards that `pulumi-tts plan` says each instance has."""
    path = Path(gpus.stack.workspace.work_dir) / "Pulumi.gputest.yaml"
    assert command.main(["plan", "--json", "--stack", str(path)]) == 0
    rows = json.loads(capsys.readouterr().out)["instances"]
    return {row["instance"]: ",".join(gpu["id"] for gpu in row["gpus"]) for row in rows}


@pytest.fixture
def changed(gpus: Deployment) -> Iterator[Deployment]:
    """The stack, whose config may be changed; it is brought back afterwards."""
    before = copy.deepcopy(gpus.config)
    yield gpus
    gpus.config = before


def test_each_instance_gets_the_cards_of_the_plan(
    gpus: Deployment, runtime: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert arrived(gpus, runtime) == {"solo-1": "0", "solo-2": "1", "pair-1": "2,3"}
    assert planned(gpus, capsys) == arrived(gpus, runtime)
    assert "CUDA_DEVICE_ORDER" in runtime.seen(gpus.lasting_ids()["tts-gputest-solo-1"])
    assert gpus.inside("pair-1", "nvidia-smi", "-L")[1].decode().split("UUID: ")[1:] == [
        f"{CARDS[2]})\nGPU 1: Stand-in (",
        f"{CARDS[3]})\n",
    ]


def test_a_second_up_and_a_refresh_find_nothing_to_do(gpus: Deployment) -> None:
    gpus.up(expect_no_changes=True)
    gpus.refresh(expect_no_changes=True)


def test_a_preview_shows_where_instances_go(gpus: Deployment) -> None:
    shown = gpus.stack.preview().stdout
    assert "INSTANCE  HOST   GPU  TAKES  LEFT" in shown
    assert "pair-1    cards  2,3  8g     15g,15g" in shown


def test_one_more_instance_leaves_the_others_on_their_cards(changed: Deployment, runtime: StandIn) -> None:
    before = changed.lasting_ids()
    changed.pool("solo")["instances"] = 3
    changed.up()
    after = changed.lasting_ids()
    assert {name: after[name] for name in before} == before
    assert arrived(changed, runtime)["solo-3"] in {"0", "1", "2", "3"}
    changed.pool("solo")["instances"] = 2
    changed.up()


def test_another_pin_replaces_its_instance_alone(
    changed: Deployment, runtime: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    before = changed.lasting_ids()
    changed.pool("solo")["pins"] = [{"instance": 2, "gpus": [3]}]
    changed.up()
    after = changed.lasting_ids()
    assert {name for name in before if after[name] != before[name]} == {"tts-gputest-solo-2"}
    assert arrived(changed, runtime) == {"solo-1": "0", "solo-2": "3", "pair-1": "2,3"}
    assert planned(changed, capsys) == arrived(changed, runtime)


def test_without_its_pin_an_instance_stays_where_it_is_now(changed: Deployment, runtime: StandIn) -> None:
    before = changed.lasting_ids()
    changed.up()
    assert changed.lasting_ids() == before
    assert arrived(changed, runtime)["solo-2"] == "3"


def test_a_pool_that_does_not_fit_is_refused_before_anything_is_touched(changed: Deployment) -> None:
    before = changed.lasting_ids()
    changed.pool("solo")["instances"] = 30
    with pytest.raises(Exception, match="without a place: it needs 8g on a card"):
        changed.up()
    assert changed.lasting_ids() == before


def test_cards_that_are_called_by_uuid_arrive_by_uuid(
    changed: Deployment, runtime: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    changed.config["hosts"][0]["gpus"] = [{"id": card, "vram": "24g"} for card in CARDS]
    changed.pool("pair")["pins"] = [{"instance": 1, "gpus": [CARDS[1], CARDS[3]]}]
    changed.up()
    assert arrived(changed, runtime) == {
        "solo-1": CARDS[0],
        "solo-2": CARDS[2],
        "pair-1": f"{CARDS[1]},{CARDS[3]}",
    }
    assert planned(changed, capsys) == arrived(changed, runtime)


def test_mig_devices_arrive_as_they_are_called(changed: Deployment, runtime: StandIn) -> None:
    first, second = SPLIT[CARDS[2]]
    host = changed.config["hosts"][0]
    host["mig"] = True
    host["gpus"] = [{"id": part, "vram": "10g"} for part in (first, second)] + [
        {"id": card, "vram": "24g"} for card in (CARDS[0], CARDS[1])
    ]
    changed.pool("solo")["pins"] = [{"instance": 1, "gpus": [second]}, {"instance": 2, "gpus": [first]}]
    changed.up()
    assert arrived(changed, runtime) == {"solo-1": second, "solo-2": first, "pair-1": f"{CARDS[0]},{CARDS[1]}"}
    assert changed.inside("solo-1", "nvidia-smi", "-L")[1].decode().splitlines() == [
        f"GPU 0: Stand-in (UUID: {CARDS[2]})",
        f"  MIG 1g.5gb     Device  0: (UUID: {second})",
    ]
    changed.up(expect_no_changes=True)


def test_an_instance_whose_card_is_gone_is_unhealthy(gpus: Deployment, runtime: StandIn) -> None:
    container = gpus.docker.containers.get("tts-gputest-solo-1")
    assert container.attrs["State"]["Health"]["Status"] == "healthy"
    runtime.lose_cards(str(container.id))
    until = time.monotonic() + 30
    while time.monotonic() < until and container.attrs["State"]["Health"]["Status"] == "healthy":
        time.sleep(0.5)
        container.reload()
    health = container.attrs["State"]["Health"]
    assert health["Status"] == "unhealthy"
    assert "1 cards were given, there are 0" in health["Log"][-1]["Output"]
