"""The real engine, the real Docker, and one stack that the tests of this folder share."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.pulumi import Engine, find_or_build
from tests.loopback import free_port
from tests.system.deployment import Deployment

QUICK = {"interval": "2s", "timeout": "2s", "retries": 3, "startup": "120s"}
"""Health checks that tests need not wait for."""

PACE = 0.3
"""Seconds that the pool `slow` takes for a second of audio."""


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Pulumi, found or built as `make up` does."""
    # Where a shell started the tests in the background, SIGINT is ignored, also by what they start: Pulumi would wait
    # five seconds for its language host at the end of every command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return find_or_build()


def dev_like(port: int) -> dict[str, Any]:
    """The dev stack's pools, checked more often, and one that takes its time."""
    voice_health = {"command": ["python3", "-m", "voice.healthcheck"], "path": "/health", **QUICK}
    studio_health = {"command": ["python3", "-m", "studio.healthcheck"], "path": "/config", **QUICK}
    return {
        "pools": [
            {
                "name": "voice",
                "engine": "voice",
                "instances": 2,
                "health": voice_health,
                "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}", "path": "/speech"},
            },
            {
                "name": "studio",
                "engine": "studio",
                "instances": 2,
                "health": studio_health,
                "routes": {"path": "/studio"},
            },
            {
                "name": "slow",
                "engine": "voice",
                "environment": {"VOICE_PACE": str(PACE)},
                "health": voice_health,
                "routes": {"pool": "slow.{domain}"},
            },
        ],
        "edge": {"port": port},
    }


@pytest.fixture(scope="session")
def shared(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack that is up; who changes its config changes it back."""
    deployment = Deployment("systest", dev_like(free_port()), tmp_path_factory.mktemp("systest"), engine)
    with deployment.in_place():
        with deployment.events() as events:
            deployment.up()
        deployment.first_up = events
        yield deployment


@pytest.fixture
def refused(engine: Engine, tmp_path: Path) -> Deployment:
    """A stack of one test's own that never comes up: one instance that would speak."""
    config = dev_like(free_port())
    config["pools"] = [{**config["pools"][0], "instances": 1}]
    return Deployment("single", config, tmp_path, engine)


@pytest.fixture
def single(refused: Deployment) -> Iterator[Deployment]:
    """The same, to be brought up; it is taken away afterwards."""
    with refused.in_place():
        yield refused
