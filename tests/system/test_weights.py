"""Weights in a volume: fetched once for a host before anything starts, from a hub on this machine, on the real engine.

The hub is tests/services/hub.py; Hugging Face itself is out of reach here. Instances do nothing but have their weights.
"""

import copy
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker
import pytest

from bootstrap.pulumi import Engine
from pulumi_tts.config import load_stack
from pulumi_tts.docker.preflight import uses_local_images
from pulumi_tts.plan.images import base_image
from tests.loopback import free_port
from tests.services.hub import REPOSITORY, REVISION, Hub, a_hub
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment

MODEL = random.Random(2).randbytes(12_000_000)
FILES = {"config.json": b"{}", "model.safetensors": MODEL}
TOKEN = "hf_only_for_some"


def reading_engine(image: str) -> dict[str, Any]:
    """An engine that needs its weights to start: without them it ends at once."""
    return {
        "image": image,
        "weights": {"repository": REPOSITORY, "revision": REVISION, "directory": "/srv/model"},
        "command": ["sh", "-c", "cksum $0/model.safetensors && exec sleep infinity", "{directory}"],
        "port": 8000,
        "memory": "64m",
        "stop_grace": "1s",
        "user": "4321:4321",
        "health": {"command": ["true"], "path": "/", "interval": "1s", "timeout": "1s", "retries": 1, "startup": "20s"},
    }


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub that containers reach: on the address that this machine has on Docker's own bridge."""
    bridge = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0]
    with a_hub(dict(FILES), str(ip_network(bridge["Subnet"])[1])) as hub:
        hub.token = TOKEN
        yield hub


