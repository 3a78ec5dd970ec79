"""What only a whole pool, or several pools together, can know about the guard."""

from collections.abc import Iterator, Mapping

from pulumi_tts.config.guard import Canary, Deadlines, PoolGuard
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, did_you_mean, shown
from pulumi_tts.config.profile import Kind


def guard_checks(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    """What is wrong with the guards of pools that are right otherwise, by their place in the YAML."""
    for at, pool in pools.items():
        yield from _slot_checks(f"pools[{at}]", pool)
        if isinstance(pool.guard, PoolGuard):
            path = f"pools[{at}].guard"
            yield from _deadline_checks(f"{path}.deadlines", pool.guard.deadlines)
            yield from _ejection_checks(f"{path}.ejection", pool.guard)


def canary_checks(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    """What is wrong between pools that share their requests."""
    by_name = {pool.name: pool for pool in pools.values()}
    for at, pool in pools.items():
        if isinstance(pool.guard, PoolGuard) and pool.guard.canary:
            yield from _canary_checks(f"pools[{at}].guard.canary.pool", pool, pool.guard.canary, by_name)


def _slot_checks(path: str, pool: Pool) -> Iterator[Problem]:
    if pool.profile.kind is not Kind.ui:
        return
    why = "limits requests of a UI, whose pages hold many open and whose engine has a queue of its own"
    if pool.profile.slots is not None:
        where = f"{path}.slots" if pool.slots is not None else f"{path}.engine.slots"
        yield Problem(where, shown(pool.profile.slots), why, "Leave it out, or write kind: api if programs call it")
    if isinstance(pool.guard, PoolGuard) and pool.guard.queue is not None:
        yield Problem(f"{path}.guard.queue", shown(pool.guard.queue), why, "Leave it out")


def _deadline_checks(path: str, deadlines: Deadlines) -> Iterator[Problem]:
    connect, first_byte, stall, total = deadlines.connect, deadlines.first_byte, deadlines.stall, deadlines.total
    shortest = min(each for each in (first_byte, stall, total, 10_000) if each)
    if connect >= shortest * 1000:
        yield Problem(
            f"{path}.connect",
            f"{connect}ms",
            f"is not shorter than the deadline for what follows, {shortest}s",
            "Make it a fraction of it: 500ms is the default",
        )
    if first_byte and stall and stall < first_byte:
        yield Problem(
            f"{path}.stall",
            f"{stall}s",
            f"is shorter than first_byte, {first_byte}s: the silence before the first byte is one too",
            "Make stall at least first_byte, or first_byte shorter",
        )
    for name, value in (("first_byte", first_byte), ("stall", stall)):
        if total and value and value > total:
            yield Problem(
                f"{path}.{name}",
                f"{value}s",
                f"is longer than the whole request may take, total: {total}s",
                f"Make {name} at most total, or leave one of them out",
            )


def _ejection_checks(path: str, guard: PoolGuard) -> Iterator[Problem]:
    if guard.ejection.time > guard.ejection.longest:
        yield Problem(
            f"{path}.time",
            f"{guard.ejection.time}s",
            f"is longer than the longest time out, {guard.ejection.longest}s",
            "Make time at most longest",
        )


def _canary_checks(path: str, pool: Pool, canary: Canary, pools: Mapping[str, Pool]) -> Iterator[Problem]:
    other = pools.get(canary.pool)
    problem = _why_not(canary.pool, pool, other, [name for name in pools if name != pool.name])
    if problem:
        yield Problem(path, shown(canary.pool), *problem)


def _why_not(name: str, pool: Pool, other: Pool | None, others: list[str]) -> tuple[str, str] | None:
    """Why a pool cannot be another's canary, and what would be right."""
    if other is None or other is pool:
        return "is not another pool", did_you_mean(name, others) if others else "Add a pool of that name"
    if not isinstance(other.guard, PoolGuard):
        return "is not guarded", "Take its guard: none away: requests reach a canary by the guard"
    if other.guard.canary:
        return "has a canary itself", "Name the pool that is to get the requests in the end"
    if other.profile.kind is not pool.profile.kind:
        kinds = f"is of kind {other.profile.kind.value}, and this pool of kind {pool.profile.kind.value}"
        return kinds, "Name a pool of the same kind"
    if other.told_prefix != pool.told_prefix:
        told, asked = other.told_prefix or "/", pool.told_prefix or "/"
        prefixes = f"is told the path prefix {told}, and its pages would be asked for under {asked}"
        return prefixes, "Give both pools a host name (routes.pool) instead of a path"
    return None
