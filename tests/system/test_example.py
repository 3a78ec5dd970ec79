"""The example in examples/: another stack that imports our components beside a container of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.paths import CHECKOUT
from bootstrap.pulumi import Engine
from pulumi_tts.config import load_stack
from pulumi_tts.docker.preflight import uses_local_images
from tests.loopback import free_port
from tests.services.hearing import read_wav
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment

EXAMPLE = CHECKOUT / "examples" / "beside-your-own"


@pytest.fixture
def example(engine: Engine, tmp_path: Path) -> Iterator[Deployment]:
    """The example's stack, up."""
    deployment = Deployment("example", {}, tmp_path, engine, program=EXAMPLE)
    local = uses_local_images(load_stack(dev_like(free_port())))
    deployment.extra_config = {
        "beside-your-own:images": "local" if local else "registry",
        "beside-your-own:port": str(free_port()),
    }
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.destroy()
        for number in (1, 2):
            deployment.docker.volumes.get(f"example-speech-{number}-outputs").remove()


def test_the_page_of_its_own_and_the_pool_answer_behind_one_edge(example: Deployment) -> None:
    port = example.extra_config["beside-your-own:port"]
    with example.client() as client:
        assert "A page of your own" in client.get(f"http://page.localhost:{port}/").text
        body = {"model": "voice", "input": "Hello.", "response_format": "wav"}
        speech = client.post(f"http://speech.localhost:{port}/v1/audio/speech", json=body)
    assert speech.status_code == 200
    assert read_wav(speech.content)
    example.up(expect_no_changes=True)


def test_its_unit_test_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)]
    outcome = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert "1 passed" in outcome.stdout, outcome.stdout + outcome.stderr
