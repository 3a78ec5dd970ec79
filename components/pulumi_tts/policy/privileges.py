"""What a container may do to its host."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import UNKNOWN, Resource, text

_NAMESPACES = {
    "networkMode": "listens on the host's own addresses, published or not, and reaches what listens on its loopback",
    "pidMode": "sees every process of the host, and with them their environments",
    "ipcMode": "shares memory with programs of the host",
    "usernsMode": "is root on the host where it is root in the container",
}
_NO_NEW_PRIVILEGES = ("no-new-privileges", "no-new-privileges=true")
_UNCONFINED = ("seccomp=unconfined", "apparmor=unconfined", "label=disable")


def no_privileged(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No container is privileged."""
    if container.inputs.get("privileged") is True:
        yield Problem(
            "privileged",
            "true",
            "has every device and capability of the host: who is in the container is root outside of it",
            "Take it out; for a graphics card, `deviceRequests` is enough",
        )


def no_added_capabilities(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No container has capabilities added."""
    for added in _capabilities(container, "adds"):
        yield Problem(
            "capabilities.adds",
            added,
            "is a right over the host that a program behind an edge does not need",
            "Take it out; ports below 1024 need none where the program listens on a higher one",
        )


def all_capabilities_dropped(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """Every container drops Docker's own capabilities."""
    if container.inputs.get("capabilities") is UNKNOWN:
        return
    drops = _capabilities(container, "drops")
    if "ALL" not in drops:
        yield Problem(
            "capabilities.drops",
            ", ".join(drops) or "(none)",
            "leaves rights that Docker gives to every container, among them to forge packets and file owners",
            "Drop ALL; add back what the program is seen to need, in a container that is an exception to this rule",
        )


def no_host_namespaces(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No container shares a namespace with its host."""
    for key, consequence in _NAMESPACES.items():
        if container.text(key) == "host":
            yield Problem(key, "host", consequence, "Take it out")


def no_new_privileges(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """No program of a container gains rights by a setuid file; nothing that confines it is off."""
    given = container.inputs.get("securityOpts")
    # Docker takes either sign.
    options = [option.lower().replace(":", "=") for option in container.texts("securityOpts")]
    for option in options:
        if option in _UNCONFINED:
            yield Problem("securityOpts", option, "takes the container's confinement away", "Take it out")
    unknown = given is UNKNOWN or (isinstance(given, list) and UNKNOWN in given)
    if not unknown and not set(options) & set(_NO_NEW_PRIVILEGES):
        yield Problem(
            "securityOpts",
            ", ".join(options) or "(none)",
            "lets a program in the container become root by a setuid file",
            "Add no-new-privileges:true",
        )


def _capabilities(container: Resource, which: str) -> list[str]:
    capabilities = container.inputs.get("capabilities")
    named = capabilities.get(which) if isinstance(capabilities, Mapping) else None
    known = [text(name) for name in named or () if name is not UNKNOWN] if isinstance(named, list) else []
    return [name.upper().removeprefix("CAP_") for name in known]
