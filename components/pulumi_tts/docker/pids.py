"""The limit on processes, which Docker has and Pulumi's provider lacks."""

from typing import Any

import pulumi
import pulumi_docker as docker
from pulumi.runtime.mocks import MockMonitor

from pulumi_tts.docker.endpoint import Endpoint, client

_GONE, _FAILED = 404, 500


def limit_pids(container: docker.Container, at: Endpoint, limit: int) -> None:
    """Limits a container to ``limit`` processes and threads, at every `up`, so that an edit reaches it too.

    ``at`` is where the Docker host answers. The deployment fails if the host refuses; of a container that Pulumi knows
    and the host does not, it warns.
    """
    if pulumi.runtime.is_dry_run() or isinstance(pulumi.runtime.settings.get_monitor(), MockMonitor):
        return

    def set_limit(container_id: str) -> None:
        if not _set_limit(container_id, at, limit):
            said = "is in Pulumi's state, and Docker has no such container: run `pulumi refresh`, then `pulumi up`"
            pulumi.log.warn(said, container)

    container.id.apply(set_limit)


def _set_limit(container_id: str, at: Endpoint, limit: int) -> bool:
    """Whether the container is there."""
    api = client(at).api
    url = f"{api.base_url}/v{api.api_version}/containers/{container_id}/update"
    answer = api.post(url, json={"PidsLimit": limit})
    if answer.status_code == _FAILED and not _runs(api, container_id):
        # It ended while Docker was about it. Of one that does not run, the limit is only written down.
        answer = api.post(url, json={"PidsLimit": limit})
    if answer.status_code == _GONE:
        return False
    answer.raise_for_status()
    return True


def _runs(api: Any, container_id: str) -> bool:
    found = api.get(f"{api.base_url}/v{api.api_version}/containers/{container_id}/json")
    return found.status_code != _GONE and bool(found.json()["State"]["Running"])
