"""The limit on processes, which Docker has and Pulumi's provider lacks: set as soon as a container was created."""

import pulumi

from pulumi_tts.docker.endpoint import client


def pids_limit(name: str, at: str, limit: int) -> pulumi.ResourceHook:
    """A hook that limits each container that it is bound to, to ``limit`` processes and threads.

    ``at`` is the Docker host's endpoint. The deployment fails if the host refuses.
    """

    def set_limit(args: pulumi.ResourceHookArgs) -> None:
        api = client(at).api
        url = f"{api.base_url}/v{api.api_version}/containers/{args.id}/update"
        api.post(url, json={"PidsLimit": limit}).raise_for_status()

    return pulumi.ResourceHook(f"{name}-pids-limit", set_limit)
