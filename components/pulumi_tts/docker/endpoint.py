"""A Docker host's engine, asked directly: for what Pulumi's provider cannot say or do."""

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

LOCAL = "unix:///var/run/docker.sock"


def endpoint(written: str | None) -> str:
    """Where a host's Docker engine answers: as the config says, else as `DOCKER_HOST` says, else this machine's."""
    return written or os.environ.get("DOCKER_HOST") or LOCAL


@cache
def client(at: str) -> "docker.DockerClient":
    """A client of the engine at an endpoint; one for all who ask.

    Raises docker.errors.DockerException if nothing answers there.
    """
    # Imported when asked for: a third of a second that tests on mocks need not pay.
    import docker  # noqa: PLC0415
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    # Certificates are where DOCKER_CERT_PATH says, for Pulumi's provider and here.
    tls = kwargs_from_env().get("tls") if at.startswith("tcp://") else None
    return docker.DockerClient(base_url=at, tls=tls or False, use_ssh_client=at.startswith("ssh://"), timeout=30)
