"""The page of results, from the figures alone."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench.placement.fleet import CARDS, ENGINES, HOSTS

LIMIT = 1.0
"""Seconds for planning 512 instances on 64 hosts (issue "GPU fleets", "What it must show")."""

_TASKS = {
    "whole": "from the config as it is written to the whole plan, placement included",
    "place": "placing all of them on empty cards",
    "again": "all of them run: an `up` without changes",
    "one more": "all of them run, and one more comes",
    "refuse": "each takes twice as much: the refusal, with what would fit",
    "first fit": "*the first card that has room, without any further rule*",
    "exact": "*HiGHS: whether they all fit, and nothing else*",
    "exact, refuse": "*HiGHS: whether they all fit, each twice as large*",
    "import": "*a Python that imports `pulumi`, which every program does*",
}

_INTRODUCTION = """\
# What placement costs

Written by `make bench`; the figures of every round are in [bench-placement.json](bench-placement.json). {instances}
instances of {engines} engines ({vram} GiB of a card) are placed on {hosts} hosts with {cards} cards of 24 GiB each. In
*italics* is what it is compared with: each round measures all of them, one after the other, and ratios are taken
within a round. Times are the processor's, which other work on the machine hardly lengthens. First fit placed
{first_fit} of the {instances}; HiGHS says that they {fit}.

Medians of {rounds} rounds. {date}, {processors} processors (load {load:g} at the end), Python {python}.
"""


def report(results: dict[str, Any]) -> str:
    """The page in Markdown."""
    found, times = results["found"], results["times"]
    introduction = _INTRODUCTION.format(
        instances=sum(instances for _, instances in ENGINES.values()),
        engines=len(ENGINES),
        vram=", ".join(str(vram) for vram, _ in ENGINES.values()),
        hosts=HOSTS,
        cards=CARDS,
        first_fit=found["first fit"],
        fit="fit" if found["exact"] else "do not fit",
        rounds=len(times["place"]),
        **results["machine"],
    )
    return "\n".join([introduction, *_table(times)]) + "\n"


def _table(times: dict[str, list[float]]) -> Iterator[str]:
    yield "| | Processor, s | Of importing pulumi | Of HiGHS' answer |"
    yield "|---|---|---|---|"
    for task, title in _TASKS.items():
        ratios = " | ".join(_ratio(times[task], times[other]) for other in ("import", "exact"))
        yield f"| {title} | {median(times[task]):.3f} | {ratios} |"
    yield ""
    measured = median(times["whole"])
    verdict = "it holds" if measured <= LIMIT else "it **does not hold**"
    yield f"The size to hold is {LIMIT:g} s for planning all of them: {measured:.2f} s, so {verdict}."


def _ratio(ours: list[float], others: list[float]) -> str:
    return f"{median(our / other for our, other in zip(ours, others, strict=True)):.2f}"
