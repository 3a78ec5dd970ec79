"""The guard: Envoy between the edge and a pool's instances; defaults are for few, long, exclusive jobs."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from pulumi_tts.config.fields import (
    HeaderName,
    HeaderText,
    Mebibytes,
    Milliseconds,
    Name,
    Seconds,
    Strict,
    UrlPath,
    refused,
)


class Balance(StrEnum):
    """How the guard chooses among the instances that are healthy."""

    least_request = "least_request"
    """The one with fewest requests under way, all of them looked at."""
    round_robin = "round_robin"
    """One after the other, as the source documents have it; a request then may wait for a busy one though another is
    free."""


class GuardHealth(Strict):
    """How the guard asks an instance whether it is ready; what is absent follows from the engine's own check."""

    path: UrlPath | None = None
    """What it asks for; a status below 400 means ready, any other is out at once. Default: the engine's health.path."""
    interval: Milliseconds | None = None
    """Time between two checks of a healthy instance; another one is asked every second. Default: 500ms for an engine
    whose check is prompt, else the engine's health.interval."""
    timeout: Milliseconds | None = None
    """How long one check may take. Default: 800ms for an engine whose check is prompt, else its health.timeout."""
    down: Annotated[int, Field(ge=1, le=20)] | None = None
    """Checks in a row without an answer that take an instance out. Default: 2 for an engine whose check is prompt, else
    its health.retries."""
    up: Annotated[int, Field(ge=1, le=20)] = 1
    """Checks in a row that bring it back. Default: 1."""


class Ejection(Strict):
    """When the guard takes an instance out because of what requests met there.

    A connection that fails, or breaks before the answer, does so at once; in a pool for people, whose sessions there
    would end, it counts like an error.
    """

    errors: Annotated[int, Field(ge=1, le=1000)] = 5
    """Answers 5xx in a row, apart from 503: that is how an engine says that its own queue is full. Default: 5."""
    time: Seconds = 2
    """How long it stays out, times how often it has been out lately. Default: 2s."""
    longest: Seconds = 300
    """The longest that it stays out. Default: 5m."""


class Deadlines(Strict):
    """How long a request may take; nothing limits the whole of it by default."""

    connect: Milliseconds = 500
    """To connect to an instance; another one is tried then. Default: 500ms, within one site."""
    first_byte: Seconds | None = None
    """Until an answer begins, once an instance has the whole request. Default: 2m for an API, 10m for a UI, and at most
    stall and total."""
    stall: Seconds | None = None
    """Without a byte, before the first one too: at least first_byte. A WebSocket may be silent. Default: as long as
    first_byte."""
    total: Seconds | None = None
    """For the whole request, waiting included. Default: none; the source documents have 60s for an API."""


class CanaryHeader(Strict):
    """A request header that chooses the canary."""

    name: HeaderName
    """The header."""
    value: HeaderText | None = None
    """Its value. Default: any."""


class Canary(Strict):
    """Another pool that takes part of this pool's requests: a new version, or the B of an A/B test.

    Who comes this way has shown what this pool's routes ask for, its login and its keys, and is not asked again for
    what the other pool's do. A route without a login to a pool that lets nobody in without one is refused.
    """

    pool: Name
    """The other pool's name: guarded, and of the same kind."""
    percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Of the requests; of a UI, of the sessions that begin. Default: 0."""
    header: CanaryHeader | None = None
    """Requests that have it go to the canary in any case. Default: none."""

    @model_validator(mode="after")
    def _chooses_something(self) -> "Canary":
        if not self.model_fields_set & {"percent", "header"}:
            raise refused("says neither how much nor what goes to the canary", "Give percent, header, or both")
        return self


class PoolGuard(Strict):
    """How the guard treats a pool's requests."""

    balance: Annotated[Balance, Field(strict=False)] = Balance.least_request
    """`least_request` or `round_robin`. Default: least_request."""
    queue: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Requests that may wait while every slot is taken; one more is answered 503 with Retry-After. Default: as many as
    there are slots, at least 4. A UI's requests do not wait, since they take no slots."""
    health: GuardHealth = GuardHealth()
    """How instances are asked whether they are ready."""
    ejection: Ejection = Ejection()
    """When failing requests take an instance out."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """Further tries on other instances, only while no byte of the request was sent to one; none for a body of more than
    4 MiB. Default: 3."""
    deadlines: Deadlines = Deadlines()
    """How long a request may take."""
    drain: Seconds = 60
    """How long an instance that is to be replaced or restarted may finish its requests. Default: 60s."""
    upload: Mebibytes = 32
    """The largest request body; a larger one is answered 413. It is passed on as it comes, so one that comes slowly
    takes its slot for longer. Default: 32m."""
    canary: Canary | None = None
    """Another pool that takes part of the requests. Default: none."""


GUARD_TAGS = ("<no guard>", "<guard>")
GuardField = Annotated[
    Annotated[Literal["none"], Tag(GUARD_TAGS[0])] | Annotated[PoolGuard, Tag(GUARD_TAGS[1])],
    Discriminator(lambda value: GUARD_TAGS[isinstance(value, dict | PoolGuard)]),
]


class Guard(Strict):
    """The guard's own container, one for all pools of a stack."""

    memory: Mebibytes = 256
    """Its memory limit; it refuses requests before that is full. Default: 256m."""
    drain: Seconds = 30
    """How long a stopping guard lets requests finish. Default: 30s."""
