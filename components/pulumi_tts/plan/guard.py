"""The guard: what Envoy does for each guarded pool, as frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pulumi_tts.config.guard import Balance, Canary, Deadlines, Guard, GuardHealth, PoolGuard
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import ConfigError, Problem, did_you_mean, shown
from pulumi_tts.config.profile import Health, Kind
from pulumi_tts.plan.auth import WITHOUT_USER, GuardAuthPlan
from pulumi_tts.plan.front import FrontPlan
from pulumi_tts.plan.images import Image, envoy_image
from pulumi_tts.plan.keeper import CarePlan, KeeperPlan, plan_care
from pulumi_tts.plan.routes import Route

__all__ = [
    "INSTANCE_HEADER",
    "POOL_HEADER",
    "PORT",
    "ROUTE_HEADER",
    "RUN",
    "STATUS_PORT",
    "USER",
    "ActiveCheck",
    "Balance",
    "CanaryPlan",
    "DeadlinesPlan",
    "EjectionPlan",
    "GuardPlan",
    "GuardedInstance",
    "PoolGuardPlan",
    "by_way_of",
    "guarding",
    "plan_guard",
    "plan_pool_guard",
]

PORT = 8080
"""Where the guard listens for the edge."""
STATUS_PORT = 8081
"""Where it answers `/ready` and `/stats/prometheus`, and nothing else."""
RUN = "/run/guard"
"""The directory that Envoy and the keeper share, in memory."""
USER = 65532
"""As whom both run, and whose that directory is: user and group."""
POOL_HEADER = "X-Pulumi-Tts-Pool"
"""Names the pool that a request is for; the edge sets it, the guard removes it."""
ROUTE_HEADER = "X-Pulumi-Tts-Route"
"""Names the route that a request came by, for the guard's log; likewise."""
INSTANCE_HEADER = "X-Pulumi-Tts-Instance"
"""Says in an answer which instance gave it, for logs and for people who report what went wrong."""

SHORTEST_QUEUE = 4
# A check that hangs is given up, twice, within 2 x (500 + 800) ms: an instance that hangs is out before 3 s are over.
PROMPT_INTERVAL, PROMPT_TIMEOUT, PROMPT_DOWN = 500, 800, 2
FIRST_BYTE = {Kind.api: 120, Kind.ui: 600}
"""Seconds until an answer begins. An API may answer a whole text at once; a page's work may take minutes."""


@dataclass(frozen=True, slots=True)
class GuardedInstance:
    """An instance as the guard and the keeper reach it."""

    name: str
    address: str
    """An IP address, or a name that Docker's DNS knows."""
    port: int
    host: str
    """The Docker host that it runs on."""


@dataclass(frozen=True, slots=True)
class ActiveCheck:
    """How an instance is asked; times in milliseconds."""

    path: str
    interval: int
    timeout: int
    down: int
    up: int


@dataclass(frozen=True, slots=True)
class EjectionPlan:
    """When failing requests take an instance out; times in seconds."""

    errors: int
    time: int
    longest: int


@dataclass(frozen=True, slots=True)
class DeadlinesPlan:
    """How long a request may take; in milliseconds. No total: none."""

    connect: int
    first_byte: int
    stall: int
    total: int | None


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """The part of a pool's requests that another pool takes."""

    pool: str
    percent: int
    header: str | None
    value: str | None
    """Of the header; absent for any."""


@dataclass(frozen=True, slots=True)
class PoolGuardPlan:
    """A guarded pool; sizes in MiB, times in seconds unless they say otherwise."""

    name: str
    """The pool's name, by which requests say that they are for it."""
    instances: tuple[GuardedInstance, ...]
    cookie: str | None
    """The cookie that keeps a session on its instance; absent for an API."""
    secure: bool
    """Whether browsers send it over HTTPS alone."""
    slots: int | None
    """Requests an instance works on at once; absent where they are not counted."""
    queue: int | None
    """Requests that may wait for a slot."""
    balance: Balance
    health: ActiveCheck
    ejection: EjectionPlan
    retries: int
    deadlines: DeadlinesPlan
    drain: int
    upload: int
    canary: CanaryPlan | None
    care: CarePlan


@dataclass(frozen=True, slots=True)
class GuardPlan:
    """The guard as it will run; memory in MiB, times in seconds."""

    name: str
    """Its container's."""
    image: Image
    keeper: KeeperPlan
    pools: tuple[PoolGuardPlan, ...]
    memory: int
    drain: int
    front: FrontPlan
    """What the edge does with a request before it comes here."""
    auth: GuardAuthPlan | None = None
    """What it tells the edge about keys, tokens and limits; absent where it is not asked."""
    metered: bool = False
    """Whether its access log also goes into a file, for the meter."""

    @property
    def url(self) -> str:
        """Where the edge reaches it."""
        return f"http://{self.name}:{PORT}"


