"""How Docker is asked for graphics cards."""

from collections.abc import Sequence

import pulumi_docker as docker


def card_requests(gpus: Sequence[str]) -> list[docker.ContainerDeviceRequestArgs] | None:
    """Exactly these cards for a container; absent for none."""
    if not gpus:
        return None
    # What `gpus` would say shorter, if the provider did not take `device=0,1` apart at the comma.
    request = docker.ContainerDeviceRequestArgs(driver="nvidia", count=0, device_ids=list(gpus), capabilities=["gpu"])
    return [request]
