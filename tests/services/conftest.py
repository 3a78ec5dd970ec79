"""A service as a process of its own, for what only a real server shows: streams, cut connections, signals."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.loopback import free_port
from tests.services.serving import SERVICES, Server, Start, answers
from tests.waiting import wait_for

sys.path.insert(0, str(SERVICES))  # the packages `voice` and `studio`, as their images have them


@contextmanager
def processes(folder: Path) -> Iterator[Start]:
    """Gives a function that starts `python -m MODULE` with these variables and waits until its `ready` path
    answers; ends what it started."""
    started: list[Server] = []

    def run(module: str = "voice", ready: str = "/health", **variables: str) -> Server:
        port = free_port()
        outputs = folder / f"outputs-{port}"
        outputs.mkdir()
        prefix = module.upper()
        environment = {
            **os.environ,
            "PYTHONPATH": str(SERVICES),
            f"{prefix}_HOST": "127.0.0.1",
            f"{prefix}_PORT": str(port),
            f"{prefix}_OUTPUTS_DIR": str(outputs),
            "GRADIO_TEMP_DIR": str(folder / "gradio"),
            **variables,
        }
        with (folder / f"log-{port}").open("w") as log:
            process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=log, text=True)
        server = Server(f"http://127.0.0.1:{port}", process, outputs)
        started.append(server)
        wait_for(lambda: answers(server, ready), seconds=60)
        return server

    try:
        yield run
    finally:
        for server in started:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with processes(tmp_path) as run:
        yield run


@pytest.fixture(scope="module")
def start_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """For servers that the tests of a module share, being slow to start."""
    with processes(tmp_path_factory.mktemp("shared")) as run:
        yield run
