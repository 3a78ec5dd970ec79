"""One service on two machines: real engines, a network between them, and what happens when one is gone."""

import copy
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from pulumi import automation as auto

from bootstrap.pulumi import Engine
from pulumi_tts.config import load_stack
from pulumi_tts.config.engines import ENGINES
from pulumi_tts.docker.preflight import uses_local_images
from pulumi_tts.plan.images import base_image, engine_image, envoy_image
from tests.loopback import free_port
from tests.system.another_docker import copy_image
from tests.system.another_host import AnotherHost, another_host
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment
from tests.system.images import on_this_machine

OUTSIDE = "198.51.100.1"
"""An address of the world outside (RFC 5737), which this machine has meanwhile."""

PATIENT = {"interval": "2s", "timeout": "2s", "retries": 5, "startup": "180s"}
"""Health checks that a machine which has two engines to run may be slow to answer."""

SPEECH = {"input": "Here and there.", "response_format": "wav"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="starts a Docker engine")


class Fleet(Deployment):
    """A stack that is also on another machine."""

    there: docker.DockerClient

    def ids_there(self) -> dict[str, str]:
        """The id of every instance of this stack on the other machine, by its name."""
        labels = [f"pulumi-tts.stack={self.full_name}", "pulumi-tts.part=instance"]
        listed = self.there.containers.list(all=True, filters={"label": labels})
        return {str(container.name): str(container.id) for container in listed}

    def everywhere(self) -> dict[str, str]:
        """The id of every container that lasts on this machine, and of every instance on the other."""
        return self.lasting_ids() | self.ids_there()

    def instances(self) -> dict[str, str]:
        """The same of instances alone."""
        return {name: id_ for name, id_ in self.everywhere().items() if name.startswith(f"{self.full_name}-voice-")}

    def speaks(self, name: str) -> bool:
        """Whether speech comes from a host name at the edge."""
        with self.client() as client:
            url = f"http://{name}.localhost:{self.config['edge']['port']}/v1/audio/speech"
            answer = client.post(url, json=SPEECH)
        return answer.status_code == 200 and answer.content.startswith(b"RIFF")


def bring_images(there: AnotherHost) -> str:
    """Brings the images that both machines need, which the other one can neither build nor pull; the engine's name."""
    local = uses_local_images(load_stack(dev_like(free_port())))
    engine = engine_image(ENGINES["voice"], base_image(local))
    for image in (engine, envoy_image(local)):
        copy_image(on_this_machine(image), there.endpoint)
    if local:
        copy_image(base_image(local), there.endpoint)
    return engine.reference


def two_hosts(there: AnotherHost, image: str) -> dict[str, Any]:
    """Four instances that speak, on this machine and another one."""
    engine = {
        "image": image,
        "port": 8000,
        "memory": "1g",
        "stop_grace": "5s",
        "outputs": "/outputs",
        "health": {"command": ["python3", "-m", "voice.healthcheck"], "path": "/health", **PATIENT},
    }
    return {
        "images": "local" if uses_local_images(load_stack(dev_like(free_port()))) else "registry",
        "hosts": [{"name": "here"}, {"name": "there", "docker": there.endpoint, "address": there.address}],
        "pools": [
            {
                "name": "voice",
                "engine": engine,
                "instances": 4,
                "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"},
            }
        ],
        "edge": {"port": free_port()},
    }


@pytest.fixture(scope="module")
def there() -> Iterator[AnotherHost]:
    """The other machine."""
    with another_host(1) as host:
        yield host


@pytest.fixture(scope="module")
def image(there: AnotherHost) -> str:
    """The engine that speaks, on both machines."""
    return bring_images(there)


