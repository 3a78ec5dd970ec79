"""A Docker engine that answers: the one that is there or, on Debian and Ubuntu as root, the distribution's.

Which engine is asked is Docker's own rule: DOCKER_HOST where set, else the default socket. An engine that
somebody else set up is never touched.
"""

import os
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from bootstrap import packages
from bootstrap.machine import has_systemd, may_install
from bootstrap.paths import CACHE
from bootstrap.say import Problem, detail, long_step, say
from bootstrap.shell import quietly

DEFAULT_SOCKET = Path("/var/run/docker.sock")
# A first start makes the storage folders and the bridge: 2 s on two cores, so a minute is generous.
START_SECONDS = 60

# Where a daemon that the bootstrap started (no systemd: containers, chroots) keeps its log and process id.
OWN_DAEMON = CACHE / "dockerd"
OWN_PID = OWN_DAEMON / "pid"
OWN_LOG = OWN_DAEMON / "log"


@dataclass(frozen=True)
class Silence:
    """Why no engine answers at `host`."""

    host: str
    reason: str
    denied: bool  # something is there, and this user may not speak to it


def host() -> str:
    return os.environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"


def client() -> docker.DockerClient:
    """A client of the engine; the caller closes it. Raises DockerException where none answers."""
    return docker.from_env(version="auto", timeout=60, use_ssh_client=True)


def version_or_silence() -> str | Silence:
    """The version of the engine that answers, or why none does."""
    try:
        connection = client()
    except DockerException as error:
        return Silence(host(), plain_reason(error), denied="Permission denied" in str(error))
    with closing(connection):
        return str(connection.version()["Version"])


def plain_reason(error: Exception) -> str:
    """The innermost reason in the chain of errors that the client library wraps around it."""
    text = str(error)
    for sign, reason in (
        ("Permission denied", "permission denied"),
        ("No such file or directory", "there is no such socket"),
        ("Connection refused", "nothing listens there"),
    ):
        if sign in text:
            return reason
    return text


def ensure() -> None:
    """Have an engine that answers.

    Raises Problem with what to do where none answers and the bootstrap may not, or could not, start one.
    """
    answer = version_or_silence()
    if isinstance(answer, Silence):
        refuse_what_is_not_ours_to_start(answer)
        install_engine()
        start_engine()
        answer = version_or_silence()
    if isinstance(answer, Silence):
        raise Problem(f"Docker was started and does not answer at {answer.host}: {answer.reason}.")
    say(f"Docker: {answer} answers at {host()}")


def refuse_what_is_not_ours_to_start(silence: Silence) -> None:
    """Raise Problem unless the missing engine is one that the bootstrap may install and start here."""
    if os.environ.get("DOCKER_HOST"):
        raise Problem(
            f"DOCKER_HOST is {silence.host}, and no Docker engine answers there: {silence.reason}. "
            "Start that engine, or unset DOCKER_HOST to use this machine's."
        )
    if silence.denied:
        raise Problem(
            f"this user may not speak to Docker at {silence.host}. Join its group "
            "(`sudo usermod -aG docker $USER`, then log in again), or run as root."
        )
    if not may_install():
        raise Problem(
            f"no Docker engine answers at {silence.host}: {silence.reason}. Install Docker Engine 20.10 or "
            "newer, start it, and run this again. (`make` does that only on Debian or Ubuntu, as root.)"
        )


def engine_program() -> str | None:
    """The daemon's executable. A `docker` command says nothing: it may be a client without an engine."""
    return shutil.which("dockerd", path=packages.system_path())


def install_engine() -> None:
    if engine_program():
        return
    names = ["docker.io", "iptables"]
    if Path("/sys/module/apparmor/parameters/enabled").is_file() and not shutil.which(
        "apparmor_parser", path=packages.system_path()
    ):
        # The kernel has AppArmor on: without the parser Docker cannot load its profile; no container starts.
        names.append("apparmor")
    packages.install(names)


def start_engine() -> None:
    """Start the installed engine and wait until it answers.

    Raises Problem with the end of the daemon's log when it dies or stays silent.
    """
    if has_systemd():
        with long_step("Docker: starting the service"):
            quietly(["systemctl", "start", "docker"])
        return
    executable = engine_program()
    if executable is None:
        raise Problem("the package docker.io was installed, and there is no dockerd: reinstall it.")
    with long_step(f"Docker: starting {executable}, log in {OWN_LOG}"):
        run_daemon(executable)


def run_daemon(executable: str) -> None:
    """Start dockerd in the background, for machines without systemd."""
    OWN_DAEMON.mkdir(parents=True, exist_ok=True)
    with OWN_LOG.open("wb") as log:
        daemon = subprocess.Popen(  # noqa: S603
            [executable],
            env={**os.environ, "PATH": packages.system_path()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    OWN_PID.write_text(f"{daemon.pid}\n")
    deadline = time.monotonic() + START_SECONDS
    while isinstance(version_or_silence(), Silence):
        ended = daemon.poll() is not None
        if ended or time.monotonic() > deadline:
            daemon.terminate()
            OWN_PID.unlink()
            raise Problem(why_it_died(OWN_LOG.read_text(errors="replace"), ended=ended))
        time.sleep(0.2)


def why_it_died(log: str, *, ended: bool) -> str:
    """What to tell a person about a daemon that did not come up, from its log."""
    hints = (
        (
            "error initializing graphdriver",
            "Its storage driver does not work on the file system under /var/lib/docker: mount an ext4 or xfs "
            'file system there, or put {"storage-driver": "vfs"} into /etc/docker/daemon.json (slow).',
        ),
        (
            "iptables failed",
            "It may not change the packet filter: in a container, that needs --privileged.",
        ),
        (
            "cgroup isn't mounted",
            "It finds no usable control groups: mount them (package cgroupfs-mount).",
        ),
        (
            "pid file found",
            "Another dockerd runs, or one left its pid file behind: end it, or remove that file.",
        ),
    )
    hint = next((hint for sign, hint in hints if sign in log), "")
    end = "\n".join(f"    {line}" for line in log.splitlines()[-15:])
    happened = "ended at once" if ended else f"does not answer after {START_SECONDS} s"
    return f"dockerd {happened}. {hint}\n    The end of {OWN_LOG}:\n{end}"


def own_daemon() -> int | None:
    """The process id of a running dockerd that the bootstrap started."""
    try:
        process = int(OWN_PID.read_text())
        runs = Path(f"/proc/{process}/comm").read_text().strip() == "dockerd"
    except (OSError, ValueError):
        return None
    return process if runs else None


def say_what_stays() -> None:
    if process := own_daemon():
        detail(f"Docker goes on running (process {process}, started by `make up`); `kill {process}` ends it.")
