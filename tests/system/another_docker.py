"""A second Docker engine on this machine, with data, network and programs of its own; the first is left alone."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

_PATIENCE = 60.0


@contextmanager
def another_docker(programs: Path | None = None, addresses: str = "10.213.0.0/16") -> Iterator[str]:
    """The endpoint of an engine that runs meanwhile.

    ``programs`` is a folder that comes first on its PATH; ``addresses`` are what its networks are made of.
    """
    # Not pytest's own folder: a socket's path may have 107 characters.
    # And hexadecimal: containerd takes no name that ends with the underscore of a random one.
    folder = Path(tempfile.gettempdir(), f"tts-docker-{secrets.token_hex(4)}")
    folder.mkdir(mode=0o700)
    endpoint = f"unix://{folder}/docker.sock"
    command = [
        # A network namespace of its own: without a default bridge, an engine removes docker0, the first one's.
        # Its loopback has no address until it is up, and the edge's port could not be published there.
        *("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"),
        "dockerd",
        f"--host={endpoint}",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid",
        # A namespace of its own: the engines would otherwise see each other's containers in a shared containerd.
        f"--containerd-namespace={namespace_of(folder)}",
        f"--containerd-plugins-namespace={namespace_of(folder)}-plugins",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        f"--default-address-pool=base={addresses},size=24",
    ]
    path = os.environ["PATH"]
    environment = {**os.environ, "PATH": f"{programs}:{path}" if programs else path}
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(engine, endpoint, folder / "log")
        yield endpoint
    finally:
        engine.terminate()
        engine.wait(timeout=_PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def namespace_of(folder: Path) -> str:
    """What containerd is to call an engine's namespace: it takes no underscore at a word's beginning or end."""
    return folder.name.replace("_", "0")


def copy_image(reference: str, to: str, name: str | None = None) -> None:
    """Brings an image of this machine's Docker to another engine, under another ``name`` if one is given."""
    with tempfile.TemporaryFile() as archive:
        subprocess.run(["docker", "save", reference], stdout=archive, check=True)
        archive.seek(0)
        subprocess.run(["docker", "--host", to, "load", "--quiet"], stdin=archive, check=True, capture_output=True)
    if name:
        subprocess.run(["docker", "--host", to, "tag", reference, name], check=True)


def _wait(engine: "subprocess.Popen[bytes]", endpoint: str, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and engine.poll() is None:
        try:
            docker.DockerClient(base_url=endpoint).ping()
        except docker.errors.DockerException:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the second Docker engine did not start:\n{log.read_text()[-3000:]}")