@pytest.fixture(scope="module")
def fleet(there: AnotherHost, image: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A stack on both; who changes its config changes it back."""
    deployment = Fleet("fleet", two_hosts(there, image), tmp_path_factory.mktemp("fleet"), engine)
    deployment.there = docker.DockerClient(base_url=there.endpoint)
    with deployment.in_place():
        deployment.up()
        yield deployment


@pytest.fixture
def changed(fleet: Fleet) -> Iterator[Fleet]:
    """The stack, whose config may be changed; it is brought back afterwards."""
    before = copy.deepcopy(fleet.config)
    yield fleet
    fleet.config = before


def published(container: Container) -> dict[str, Any]:
    """The ports of a container that are reached from outside, and where."""
    return {port: at for port, at in container.ports.items() if at}


def failure(fleet: Deployment) -> str:
    """What is said by an `up` that fails."""
    with pytest.raises(auto.CommandError) as error:
        fleet.up()
    assert "Traceback" not in str(error.value), "a person is not shown the program's insides"
    return str(error.value)


def until_the_edge_has_seen_it(fleet: Fleet) -> None:
    """Waits until the edge has left out what does not answer."""
    until, in_a_row = time.monotonic() + 60, 0
    while in_a_row < 4:
        assert time.monotonic() < until
        in_a_row = in_a_row + 1 if fleet.speaks("voice") else 0


@contextmanager
def world_outside() -> Iterator[socket.socket]:
    """A server out there, which lives on this machine."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
        os.system(f"ip address add {OUTSIDE}/32 dev lo")
        try:
            server.bind((OUTSIDE, 0))
            server.listen()
            yield server
        finally:
            os.system(f"ip address del {OUTSIDE}/32 dev lo")


def test_four_instances_on_two_hosts_speak_through_one_edge(fleet: Fleet) -> None:
    assert fleet.outputs()["pools"]["voice"]["hosts"] == ["here", "there", "here", "there"]
    assert set(fleet.ids_there()) == {"tts-fleet-voice-2", "tts-fleet-voice-4"}
    assert all(fleet.speaks(name) for name in ("voice", "voice1", "voice2", "voice3", "voice4"))


def test_a_second_up_and_a_refresh_find_nothing_to_do(fleet: Fleet) -> None:
    fleet.up(expect_no_changes=True)
    fleet.refresh(expect_no_changes=True)


def test_a_preview_shows_where_instances_go(fleet: Fleet) -> None:
    shown = fleet.stack.preview().stdout
    assert "INSTANCE  HOST   GPU  TAKES  LEFT" in shown
    assert "voice-2   there  -    -      -" in shown


def test_ports_are_on_the_private_address_and_nowhere_else(fleet: Fleet, there: AnotherHost) -> None:
    listed = {str(container.name): published(container) for container in fleet.there.containers.list()}
    assert listed == {
        "tts-fleet-voice-2": {"8000/tcp": [{"HostIp": there.address, "HostPort": "20000"}]},
        "tts-fleet-voice-4": {"8000/tcp": [{"HostIp": there.address, "HostPort": "20001"}]},
        "tts-fleet-socket-proxy-there": {"2375/tcp": [{"HostIp": there.address, "HostPort": "20999"}]},
    }
    elsewhere = "10.214.1.99"
    assert there.run("ip", "address", "add", f"{elsewhere}/24", "dev", "eth0") == 0
    with socket.create_connection((there.address, 20000), timeout=3):
        pass
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((elsewhere, 20000), timeout=3)
    assert there.run("bash", "-c", f"echo > /dev/tcp/{there.address}/20000") == 0
    assert there.run("bash", "-c", "echo > /dev/tcp/127.0.0.1/20000") != 0


def test_an_instance_elsewhere_finds_no_way_out(fleet: Fleet, there: AnotherHost) -> None:
    with world_outside() as server:
        port = server.getsockname()[1]
        attempt = f"import socket; socket.create_connection(('{OUTSIDE}', {port}), timeout=3)"
        assert there.run("python3", "-c", attempt) == 0, "the machine itself does"
        two, four = (fleet.there.containers.get(f"tts-fleet-voice-{number}") for number in (2, 4))
        code, said = two.exec_run(["python3", "-c", attempt])
        assert code != 0
        assert b"TimeoutError" in said or b"unreachable" in said, said
        neighbour = next(iter(four.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        code, said = two.exec_run(
            ["python3", "-c", f"import socket; socket.create_connection(('{neighbour}', 8000), 3)"]
        )
        assert code != 0, "nor does it reach the other instances there"


def test_instances_elsewhere_are_as_confined_as_those_here(fleet: Fleet) -> None:
    for id_ in fleet.ids_there().values():
        host = fleet.there.api.inspect_container(id_)["HostConfig"]
        assert (host["CapDrop"], host["ReadonlyRootfs"]) == (["ALL"], True)
        assert host["PidsLimit"] > 0 or not fleet.there.info()["PidsLimit"]


def test_one_more_instance_moves_no_other_and_no_port(changed: Fleet) -> None:
    before = changed.everywhere()
    changed.pool("voice")["instances"] = 6
    changed.up()
    after = changed.everywhere()
    assert {name: after[name] for name in before} == before
    assert changed.speaks("voice5")
    assert changed.speaks("voice6")
    changed.pool("voice")["instances"] = 4
    changed.up()
    assert changed.everywhere() == before


def test_while_a_host_is_gone_the_others_serve_and_change(changed: Fleet, there: AnotherHost) -> None:
    before = changed.lasting_ids()
    there_before = changed.ids_there()
    there.stop()
    try:
        until_the_edge_has_seen_it(changed)
        assert all(changed.speaks("voice") for _ in range(12)), "once the edge knows, no request fails"
        changed.pool("voice")["headers"] = {"X-While": "away"}
        changed.pool("voice")["instances"] = 5
        changed.pool("voice")["environment"] = {"VOICE_SLOTS": "3"}
        shown = changed.stack.preview()
        assert "does not answer as a Docker engine (host 'there'" in shown.stdout
        said = failure(changed)
        assert f"hosts[1].docker: '{there.endpoint}' does not answer as a Docker engine (host 'there'" in said
        assert "What is there (2 instances) is left as it is" in said
        assert "pulumi state delete --target-dependents 'urn:pulumi:fleet::" in said
        after = changed.lasting_ids()
        assert set(after) == {*before, "tts-fleet-voice-5"}, "new ones go where somebody answers"
        assert after["tts-fleet-edge"] == before["tts-fleet-edge"]
        assert after["tts-fleet-voice-1"] != before["tts-fleet-voice-1"], "the change arrives"
        with changed.client() as client:
            page = client.get(f"http://voice.localhost:{changed.config['edge']['port']}/health")
        assert page.headers["X-While"] == "away"
        assert "does not answer" in failure(changed)
        assert changed.lasting_ids() == after, "a second one changes nothing more"
    finally:
        there.start()
    assert changed.ids_there() == there_before
    changed.up()
    assert changed.ids_there() != there_before, "the change arrives there too"
    assert set(changed.ids_there()) == set(there_before)
    changed.up(expect_no_changes=True)
    assert changed.speaks("voice2")


def test_the_config_of_before_is_reached_again(fleet: Fleet) -> None:
    fleet.up()
    fleet.up(expect_no_changes=True)
    assert set(fleet.instances()) == {f"tts-fleet-voice-{number}" for number in (1, 2, 3, 4)}


def test_while_an_engine_hangs_its_instances_go_on_speaking(fleet: Fleet, there: AnotherHost) -> None:
    before = fleet.everywhere()
    with there.hanging():
        assert "does not answer" in failure(fleet)
        assert all(fleet.speaks(name) for name in ("voice1", "voice2", "voice3", "voice4"))
    fleet.up(expect_no_changes=True)
    assert fleet.everywhere() == before


def test_a_new_host_that_does_not_answer_is_refused(changed: Fleet) -> None:
    before = changed.everywhere()
    changed.config["hosts"].append({"name": "typo", "docker": "tcp://127.0.0.1:1", "address": "10.214.1.3"})
    assert "hosts[2].docker: 'tcp://127.0.0.1:1' does not answer" in failure(changed)
    assert changed.everywhere() == before


def test_one_machine_under_two_names_is_refused(changed: Fleet) -> None:
    also = {"name": "also", "docker": "unix:///run/../var/run/docker.sock", "address": "10.214.1.3"}
    changed.config["hosts"].append(also)
    assert "is the same Docker engine as that of the host 'here'" in failure(changed)


def test_without_a_host_its_instances_move_and_their_outputs_stay(changed: Fleet) -> None:
    assert changed.speaks("voice2")
    del changed.config["hosts"][1]
    said = changed.up().stdout
    assert "tts-fleet-voice-2 moves from there to here: what it has made stays on there" in said
    assert changed.ids_there() == {}
    assert {volume.name for volume in changed.there.volumes.list()} >= {"tts-fleet-voice-2-outputs"}
    assert all(changed.speaks(f"voice{number}") for number in (1, 2, 3, 4))
    changed.up(expect_no_changes=True)


def test_a_host_that_comes_back_gets_what_is_new(changed: Fleet) -> None:
    before = changed.instances()
    changed.pool("voice")["instances"] = 5
    changed.up()
    assert set(changed.ids_there()) == {"tts-fleet-voice-5"}
    assert {name: id_ for name, id_ in changed.instances().items() if name in before} == before
    changed.pool("voice")["instances"] = 4
    changed.up()
    changed.up(expect_no_changes=True)


def test_a_host_that_is_gone_for_good_is_given_up(changed: Fleet, there: AnotherHost) -> None:
    changed.pool("voice")["instances"] = 5
    changed.pool("voice")["pins"] = [{"instance": 5, "host": "there"}]
    changed.up()
    assert "tts-fleet-voice-5" in changed.ids_there()
    there.stop()
    try:
        forget, *_ = re.findall(r"`pulumi (state delete [^`]+)`", failure(changed))
        del changed.config["hosts"][1], changed.pool("voice")["pins"]
        changed.pulumi(*shlex.split(forget), "--yes")
        assert "what it has made stays on there" in changed.up().stdout
        assert changed.speaks("voice5")
        changed.up(expect_no_changes=True)
    finally:
        there.start()
    changed.config["hosts"].append({"name": "there", "docker": there.endpoint, "address": there.address})
    said = failure(changed)
    assert "hosts[1]: 'there' has containers of this stack that it knows nothing of (tts-fleet-voice-5" in said
    assert "'tts-fleet-voice-5' runs on 'here', and another container of that name is left on the host 'there'" in said
    (remove, *_) = re.findall(r"docker --host \S+ rm --force \$\(.+?\)", said)
    subprocess.run(remove, shell=True, check=True)
    changed.refresh()
    changed.up()
    assert changed.ids_there() == {}
