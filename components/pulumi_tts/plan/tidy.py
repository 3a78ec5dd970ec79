"""What keeps outputs within their limits: one container for each user that engines with limits run as, on each host."""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_tts.config.outputs import OutputsLimit
from pulumi_tts.plan.images import Image, own_image
from pulumi_tts.plan.names import tidy_name
from pulumi_tts.plan.pools import PoolPlan


@dataclass(frozen=True, slots=True)
class TidyPlan:
    """One container that tidies, as the user whose files they are: it has no other rights."""

    name: str
    host: str
    user: str
    image: Image
    limits: tuple[tuple[str, OutputsLimit], ...]
    """By volume."""


def plan_tidy(prefix: str, pools: Sequence[PoolPlan], local_images: bool) -> tuple[TidyPlan, ...]:
    """What tidies the outputs of these pools."""
    image = own_image("tidy", local_images)
    limits: dict[tuple[str, str], list[tuple[str, OutputsLimit]]] = {}
    for pool in pools:
        for instance in pool.instances:
            if pool.outputs_limit and instance.volume:
                key = instance.host, pool.container.user
                limits.setdefault(key, []).append((instance.volume, pool.outputs_limit))
    return tuple(
        TidyPlan(tidy_name(prefix, host, user), host, user, image, tuple(sorted(of, key=lambda limit: limit[0])))
        for (host, user), of in sorted(limits.items())
    )
