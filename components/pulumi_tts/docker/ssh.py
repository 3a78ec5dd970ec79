"""The way to a Docker engine behind `ssh://`: a connection is an `ssh` of its own, as the `docker` command has it."""

import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

_PATIENCE = 30
"""Seconds in which the other machine takes a connection; Docker's own command has as many."""
_KEPT = 10
"""Connections that are kept for the next request; docker-py keeps as many."""


class SshAdapter(UnixHTTPAdapter):
    """Sends requests through `ssh`, whose keys and options are what `~/.ssh/config` says.

    docker-py's own forks this process, with the threads of gRPC by which Pulumi's program speaks to its engine. What
    gRPC does in such a child closed, now and then, what `ssh` was to be given.
    """

    def __init__(self, url: str, timeout: int) -> None:
        super().__init__(url, timeout=timeout)
        self._connections = _Connections(ssh_command(url), timeout)

    def get_connection(self, url: Any, proxies: Any = None) -> UnixHTTPConnectionPool:
        return self._connections

    def close(self) -> None:
        super().close()
        self._connections.close()


def ssh_command(url: str) -> list[str]:
    """What brings a connection to the engine at an ``ssh://`` endpoint: its input and its output."""
    to = urlsplit(url)
    user = ["-l", to.username] if to.username else []
    port = ["-p", str(to.port)] if to.port else []
    # As it was written: `to.hostname` is in small letters, and an alias in ~/.ssh/config may not be.
    host = to.netloc.rpartition("@")[2].removesuffix(f":{to.port}").strip("[]")
    options = ["-o", f"ConnectTimeout={_PATIENCE}", "-T"]
    return ["ssh", *options, *user, *port, "--", host, "docker", "system", "dial-stdio"]


class _Connections(UnixHTTPConnectionPool):
    def __init__(self, command: list[str], timeout: int) -> None:
        super().__init__("", "", timeout, maxsize=_KEPT)
        self._made_by, self._patience = command, timeout

    def _new_conn(self) -> Any:
        return _Connection(self._made_by, self._patience)


class _Connection(UnixHTTPConnection):
    def __init__(self, command: list[str], timeout: int) -> None:
        super().__init__("", "", timeout)
        self._command = command
        self._ssh: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(self.timeout)
        with theirs:
            end = theirs.fileno()
            # A session of its own: Ctrl-C asks Pulumi to stop, and what it then still does needs the connection.
            self._ssh = subprocess.Popen(  # noqa: S603  the endpoint is the user's own, and no option (`--`)
                self._command, stdin=end, stdout=end, start_new_session=True
            )
        self.sock = ours

    def close(self) -> None:
        super().close()
        if self._ssh:
            self._ssh.terminate()
            self._ssh.wait()
            self._ssh = None
