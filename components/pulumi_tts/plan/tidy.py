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
    limits: dict[tuple[str, int], list[tuple[str, OutputsLimit]]] = {}
    users: dict[int, str] = {}
    for pool in pools:
        for instance in pool.instances:
            if pool.outputs_limit and instance.volume:
                # Whose files they are is a matter of the uid; any of its groups will do.
                uid = int(pool.container.user.partition(":")[0])
                users.setdefault(uid, pool.container.user)
                limits.setdefault((instance.host, uid), []).append((instance.volume, pool.outputs_limit))
    return tuple(
        TidyPlan(tidy_name(prefix, host, uid), host, users[uid], image, tuple(sorted(of, key=lambda limit: limit[0])))
        for (host, uid), of in sorted(limits.items())
    )