@pytest.fixture(scope="module")
def weights(hub: Hub, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two pools with the same weights; what their first `up` met is told by the first test."""
    local = uses_local_images(load_stack(dev_like(free_port())))
    own = reading_engine(base_image(local))
    config = {
        "pools": [
            {"name": "one", "engine": own, "instances": 2, "guard": "none", "routes": {"path": "/one"}},
            {"name": "two", "engine": own, "guard": "none", "routes": {"path": "/two"}},
        ],
        "hub": {"endpoint": hub.url, "token": {"secret": "hubToken"}},
        "edge": {"port": free_port()},
    }
    deployment = Deployment("weights", config, tmp_path_factory.mktemp("weights"), engine)
    deployment.set_secret("tts:hubToken", TOKEN)
    with deployment.in_place():
        yield deployment


@pytest.fixture
def changed(weights: Deployment) -> Iterator[Deployment]:
    """The stack, whose config may be changed; it is brought back afterwards."""
    before = copy.deepcopy(weights.config)
    yield weights
    weights.config = before


def instances(weights: Deployment) -> dict[str, str]:
    """The instances that there are, with their ids."""
    ids = weights.lasting_ids()
    return {name: id_ for name, id_ in ids.items() if name.startswith(("tts-weights-one-", "tts-weights-two-"))}


def the_volume(weights: Deployment) -> str:
    (name,) = [name for name in weights.volumes() if "-weights-model-" in name]
    return name


def test_a_fetch_that_fails_is_named_and_nothing_that_needs_it_is_started(weights: Deployment, hub: Hub) -> None:
    hub.cut_after["model.safetensors"] = 0
    with pytest.raises(Exception, match=f"{REPOSITORY}@{REVISION} was not fetched: model.safetensors could not") as met:
        weights.up()
    assert "Traceback" not in str(met.value)
    assert TOKEN not in str(met.value)
    assert instances(weights) == {}


def test_a_file_that_is_not_as_published_is_refused(weights: Deployment, hub: Hub) -> None:
    hub.cut_after.clear()
    hub.changed["model.safetensors"] = b"?" * len(MODEL)
    with pytest.raises(Exception, match=r"should have [0-9a-f]{64}; it was thrown away"):
        weights.up()
    assert instances(weights) == {}


def test_a_stack_whose_weights_failed_can_be_destroyed(weights: Deployment) -> None:
    weights.destroy()
    assert weights.lasting_ids() == {}
    assert the_volume(weights), "what has arrived is kept"


def test_the_next_up_goes_on_and_shows_how_far_it_is(weights: Deployment, hub: Hub) -> None:
    hub.changed.clear()
    hub.asked.clear()
    # Not over before anybody looks: of what is over, nothing is shown.
    hub.pause = 0.5
    shown = weights.up().stdout
    hub.pause = 0.0
    assert f"fetching {REPOSITORY}@{REVISION}: 2 files, 12 MB" in shown
    assert f"{REPOSITORY}@{REVISION} is there: 2 files, 12 MB" in shown
    assert [path for path, _ in hub.asked] == ["model.safetensors"], "the small file was there already"
    assert set(instances(weights)) == {"tts-weights-one-1", "tts-weights-one-2", "tts-weights-two-1"}


def test_all_instances_read_one_volume_and_cannot_write_to_it(weights: Deployment) -> None:
    for name, id_ in instances(weights).items():
        inspected = weights.docker.api.inspect_container(id_)
        (mount,) = inspected["Mounts"]
        assert (mount["Name"], mount["Destination"], mount["RW"]) == (the_volume(weights), "/srv/model", False)
        assert set(inspected["NetworkSettings"]["Networks"]) == {"tts-weights-network"}, "no way out is needed"
        read = weights.docker.containers.get(name).exec_run(["cat", "/srv/model/config.json"])
        assert (read.exit_code, read.output) == (0, b"{}")
        written = weights.docker.containers.get(name).exec_run(["touch", "/srv/model/mine"], user="0:0")
        assert b"Read-only file system" in written.output


def test_a_second_up_and_a_refresh_find_nothing_to_do_and_ask_the_hub_nothing(weights: Deployment, hub: Hub) -> None:
    hub.asked.clear()
    weights.up(expect_no_changes=True)
    weights.refresh(expect_no_changes=True)
    weights.up(expect_no_changes=True)
    assert hub.asked == []


def test_what_fetches_is_confined_and_keeps_its_token_out_of_sight(weights: Deployment) -> None:
    fill = weights.docker.api.inspect_container(f"{the_volume(weights)}-fill")
    host = fill["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert fill["Config"]["User"] == "10001:10001"
    assert TOKEN not in str(fill)
    state = Path(weights.stack.workspace.work_dir).parent / "state"
    assert not [path for path in state.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_container_that_was_cleaned_away_is_made_again_and_no_instance_notices(weights: Deployment, hub: Hub) -> None:
    before = instances(weights)
    weights.docker.containers.get(f"{the_volume(weights)}-fill").remove()
    hub.asked.clear()
    weights.up()
    assert hub.asked == []
    assert instances(weights) == before
    weights.up(expect_no_changes=True)


def test_the_volume_can_be_verified_without_a_network(weights: Deployment) -> None:
    fill = weights.docker.api.inspect_container(f"{the_volume(weights)}-fill")
    verified = weights.docker.containers.run(
        fill["Image"],
        ["python3", "-m", "fill", "verify"],
        network_mode="none",
        volumes={the_volume(weights): {"bind": "/weights", "mode": "ro"}},
        remove=True,
    )
    assert verified == b"2 files are what was fetched\n"


def test_another_model_has_another_volume_and_reaches_only_its_pool(changed: Deployment, hub: Hub) -> None:
    before = instances(changed)
    changed.pool("two")["weights"] = {"files": ["*.json"]}
    changed.pool("two")["command"] = ["sleep", "infinity"]
    changed.up()
    assert len([name for name in changed.volumes() if "-weights-model-" in name]) == 2
    after = instances(changed)
    assert {name for name in before if before[name] != after[name]} == {"tts-weights-two-1"}
    read = changed.docker.containers.get("tts-weights-two-1").exec_run(["ls", "/srv/model"])
    assert read.output == b"config.json\n"


def test_an_up_that_is_interrupted_leaves_the_fetch_going_and_the_next_one_follows_it(
    changed: Deployment, hub: Hub
) -> None:
    changed.pool("two")["weights"] = {"files": ["*.safetensors"]}
    hub.asked.clear()
    hub.pause = 0.5
    with ThreadPoolExecutor() as beside:
        interrupted = beside.submit(changed.up)
        until = time.monotonic() + 60
        while not hub.asked and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(child_called("pulumi"), signal.SIGINT)
        with pytest.raises(Exception, match="cancel"):
            interrupted.result(timeout=60)
    hub.pause = 0.0
    changed.up()
    assert [path for path, _ in hub.asked] == ["model.safetensors"], "it was not begun again"
    assert "tts-weights-two-1" in instances(changed)


def child_called(name: str) -> int:
    """The process id of a program that this one has started."""
    for status in Path("/proc").glob("[0-9]*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        if fields["Name"] == name and fields["PPid"] == str(os.getpid()):
            return int(fields["Pid"])
    raise AssertionError(f"no {name} runs")


def test_the_volume_outlives_the_stack(weights: Deployment, hub: Hub) -> None:
    weights.up()
    weights.destroy()
    assert [name for name in weights.volumes() if "-weights-model-" in name]
    hub.asked.clear()
    weights.up()
    assert hub.asked == []
