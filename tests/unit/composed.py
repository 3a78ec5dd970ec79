"""Containers as Pulumi has them, written as a compose file, for tools that read such files."""

from collections.abc import Iterable
from typing import Any

from pulumi_tts.policy.resource import IMAGE, Resource

_AS_IT_IS = {
    "command": "command",
    "entrypoints": "entrypoint",
    "envs": "environment",
    "user": "user",
    "readOnly": "read_only",
    "privileged": "privileged",
    "networkMode": "network_mode",
    "pidMode": "pid",
    "ipcMode": "ipc",
    "usernsMode": "userns_mode",
    "securityOpts": "security_opt",
    "restart": "restart",
    "dns": "dns",
    "hostname": "hostname",
}
_NOT_OF_A_COMPOSE_FILE = {
    # How Pulumi waits for it and what it brings, and what is written in another form below.
    *("name", "attach", "mustRun", "wait", "waitTimeout", "stopTimeout", "destroyGraceSeconds", "uploads"),
    *(
        "capabilities",
        "deviceRequests",
        "healthcheck",
        "image",
        "labels",
        "logDriver",
        "logOpts",
        "memory",
        "memorySwap",
    ),
    *("mounts", "networksAdvanced", "ports", "tmpfs", "ulimits", "volumes"),
}


def composed(containers: Iterable[Resource], images: Iterable[Resource], pids: dict[str, int]) -> dict[str, Any]:
    """The compose file; ``pids`` are the limits on processes, which Pulumi does not know."""
    by_id = {f"sha256:{image.name}": image for image in images if image.kind == IMAGE}
    return {
        "services": {container.name: _service(container, by_id, pids.get(container.name)) for container in containers}
    }


def _service(container: Resource, images: dict[str, Resource], pids: int | None) -> dict[str, Any]:
    inputs = container.inputs
    unheard_of = {key for key, value in inputs.items() if value is not None} - set(_AS_IT_IS) - _NOT_OF_A_COMPOSE_FILE
    assert not unheard_of, f"{container.name}: a tool would not see {unheard_of}"
    service: dict[str, Any] = {to: inputs[key] for key, to in _AS_IT_IS.items() if inputs.get(key) is not None}
    image = images[inputs["image"]]
    service |= {"build": "."} if image.inputs.get("build") else {"image": image.inputs["name"]}
    capabilities = inputs.get("capabilities") or {}
    service["cap_drop"], service["cap_add"] = capabilities.get("drops", []), capabilities.get("adds", [])
    service["mem_limit"], service["memswap_limit"] = f"{inputs['memory']:g}m", f"{inputs['memorySwap']:g}m"
    if pids:
        service["pids_limit"] = pids
    if limits := inputs.get("ulimits"):
        service["ulimits"] = {one["name"]: {"soft": one["soft"], "hard": one["hard"]} for one in limits}
    if check := inputs.get("healthcheck"):
        service["healthcheck"] = {"test": check["tests"], "interval": check["interval"]}
    service["logging"] = {"driver": inputs["logDriver"], "options": inputs["logOpts"]}
    service["labels"] = {label["label"]: label["value"] for label in inputs["labels"]}
    service["tmpfs"] = [f"{path}:{options}" for path, options in (inputs.get("tmpfs") or {}).items()]
    service["ports"] = [f"{port['ip']}:{port['external']:g}:{port['internal']:g}" for port in inputs.get("ports") or ()]
    service["networks"] = [joined["name"] for joined in inputs.get("networksAdvanced") or ()]
    service["volumes"] = [*map(_volume, inputs.get("volumes") or ()), *map(_mount, inputs.get("mounts") or ())]
    return {key: value for key, value in service.items() if value != []}


def _volume(volume: dict[str, Any]) -> str:
    return f"{volume['volumeName']}:{volume['containerPath']}:{'ro' if volume.get('readOnly') else 'rw'}"


def _mount(mount: dict[str, Any]) -> str:
    return f"{mount['source']}:{mount['target']}:{'ro' if mount.get('readOnly') else 'rw'}"
