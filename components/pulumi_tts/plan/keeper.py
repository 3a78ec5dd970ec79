"""The keeper: the program beside the guard, and what it does for each guarded pool."""

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_tts.config.keeper import Heal, Keeper
from pulumi_tts.config.pool import Pool
from pulumi_tts.plan.images import Image, own_image
from pulumi_tts.plan.ports import Published

PORT = 8000
"""Where its page answers, in its container."""


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """When a pool's instances are restarted."""

    cron: str
    """Five fields."""
    zone: str | None
    """Their time zone; absent for the keeper's."""


@dataclass(frozen=True, slots=True)
class HealPlan:
    """How an instance is restarted that stays unhealthy; times in seconds."""

    tries: int
    pause: int
    longest: int


@dataclass(frozen=True, slots=True)
class CarePlan:
    """What the keeper does for a pool; times in seconds."""

    stop: int
    """How long an instance has to end, once it is told to."""
    startup: int
    """How long after its start an instance may take until Docker calls it healthy, or unhealthy."""
    restart: RestartPlan | None
    heal: HealPlan | None


@dataclass(frozen=True, slots=True)
class HostKept:
    """A Docker host other than the keeper's own that has instances of guarded pools."""

    name: str
    proxy: Published
    """Where the keeper reaches the socket proxy there."""


@dataclass(frozen=True, slots=True)
class KeeperPlan:
    """The keeper as it will run; memory in MiB."""

    name: str
    """Its container's."""
    image: Image
    memory: int
    zone: str
    """The time zone of restarts that name none."""
    host: str
    """The Docker host that it runs on."""
    elsewhere: tuple[HostKept, ...] = ()
    """The other hosts on which it restarts instances."""

    @property
    def url(self) -> str:
        """Where the edge reaches its page."""
        return f"http://{self.name}:{PORT}"


def plan_keeper(
    keeper: Keeper, name: str, host: str, local_images: bool, elsewhere: Iterable[HostKept] = ()
) -> KeeperPlan:
    """What follows for a guard's keeper; ``name`` is its container's, ``host`` where that is."""
    image = own_image("keeper", local_images)
    return KeeperPlan(name, image, keeper.memory, keeper.zone, host, tuple(elsewhere))


def plan_care(pool: Pool) -> CarePlan:
    """What the keeper does for a guarded pool."""
    profile, restart = pool.profile, pool.restart
    return CarePlan(
        stop=profile.stop_grace,
        startup=profile.health.longest_start,
        restart=RestartPlan(restart.line, restart.zone) if restart else None,
        heal=HealPlan(pool.heal.tries, pool.heal.pause, pool.heal.longest) if isinstance(pool.heal, Heal) else None,
    )
