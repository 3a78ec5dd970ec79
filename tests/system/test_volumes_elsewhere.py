"""Weights and limits on two machines: each host has its own volume, fetched there, and tidies what is there."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from bootstrap.pulumi import Engine
from pulumi_tts.config import versions
from pulumi_tts.plan.images import envoy_image, own_image
from tests.loopback import free_port
from tests.services.hub import REPOSITORY, Hub
from tests.system.another_docker import copy_image
from tests.system.another_host import AnotherHost, another_host
from tests.system.deployment import Deployment
from tests.system.images import on_this_machine
from tests.system.test_weights import TOKEN, hub, reading_engine

__all__ = ["hub"]  # a fixture

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="starts a Docker engine")

BASE = versions.images().local_base


def two_hosts(there: AnotherHost, endpoint: str) -> dict[str, Any]:
    """An instance on each machine, which reads the same weights."""
    engine = reading_engine(BASE) | {"outputs": "/var/lib/made", "user": "10001:10001"}
    pins = [{"instance": 1, "host": "here"}, {"instance": 2, "host": "there"}]
    pool = {
        "name": "both",
        "engine": engine,
        "instances": 2,
        "pins": pins,
        "outputs_limit": {"size": "1g"},
        "guard": "none",
        "routes": {"path": "/both"},
    }
    return {
        "images": "local",
        "hosts": [{"name": "here"}, {"name": "there", "docker": there.endpoint, "address": there.address}],
        "pools": [pool],
        "hub": {"endpoint": endpoint, "token": {"secret": "hubToken"}},
        "edge": {"port": free_port()},
    }


@pytest.fixture
def fleet(hub: Hub, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Any]]:
    """The stack, not up yet, and the other machine's Docker."""
    if not docker.from_env().images.list(name=BASE):
        pytest.skip("images of ours would be built from a registry's on both machines")
    with another_host(2) as there:
        # Its engine builds nothing: without a bridge of its own, a build has no network.
        for image in (own_image("fill", local=True), own_image("tidy", local=True), envoy_image(local=True)):
            copy_image(on_this_machine(image), there.endpoint)
        copy_image(BASE, there.endpoint)
        deployment = Deployment("volumes", two_hosts(there, hub.url), tmp_path_factory.mktemp("volumes"), engine)
        deployment.set_secret("tts:hubToken", TOKEN)
        with deployment.in_place():
            yield deployment, docker.DockerClient(base_url=there.endpoint)


def test_each_host_fetches_once_and_tidies_what_is_on_it(fleet: tuple[Deployment, Any], hub: Hub) -> None:
    here, there = fleet
    here.up()
    assert sorted(path for path, _ in hub.asked) == sorted(2 * ["config.json", "model.safetensors"]), "once a host"
    for host, number, suffix in ((here.docker, 1, ""), (there, 2, "-there")):
        mounts = host.containers.get(f"tts-volumes-both-{number}").attrs["Mounts"]
        named = {mount["Destination"]: (mount["Name"], mount["RW"]) for mount in mounts}
        weights, may_write = named["/srv/model"]
        assert weights.startswith("tts-volumes-weights-model-")
        assert weights.endswith(suffix)
        assert not may_write
        assert host.containers.get(f"{weights}-fill").attrs["State"]["ExitCode"] == 0
        name = "there" if suffix else "here"
        (tidied,) = host.containers.get(f"tts-volumes-tidy-{name}-10001").attrs["Mounts"]
        assert tidied["Name"] == named["/var/lib/made"][0]
    hub.asked.clear()
    here.up(expect_no_changes=True)
    here.refresh(expect_no_changes=True)
    assert hub.asked == []
    assert REPOSITORY in str(there.containers.list(all=True, filters={"label": "pulumi-tts.part=weights"})[0].attrs)
