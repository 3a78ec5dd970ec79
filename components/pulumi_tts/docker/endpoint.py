"""A Docker host's engine, asked directly: for what Pulumi's provider cannot say or do."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

LOCAL = "unix:///var/run/docker.sock"

_PATIENCE = 30
"""Seconds that an engine may take for an answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a Docker engine answers."""

    url: str
    certificates: str | None = None
    """The folder with `ca.pem`, `cert.pem` and `key.pem`; absent without TLS, or where `DOCKER_CERT_PATH` names it."""


def endpoint(written: str | None, certificates: str | None = None) -> Endpoint:
    """Where a host's Docker engine answers: as the config says, else as `DOCKER_HOST` says, else this machine's."""
    folder = str(Path(certificates).expanduser()) if certificates else None
    return Endpoint(written or os.environ.get("DOCKER_HOST") or LOCAL, folder)


@cache
def client(at: Endpoint) -> "docker.DockerClient":
    """A client of the engine at an endpoint; one for all who ask.

    Raises docker.errors.DockerException if nothing answers there.
    """
    # Imported when asked for: a third of a second that tests on mocks need not pay.
    import docker  # noqa: PLC0415
    from docker.constants import MINIMUM_DOCKER_API_VERSION  # noqa: PLC0415
    from docker.transport import UnixHTTPAdapter  # noqa: PLC0415

    from pulumi_tts.docker.ssh import SshAdapter  # noqa: PLC0415

    ssh = at.url.startswith("ssh://")

    class Direct(docker.APIClient):
        """Goes by the authority that it was given; requests would take that of `REQUESTS_CA_BUNDLE` in its place."""

        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            own = self.verify if verify is None else verify
            return super().merge_environment_settings(url, proxies, stream, own, cert)

        def mount(self, prefix: Any, adapter: Any) -> None:
            """Puts our own way through ssh where docker-py has that to a socket of this machine."""
            reached = SshAdapter(at.url, _PATIENCE) if ssh and isinstance(adapter, UnixHTTPAdapter) else adapter
            super().mount(prefix, reached)

    tls = _tls(at) if at.url.startswith("tcp://") else False
    # With a version it asks nothing yet.
    made = docker.DockerClient(base_url=LOCAL, version=MINIMUM_DOCKER_API_VERSION)
    made.api = Direct(base_url=LOCAL if ssh else at.url, tls=tls, timeout=_PATIENCE)
    return made


def _tls(at: Endpoint) -> Any:
    from docker.tls import TLSConfig  # noqa: PLC0415
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    if not at.certificates:
        # Certificates are where DOCKER_CERT_PATH says, for Pulumi's provider and here.
        return kwargs_from_env().get("tls") or False
    folder = Path(at.certificates)
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    return TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)
