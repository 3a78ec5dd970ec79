"""The keeper: scheduled restarts, and the care for instances that stay unhealthy."""

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from itertools import islice, pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from pulumi_tts.config.fields import Mebibytes, Seconds, Strict, refused

_TIME = re.compile(r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
_FIELDS = 5
_EXAMPLE = (
    "Write minute, hour, day of the month, month and day of the week, as in '0 4 * * *' for every day at 04:00, "
    "or '30 3 * * SUN' for Sundays at 03:30"
)
_ANY_DAY = datetime(2025, 1, 1, tzinfo=UTC)
_RUNS = 1500
"""Enough for the shortest gap of a year of runs that come a few times a day, clock changes included."""


def _time_of_day(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise refused("is not a time of day", 'Write hours and minutes, 00:00 to 23:59, in quotes: "04:00"')
    return value


def _cron(value: str) -> str:
    if len(value.split()) != _FIELDS:
        raise refused("is not a cron line: it has other than five fields", _EXAMPLE)
    try:
        next(CronSim(value, _ANY_DAY))
    except (CronSimError, StopIteration) as error:
        why = str(error).lower() or "its time never comes"
        raise refused(f"is not a cron line: {why}", _EXAMPLE) from error
    return value


def _zone(value: str) -> str:
    known = available_timezones()
    if value not in known:
        near = get_close_matches(value, known, n=1)
        found = f"Did you mean {near[0]!r}?" if near else "Write it as in 'Europe/Berlin', 'America/New_York' or 'UTC'"
        raise refused("is not a time zone", found)
    return value


CronLine = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": _TIME.pattern})]


class Restart(Strict):
    """When a pool's instances are restarted, against memory that engines do not give back.

    One after the other: drained, restarted, healthy, back in rotation, the next; no request fails while there are two.
    A time that the keeper has missed is not made up for.
    """

    daily: TimeOfDay | None = None
    """Every day at this time, as in `"04:00"`."""
    cron: CronLine | None = None
    """Or as a cron line of five fields, as in `0 4 * * *`."""
    zone: Zone | None = None
    """The time zone of these. Default: the keeper's."""

    @property
    def line(self) -> str:
        """The cron line, also of a daily time."""
        if self.cron:
            return self.cron
        hour, _, minute = str(self.daily).partition(":")
        return f"{int(minute)} {int(hour)} * * *"

    @model_validator(mode="after")
    def _has_one_time(self) -> "Restart":
        if (self.daily is None) == (self.cron is None):
            raise refused("names no time, or two", "Give either daily or cron")
        return self


class Heal(Strict):
    """How an instance is restarted that stays unhealthy.

    It stays so when Docker calls it unhealthy, when it does not run, or when the guard finds it unhealthy for longer
    than its start may take. Never two of a pool at once, and one that somebody has taken out of rotation not at all.
    """

    tries: Annotated[int, Field(ge=1, le=100)] = 5
    """Restarts in a row that do not help, after which it is left alone, and the keeper's page, metrics and log say so.
    Default: 5."""
    pause: Seconds = 30
    """Until the second restart; twice as long before each further one. Default: 30s."""
    longest: Seconds = 600
    """The longest pause, and how long it has to be well for its restarts to be forgotten. Default: 10m."""

    @model_validator(mode="after")
    def _pauses_grow(self) -> "Heal":
        if self.pause > self.longest:
            raise refused(f"pauses for {self.pause}s, longer than its longest, {self.longest}s", "Make pause shorter")
        return self


HEAL_TAGS = ("<no care>", "<care>")
HealField = Annotated[
    Annotated[Literal["none"], Tag(HEAL_TAGS[0])] | Annotated[Heal, Tag(HEAL_TAGS[1])],
    Discriminator(lambda value: HEAL_TAGS[isinstance(value, dict | Heal)]),
]


class Keeper(Strict):
    """The program beside the guard, one for all guarded pools of a stack."""

    memory: Mebibytes = 128
    """Its memory limit. Default: 128m."""
    zone: Zone = "UTC"
    """The time zone of restarts that do not name one. Default: UTC."""


@cache
def shortest_gap(line: str, zone: str) -> int:
    """The shortest time between two runs of a cron line within a year, in seconds; a year where there is but one."""
    year = _ANY_DAY.replace(year=_ANY_DAY.year + 1)
    times: list[datetime] = []
    for run in islice(CronSim(line, _ANY_DAY.astimezone(ZoneInfo(zone))), _RUNS):
        times.append(run.astimezone(UTC))
        if times[-1] >= year:
            break
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return int(min(gaps, default=year - _ANY_DAY).total_seconds())
