"""The keeper: the program beside the guard that tells it where instances are."""

from dataclasses import dataclass

from pulumi_tts.plan.images import Image, keeper_image


@dataclass(frozen=True, slots=True)
class KeeperPlan:
    """The keeper as it will run; memory in MiB."""

    name: str
    """Its container's."""
    image: Image
    memory: int


def plan_keeper(name: str, local_images: bool) -> KeeperPlan:
    """What follows for a guard's keeper; ``name`` is its container's."""
    return KeeperPlan(name, keeper_image(local_images), 256)
