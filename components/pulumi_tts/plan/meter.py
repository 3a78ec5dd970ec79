"""The meter: the program that counts who used how much, and what it counts by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pulumi_tts.config.auth import Auth
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.profile import Audio, Kind
from pulumi_tts.config.usage import Usage
from pulumi_tts.plan.auth import AUTH_PORT
from pulumi_tts.plan.guard import PORT as GUARD_PORT
from pulumi_tts.plan.images import Image, own_image
from pulumi_tts.plan.names import guard_name, logs_volume, meter_name, usage_volume
from pulumi_tts.plan.pools import PoolPlan

__all__ = ["LOGS", "PORT", "Audio", "MeterPlan", "MeteredInstance", "MeteredPool", "plan_meter"]

PORT = 8000
"""Where it answers `/metrics`, `/usage` and `/health`, in its container."""
LOGS = "/access"
"""The folder of the access logs that it reads, in its container and in those of edge and guard."""


@dataclass(frozen=True, slots=True)
class MeteredPool:
    """What is to be known of a pool to count what its instances do."""

    name: str
    audio: Audio | None
    works: bool
    """Whether a request under way is work; a page keeps some open for as long as somebody looks at it."""
    price: float | None
    """Of an hour of one of its cards."""
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeteredInstance:
    """An instance, and what one request takes of its cards."""

    name: str
    upstream: str
    """Where the edge reaches it, as `host:port`."""
    share: float
    """Of a card: with four slots on a card of its own, 0.25; with another such instance on that card, 0.125."""


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """The meter as it will run; memory in MiB."""

    name: str
    """Its container's."""
    image: Image
    memory: int
    logs: str
    """The volume of the logs that it reads."""
    data: str
    """The volume of what it has counted."""
    guards: tuple[str, ...]
    """Where the edge reaches the guard, as `host:port`: with requests, and with what it asks (also for the words with
    which it refuses what is over a limit). No such line is of a pool."""
    pools: tuple[MeteredPool, ...]
    instances: tuple[MeteredInstance, ...]
    tenants: tuple[str, ...]
    """Those that the config names."""
    most: int
    """How many others are counted by their names."""
    keep: int
    """Days of which is known who used what."""
    currency: str


def plan_meter(
    usage: Usage, name: str, written: Sequence[Pool], pools: Sequence[PoolPlan], *, auth: Auth, local_images: bool
) -> MeterPlan:
    """What follows from the config; ``name`` begins the names of what is made, ``pools`` are the plans of those that
    are ``written``."""
    on_card = Counter((instance.host, card) for pool in pools for instance in pool.instances for card in instance.gpus)
    return MeterPlan(
        name=meter_name(name),
        image=own_image("meter", local_images),
        memory=usage.memory,
        logs=logs_volume(name),
        data=usage_volume(name),
        guards=tuple(f"{guard_name(name)}:{port}" for port in (GUARD_PORT, AUTH_PORT)),
        pools=tuple(_pool(config, plan, usage) for config, plan in zip(written, pools, strict=True)),
        instances=tuple(
            instance
            for config, plan in zip(written, pools, strict=True)
            for instance in _instances(plan, config.profile.counted_slots, on_card)
        ),
        tenants=tuple(sorted({user.name for user in auth.users} | {key.name for key in auth.api_keys})),
        most=usage.tenants,
        keep=usage.days,
        currency=usage.currency,
    )


def _pool(pool: Pool, plan: PoolPlan, usage: Usage) -> MeteredPool:
    profile = pool.profile
    return MeteredPool(
        name=pool.name,
        audio=profile.audio,
        works=profile.kind is Kind.api,
        price=usage.prices.get(pool.name, usage.price),
        routes=tuple(route.name for route in plan.routes),
    )


def _instances(
    pool: PoolPlan, slots: int | None, on_card: Mapping[tuple[str, str], int]
) -> tuple[MeteredInstance, ...]:
    # Instances on one card take turns, or are side by side; either way nobody has it alone while all work. So when all
    # of a card's slots are busy, its seconds are counted once, whoever's they are.
    return tuple(
        MeteredInstance(
            instance.name,
            urlsplit(instance.upstream).netloc,
            sum(1 / on_card[instance.host, card] for card in instance.gpus) / slots if slots else 0.0,
        )
        for instance in pool.instances
    )
