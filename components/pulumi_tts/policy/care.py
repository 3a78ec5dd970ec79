"""That one container's trouble stays its own, and is seen."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_tts.config import Problem
from pulumi_tts.policy.resource import UNKNOWN, Resource, text

_WITHOUT_HEALTH_CHECK = {
    "tidy": "nobody asks it anything: it has no network, and Docker starts it again when it ends",
}
"""Parts of ours that run on without a health check, and why."""


def memory_limits(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """Every container has a limit on its memory."""
    memory = container.inputs.get("memory")
    if memory is not UNKNOWN and text(memory) in ("", "0"):
        yield Problem(
            "memory",
            "(none)",
            "may take all of the host's memory, and the kernel then ends some other container",
            "Set memory, in MiB, and memorySwap to the same",
        )


def health_checks(container: Resource, _: Mapping[str, Any]) -> Iterator[Problem]:
    """Every container that is to go on running says how it is."""
    if not runs_on(container) or container.part in _WITHOUT_HEALTH_CHECK:
        return
    check = container.inputs.get("healthcheck")
    if check is UNKNOWN:
        return
    tests = check.get("tests") if isinstance(check, Mapping) else None
    if tests is UNKNOWN or (tests and list(tests) != ["NONE"]):
        return
    yield Problem(
        "healthcheck",
        "(none)",
        "hangs unseen: an `up` takes it for well, and so do the edge and the keeper (if its image has a check, write "
        "that one down)",
        "Set healthcheck",
    )


def runs_on(container: Resource) -> bool:
    """Whether a container is to go on running, and not to do something once."""
    return container.inputs.get("mustRun") is not False and container.inputs.get("start") is not False
