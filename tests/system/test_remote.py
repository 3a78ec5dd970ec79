"""Docker engines that are reached over the network: tcp:// with TLS both ways, and ssh://."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from bootstrap.pulumi import Engine
from pulumi_tts.config import load_stack
from pulumi_tts.docker.preflight import uses_local_images
from pulumi_tts.plan.images import base_image
from tests.loopback import free_port
from tests.system.another_docker import copy_image
from tests.system.another_host import AnotherHost, address_of, another_host
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment
from tests.system.test_hosts import failure
from tests.waiting import wait_for

NUMBER = 2

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="starts a Docker engine")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, *leaves: tuple[str, str]) -> Path:
    """A folder with `ca.pem`, and for each leaf, of a name and an extension, `NAME.pem` and `NAME-key.pem`."""
    folder.mkdir()
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca", "-days", "2",
            "-keyout", "ca-key.pem", "-out", "ca.pem")  # fmt: skip
    for name, extension in leaves:
        (folder / "extension").write_text(extension)
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}-key.pem", "-out", "request")  # fmt: skip
        openssl(folder, "x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
                "-days", "2", "-extfile", "extension", "-out", f"{name}.pem")  # fmt: skip
    return folder


def clients(folder: Path, to: Path) -> Path:
    """What a client has: a folder as Docker's own, with `ca.pem`, `cert.pem` and `key.pem`."""
    to.mkdir()
    for of_authority, of_client in (("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client-key.pem", "key.pem")):
        shutil.copy(folder / of_authority, to / of_client)
    return to


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the other machine has, and what its clients have."""
    at = f"subjectAltName = IP:{address_of(NUMBER)}"
    return authority(
        tmp_path_factory.mktemp("tls") / "right", ("server", at), ("client", "extendedKeyUsage=clientAuth")
    )


@pytest.fixture(scope="module")
def local() -> bool:
    """Whether images are built here."""
    return uses_local_images(load_stack(dev_like(free_port())))


@pytest.fixture(scope="module")
def base(local: bool) -> str:
    """The image that instances are made of."""
    return base_image(local)


@pytest.fixture(scope="module")
def there(certificates: Path, base: str) -> Iterator[AnotherHost]:
    """A machine whose engine is reached with a certificate only."""
    tls = [
        f"--host=tcp://{address_of(NUMBER)}:2376",
        "--tlsverify",
        f"--tlscacert={certificates}/ca.pem",
        f"--tlscert={certificates}/server.pem",
        f"--tlskey={certificates}/server-key.pem",
    ]
    with another_host(NUMBER, tls) as host:
        copy_image(base, host.endpoint)
        yield host


@pytest.fixture
def remote(there: AnotherHost, base: str, local: bool, engine: Engine, tmp_path: Path) -> Iterator[Deployment]:
    """A stack with one instance on the other machine, whose endpoint a test writes; it does nothing but run."""
    idle = {
        "image": base,
        "command": ["sleep", "infinity"],
        "port": 8000,
        "memory": "64m",
        "stop_grace": "1s",
        "health": {"command": ["true"], "path": "/", "interval": "1s", "timeout": "1s", "retries": 3, "startup": "60s"},
    }
    config: dict[str, Any] = {
        "images": "local" if local else "registry",
        "hosts": [{"name": "here"}, {"name": "there", "address": there.address}],
        "pools": [
            {
                "name": "idle",
                "engine": idle,
                "guard": "none",
                "routes": {"path": "/"},
                "pins": [{"instance": 1, "host": "there"}],
            }
        ],
        "edge": {"port": free_port()},
    }
    deployment = Deployment("remote", config, tmp_path / "stack", engine)
    with deployment.in_place():
        yield deployment


def runs_there(there: AnotherHost) -> list[str]:
    return [str(container.name) for container in docker.DockerClient(base_url=there.endpoint).containers.list()]


def test_an_engine_behind_tls(remote: Deployment, there: AnotherHost, certificates: Path, tmp_path: Path) -> None:
    ours = clients(certificates, tmp_path / "ours")
    host: dict[str, Any] = remote.config["hosts"][1]
    host["docker"] = f"tcp://{there.address}:2376"
    host["certificates"] = str(ours)
    remote.up()
    assert runs_there(there) == ["tts-remote-idle-1"]
    remote.up(expect_no_changes=True)
    state = str(remote.stack.export_stack().deployment)
    assert str(ours) in state
    assert "PRIVATE KEY" not in state
    assert "BEGIN CERTIFICATE" not in state


def test_an_engine_behind_tls_is_not_reached_with_a_strangers_certificate(
    remote: Deployment, there: AnotherHost, certificates: Path, tmp_path: Path
) -> None:
    strange = authority(tmp_path / "strange", ("client", "extendedKeyUsage=clientAuth"))
    shutil.copy(certificates / "ca.pem", strange / "ca.pem")
    remote.config["hosts"][1] |= {
        "docker": f"tcp://{there.address}:2376",
        "certificates": str(clients(strange, tmp_path / "theirs")),
    }
    assert "hosts[1].docker" in failure(remote)
    remote.config["hosts"][1]["certificates"] = str(clients(certificates, tmp_path / "ours"))
    remote.up()


def ssh_config(folder: Path, there: AnotherHost) -> str:
    """Lets who has the key in this folder in as root, and gives back the endpoint; `ssh` on PATH finds the key."""
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    (folder / "sshd_config").write_text(
        f"ListenAddress {there.address}:2222\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nPidFile none\nMaxStartups 100\n"
        f"SetEnv DOCKER_HOST={there.endpoint}\n"
    )
    (folder / "known_hosts").write_text(f"[{there.address}]:2222 {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(
        f"Host {there.address}\n  IdentityFile {folder}/user\n  UserKnownHostsFile {folder}/known_hosts\n"
    )
    # As ~/.ssh/config would: what Pulumi's provider and docker-py start is the `ssh` on PATH.
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    (folder / "ssh").chmod(0o755)
    return f"ssh://root@{there.address}:2222"


def listens(address: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


@pytest.mark.skipif(not shutil.which("sshd"), reason="no sshd here (Debian's openssh-server)")
def test_an_engine_behind_ssh(
    remote: Deployment, there: AnotherHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd goes into it before it knows a user
    remote.config["hosts"][1]["docker"] = ssh_config(tmp_path, there)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with there.running("/usr/sbin/sshd", "-D", "-f", str(tmp_path / "sshd_config")):
        wait_for(lambda: listens(there.address, 2222), 30)
        remote.up()
        assert runs_there(there) == ["tts-remote-idle-1"]
        remote.up(expect_no_changes=True)
    # Another way to the same engine changes nothing on it; and this one is still there when the stack is taken away.
    remote.config["hosts"][1]["docker"] = there.endpoint
    remote.up()
