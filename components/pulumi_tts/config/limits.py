"""Limits: how much one user, or one address, may ask for."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from pulumi_tts.config.fields import Seconds, Strict, mapping_as, refused

_MOST = 1_000_000


class Rate(Strict):
    """How many requests are taken over time; more are answered 429 with Retry-After."""

    average: Annotated[int, Field(ge=1, le=_MOST)]
    """Requests in each period, in the long run."""
    period: Seconds = 1
    """What the average is counted over. Default: 1s."""
    burst: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    """Requests at once, after a while without any. Default: as many as average."""


class Limits(Strict):
    """How much one user may ask for on one route: of a route with a login each user or key, else each address.

    Counted at the edge, in its memory, and for each route by itself: a pool's host name, its path, and each of its
    instances. A change of any route begins anew. Addresses are those of clients: of IPv6 the first 64 bits, which one
    customer has all of. Behind `trusted_proxies` they are what these say in X-Forwarded-For, whole and as it is
    written: there a client with IPv6 has many addresses, a port behind one makes it another, and all those share one
    count that come past the proxies, or from an address of theirs. An engine's own 429 gets the edge's words and
    Retry-After on a route with limits, unless its rate is less than one a second and there is no `concurrent`.
    """

    rate: Annotated[Rate, mapping_as("{average: 10}")] | None = None
    """Requests over time. Default: any number."""
    concurrent: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Requests at once; one more is answered 429 with Retry-After. Default: any number."""

    @model_validator(mode="after")
    def _limits_something(self) -> "Limits":
        if self.rate is None and self.concurrent is None:
            raise refused("limits nothing", "Give rate, concurrent, or both; limits: none in a pool for no limits")
        return self


def _none_or_limits(value: Any) -> Any:
    if value != "none" and not isinstance(value, dict | Limits):
        raise refused("is neither 'none' nor limits", "Write none, or limits as in {rate: {average: 10}}")
    return value


LIMITS_TAGS = ("<no limits>", "<limits>")
LimitsField = Annotated[
    Annotated[Literal["none"], Tag(LIMITS_TAGS[0])] | Annotated[Limits, Tag(LIMITS_TAGS[1])],
    Discriminator(lambda value: LIMITS_TAGS[isinstance(value, dict | Limits)]),
    BeforeValidator(_none_or_limits),
]
