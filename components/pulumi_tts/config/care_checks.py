"""Whether what the keeper is to do for a pool can be done."""

from collections.abc import Iterator, Mapping

from pulumi_tts.config.guard import PoolGuard
from pulumi_tts.config.keeper import Restart, shortest_gap
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, shown


def care_checks(pools: Mapping[int, Pool], zone: str) -> Iterator[Problem]:
    """Every problem of `restart` and `heal` with the rest of a pool; ``zone`` is the keeper's time zone.

    ``pools`` holds, by their place in the YAML, those that are right alone.
    """
    for at, pool in pools.items():
        if not isinstance(pool.guard, PoolGuard):
            yield from _without_guard(f"pools[{at}]", pool)
        elif pool.restart:
            yield from _too_often(f"pools[{at}].restart", pool, pool.restart, pool.guard.drain, zone)


def _without_guard(path: str, pool: Pool) -> Iterator[Problem]:
    written: dict[str, object] = {
        "restart": pool.restart,
        "heal": pool.heal if "heal" in pool.model_fields_set else None,
    }
    for key, value in written.items():
        if value not in (None, "none"):
            yield Problem(
                f"{path}.{key}",
                f"{key}: …",
                "needs instances to be taken out of rotation first, which nobody does with guard: none",
                f"Remove {key}, or guard: none",
            )


def _too_often(path: str, pool: Pool, restart: Restart, drain: int, zone: str) -> Iterator[Problem]:
    profile = pool.profile
    one = drain + profile.stop_grace + profile.health.longest_start
    gap = shortest_gap(restart.line, restart.zone or zone)
    if one * pool.instances > gap:
        yield Problem(
            path,
            shown(restart.cron or restart.daily),
            f"comes again after {_duration(gap)}, and restarting {pool.instances} instances one after the other may "
            f"take {_duration(one * pool.instances)}: each {_duration(drain)} to drain, "
            f"{_duration(profile.stop_grace)} to stop and {_duration(profile.health.longest_start)} to get healthy",
            "Restart less often, or shorten guard.drain, stop_grace or health.startup",
        )


def _duration(seconds: int) -> str:
    """A time as people say it: `1h 30m`, `2m 15s`."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if value]
    return " ".join(parts) or "0s"
