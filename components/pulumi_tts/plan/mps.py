"""NVIDIA's Multi-Process Service: the daemon of each card that has it (docs/decisions/007-placement.md)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_tts.plan.images import Image, base_image
from pulumi_tts.plan.names import mps_name
from pulumi_tts.plan.pools import PoolPlan

Card = tuple[str, str]
"""A card: its host and its id."""


@dataclass(frozen=True, slots=True)
class MpsDaemon:
    """The container that lets the instances on one card run side by side."""

    name: str
    host: str
    gpu: str
    user: str
    """The instances' own: a daemon that is not root serves nobody else."""
    image: Image
    """Any with a shell: NVIDIA's container runtime brings the daemon, from the driver."""

    @property
    def card(self) -> Card:
        """The card that it is for."""
        return self.host, self.gpu


def plan_mps(prefix: str, pools: Sequence[PoolPlan], local_images: bool) -> tuple[MpsDaemon, ...]:
    """The daemons for these pools, all of the host's pools; a card without an instance needs none."""
    image = Image(base_image(local_images))
    uids: dict[Card, int] = {}
    for pool in pools:
        for instance in pool.instances:
            if instance.mps:
                # Placement lets no other uid onto the card; of the group nothing depends.
                uids.setdefault((instance.host, instance.gpus[0]), int(pool.container.user.partition(":")[0]))
    return tuple(
        MpsDaemon(mps_name(prefix, host, gpu), host, gpu, f"{uid}:{uid}", image)
        for (host, gpu), uid in sorted(uids.items())
    )