def plan_guard(
    guard: Guard,
    keeper: KeeperPlan,
    name: str,
    pools: Sequence[PoolGuardPlan],
    *,
    front: FrontPlan,
    local_images: bool,
    auth: GuardAuthPlan | None = None,
    metered: bool = False,
) -> GuardPlan:
    """What follows from the guard's config; ``name`` is its container's, ``front`` what the edge before it does.

    ``metered`` says that a meter reads its access log.
    """
    plan = GuardPlan(
        name=name,
        image=envoy_image(local_images),
        keeper=keeper,
        pools=(),
        memory=guard.memory,
        drain=guard.drain,
        auth=auth,
        front=front,
        metered=metered,
    )
    return guarding(plan, pools)


def guarding(guard: GuardPlan, pools: Sequence[PoolGuardPlan]) -> GuardPlan:
    """The guard with these pools.

    Raises ConfigError for a canary that is not among the pools: pools that stand alone were not checked together.
    """
    sessions = {pool.name: pool.cookie is not None for pool in pools}
    problems = [
        Problem(
            f"pools[{at}].guard.canary.pool",
            shown(pool.canary.pool),
            "is not another pool of the same kind that this guard has",
            did_you_mean(pool.canary.pool, [name for name in sessions if name != pool.name]),
        )
        for at, pool in enumerate(pools)
        if pool.canary and (pool.canary.pool == pool.name or sessions.get(pool.canary.pool) != sessions[pool.name])
    ]
    if problems:
        raise ConfigError(problems)
    return replace(guard, pools=tuple(pools))


def plan_pool_guard(
    pool: Pool, resource_name: str, instances: Sequence[GuardedInstance], *, https: bool = False
) -> PoolGuardPlan | None:
    """What the guard does for a pool; absent where its config says `none`.

    ``resource_name`` tells its cookie from that of a pool of the same name in another stack; ``https`` says that
    browsers come by HTTPS alone.
    """
    guard, profile = pool.guard, pool.profile
    if not isinstance(guard, PoolGuard):
        return None
    slots = profile.counted_slots
    return PoolGuardPlan(
        name=pool.name,
        instances=tuple(instances),
        cookie=f"{resource_name}-session" if profile.kind is Kind.ui else None,
        secure=https,
        slots=slots,
        queue=_queue(guard, slots, len(instances)),
        balance=guard.balance,
        health=_check(guard.health, profile.health),
        ejection=EjectionPlan(guard.ejection.errors, guard.ejection.time, guard.ejection.longest),
        retries=guard.retries,
        deadlines=_deadlines(guard.deadlines, profile.kind),
        drain=guard.drain,
        upload=guard.upload,
        canary=_canary(guard.canary) if guard.canary else None,
        care=plan_care(pool),
    )


def by_way_of(guard: GuardPlan, pool: str, route: Route) -> Route:
    """A pool's shared route, to the guard in the place of its instances."""
    # The guard logs who it was, and takes that away itself.
    others = (header for header in route.request_headers if header != WITHOUT_USER)
    headers = ((POOL_HEADER, pool), (ROUTE_HEADER, route.name), *others)
    return replace(route, upstreams=(guard.url,), health=None, request_headers=headers)


def _queue(guard: PoolGuard, slots: int | None, instances: int) -> int | None:
    if slots is None:
        return None
    return guard.queue or max(SHORTEST_QUEUE, slots * instances)


def _check(own: GuardHealth, engine: Health) -> ActiveCheck:
    prompt = engine.prompt
    return ActiveCheck(
        path=own.path or engine.path,
        interval=own.interval or (PROMPT_INTERVAL if prompt else engine.interval * 1000),
        timeout=own.timeout or (PROMPT_TIMEOUT if prompt else engine.timeout * 1000),
        down=own.down or (PROMPT_DOWN if prompt else engine.retries),
        up=own.up,
    )


def _deadlines(own: Deadlines, kind: Kind) -> DeadlinesPlan:
    first_byte = own.first_byte or min(each for each in (FIRST_BYTE[kind], own.stall, own.total) if each)
    return DeadlinesPlan(
        connect=own.connect,
        first_byte=first_byte * 1000,
        stall=(own.stall or first_byte) * 1000,
        total=own.total * 1000 if own.total else None,
    )


def _canary(canary: Canary) -> CanaryPlan:
    header = canary.header
    return CanaryPlan(canary.pool, canary.percent, header.name if header else None, header.value if header else None)
