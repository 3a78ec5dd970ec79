"""What is wrong between what watches a stack and the rest of it."""

from collections.abc import Iterator, Sequence

from pulumi_tts.config.observability import Observability
from pulumi_tts.config.problems import Problem, did_you_mean, shown
from pulumi_tts.config.usage import usage_checks


def observability_checks(observability: Observability, pools: Sequence[str]) -> Iterator[Problem]:
    """Every problem; ``pools`` are the names of all pools."""
    for name in observability.slo.pools:
        if name not in pools:
            yield Problem(
                f"observability.slo.pools.{name}",
                shown(name),
                "is not a pool",
                did_you_mean(name, pools) if pools else "Add a pool of that name",
            )
    if observability.usage:
        yield from usage_checks(observability.usage, pools)
    first: dict[str, int] = {}
    for at, receiver in enumerate(observability.alertmanager.receivers):
        if receiver.name in first:
            yield Problem(
                f"observability.alertmanager.receivers[{at}].name",
                shown(receiver.name),
                f"is also the name of receivers[{first[receiver.name]}]",
                "Give each a name of its own",
            )
        first.setdefault(receiver.name, at)
