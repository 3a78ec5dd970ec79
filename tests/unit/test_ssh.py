"""The way to an engine behind ssh://, through a stand-in for `ssh` that is the engine itself."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import requests

from pulumi_tts.docker import endpoint
from pulumi_tts.docker.endpoint import Endpoint, client
from pulumi_tts.docker.ssh import ssh_command

ANSWERS = f"""#!{sys.executable}
import sys
given = " ".join(sys.argv[1:])
while sys.stdin.buffer.readline():                             # a request's first line
    while sys.stdin.buffer.readline().strip(): pass            # and its headers
    body = '{{"ApiVersion": "1.41", "Asked": "' + given + '"}}'
    sys.stdout.write(f"HTTP/1.1 200 OK\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n{{body}}")
    sys.stdout.flush()
"""


@pytest.fixture
def forks() -> Iterator[list[int]]:
    """A process id each time that this process is copied; a program that is only started makes no copy."""
    seen: list[int] = []
    watching = True
    os.register_at_fork(after_in_parent=lambda: seen.append(os.getpid()) if watching else None)
    yield seen
    watching = False


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """A client is one for all who ask."""
    yield
    client.cache_clear()


def stand_in(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = folder / "ssh"
    ssh.write_text(text)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_an_engine_is_asked_through_ssh_and_no_process_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: list[int]
) -> None:
    stand_in(tmp_path, ANSWERS, monkeypatch)
    reached = client(Endpoint("ssh://ops@gpu-1:2222"))
    asked = [reached.version()["Asked"] for _ in range(3)]
    assert set(asked) == {" ".join(ssh_command("ssh://ops@gpu-1:2222")[1:])}
    assert forks == [], "gRPC's threads do not bear it"
    reached.close()


def test_an_engine_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "#!/bin/sh\nexec sleep 60\n", monkeypatch)
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.2)
    with pytest.raises((docker.errors.DockerException, requests.RequestException), match=r"timed out"):
        client(Endpoint("ssh://gpu-1"))


def test_an_ssh_that_fails_is_an_engine_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "#!/bin/sh\nexit 255\n", monkeypatch)
    with pytest.raises(docker.errors.DockerException, match="Error while fetching server API version"):
        client(Endpoint("ssh://gpu-1"))


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("ssh://gpu-1", ["--", "gpu-1"]),
        ("ssh://ops@gpu-1", ["-l", "ops", "--", "gpu-1"]),
        ("ssh://gpu-1:2222", ["-p", "2222", "--", "gpu-1"]),
        ("ssh://ops@GPU-A", ["-l", "ops", "--", "GPU-A"]),
        ("ssh://[fd00::7]:22", ["-p", "22", "--", "fd00::7"]),
        ("ssh://-oProxyCommand=x", ["--", "-oProxyCommand=x"]),
    ],
)
def test_what_a_connection_is_made_by(url: str, where: list[str]) -> None:
    command = ssh_command(url)
    assert command[command.index("-T") + 1 : -3] == where
    assert command[-3:] == ["docker", "system", "dial-stdio"]
