"""Another machine, as far as Docker and the network can tell: an address of its own, and an engine of its own there.

It is a network namespace at the other end of a wire (veth), with this machine as its way to the rest of the world.
"""

import contextlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.system.another_docker import namespace_of

_PATIENCE = 60.0


class AnotherHost:
    """One such machine; its engine can be stopped and started again, with what it had."""

    def __init__(self, number: int, namespace: int, folder: Path, arguments: Sequence[str]) -> None:
        self.endpoint = f"unix://{folder}/docker.sock"
        self.address = address_of(number)
        self._enter = ("nsenter", f"--net=/proc/{namespace}/ns/net")
        self._log = folder / "log"
        self._command = [
            *self._enter,
            "dockerd",
            f"--host={self.endpoint}",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
            f"--containerd-namespace={namespace_of(folder)}",
            f"--containerd-plugins-namespace={namespace_of(folder)}-plugins",
            "--bridge=none",
            f"--default-address-pool=base=10.{220 + number}.0.0/16,size=24",
            *arguments,
        ]
        self._engine: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the engine, and with it the containers that ran when it was stopped."""
        with self._log.open("ab") as log:
            self._engine = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._engine.poll() is None:
            with contextlib.suppress(docker.errors.DockerException):
                docker.DockerClient(base_url=self.endpoint).ping()
                return
            time.sleep(0.2)
        raise RuntimeError(f"the other host's engine did not start:\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Ends the engine, and its containers with it."""
        if self._engine:
            self._engine.terminate()
            self._engine.wait(timeout=_PATIENCE)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """The engine takes connections meanwhile and answers nothing; its containers live on."""
        assert self._engine
        self._engine.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._engine.send_signal(signal.SIGCONT)

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """A program that runs on that machine meanwhile."""
        program = subprocess.Popen([*self._enter, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            program.terminate()
            program.wait(timeout=_PATIENCE)

    def run(self, *command: str) -> int:
        """The exit status of a command on that machine."""
        return subprocess.run([*self._enter, *command], check=False, capture_output=True).returncode


@contextmanager
def another_host(number: int, arguments: Sequence[str] = ()) -> Iterator[AnotherHost]:
    """A machine that is there meanwhile; ``number``, from 1 to 9, tells it from others, ``arguments`` are dockerd's."""
    wire, near, far = f"tts-host-{number}", _address(number, 1), address_of(number)
    # Not pytest's own folder: a socket's path may have 107 characters.
    # And hexadecimal: containerd takes no name that ends with the underscore of a random one.
    folder = Path(tempfile.gettempdir(), f"tts-host-{secrets.token_hex(4)}")
    folder.mkdir(mode=0o700)
    namespace = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec cat"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert namespace.stdout
    namespace.stdout.readline()
    host = AnotherHost(number, namespace.pid, folder, arguments)
    try:
        _ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", str(namespace.pid))
        _ip("address", "add", f"{near}/24", "dev", wire)
        _ip("link", "set", wire, "up")
        for step in (f"address add {far}/24 dev eth0", "link set eth0 up", f"route add default via {near}"):
            assert host.run("ip", *step.split()) == 0
        host.start()
        yield host
    finally:
        host.stop()
        # The wire goes with it.
        namespace.kill()
        namespace.wait()
        shutil.rmtree(folder, ignore_errors=True)


def address_of(number: int) -> str:
    """The address that a machine of this number has."""
    return _address(number, 2)


def _address(number: int, end: int) -> str:
    return f"10.214.{number}.{end}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
