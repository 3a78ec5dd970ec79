"""Who used how much: what is counted for each user, key and pool, and what it costs."""

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import Field

from pulumi_tts.config.fields import Mebibytes, Name, Strict
from pulumi_tts.config.outputs import Age
from pulumi_tts.config.problems import Problem, did_you_mean, shown

_DAY = 86_400

Price = Annotated[float, Field(ge=0, le=10_000, strict=False, allow_inf_nan=False)]


class Usage(Strict):
    """Counts requests, seconds of audio and of graphics cards, by who came in, pool and route; `pulumi-tts usage` shows
    them. The edge's access log then comes from what counts (docs/logs.md). Switching it replaces edge and guard."""

    price: Price | None = None
    """What an hour of one graphics card costs. Default: nothing is said of costs."""
    prices: dict[Name, Price] = {}
    """The same for pools whose cards cost something else. Default: as above."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """Of the prices, by ISO 4217. Default: EUR."""
    tenants: Annotated[int, Field(ge=0, le=10_000)] = 500
    """How many are counted by their names that this config does not name, as an identity provider's are; all further
    ones count as `(other)`. Default: 500."""
    keep: Annotated[Age, Field(ge=_DAY)] = 400 * _DAY
    """Of how many days it is known who used what, in whole days. Default: 400d."""
    memory: Mebibytes = 128
    """The memory limit of what counts. Default: 128m."""

    @property
    def days(self) -> int:
        """The days of which it is known who used what."""
        return self.keep // _DAY


def usage_checks(usage: Usage, pools: Collection[str]) -> Iterator[Problem]:
    """Prices of pools that there are not."""
    for name in usage.prices:
        if name not in pools:
            yield Problem(
                f"observability.usage.prices.{name}",
                shown(usage.prices[name]),
                "is the price of a pool that there is not",
                did_you_mean(name, list(pools)),
            )
