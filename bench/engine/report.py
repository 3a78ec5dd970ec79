"""The page of results, from the figures alone."""

from collections.abc import Iterator
from statistics import median
from typing import Any

ADDED_AT_MOST = {"1": 1.0, "64": 5.0, "512": 20.0}
"""Seconds that a preview may add to an empty program's, by the number of instances (shared design, "Sizes to hold")."""
RESOURCES_AT_MOST = 3
BYTES_AT_MOST = 4096
"""Of state, for each instance; the same source."""

_TOO_SHORT_FOR_A_RATIO = 0.05
"""Seconds: an empty program on mocks without its imports takes a millisecond or two."""

_TITLES = {
    "preview": "`pulumi preview` on the real engine",
    "preview processor": "The same in seconds of the processor: Pulumi, its plugins and the program",
    "up": "`pulumi up` on the real engine and the real Docker, until every container is healthy",
    "own preview": "The program alone, preview, on mocks, without imports",
    "own preview with imports": "The program alone, preview, on mocks, with imports",
    "own up": "The program alone, up, on mocks, without imports",
    "own up with imports": "The program alone, up, on mocks, with imports",
}

_INTRODUCTION = """\
# What the components cost

Written by `make bench`; the figures of every round are in [bench-engine.json](bench-engine.json). Three programs, two
of them with the same pool of N instances behind one edge:

- **empty** declares nothing: what Pulumi itself takes;
- **flat** (`bench/engine/programs/flat`) is what one would write by hand with `pulumi_docker`: the same Docker
  resources with the same options, which is checked before each run, but no components, no checks of the config or of
  the Docker host, and no hooks;
- **components** is this repository's own program.

Times are medians of {rounds} rounds in seconds. Each round measures the three next to each other, and ratios and
differences are taken within a round, so that what else the machine does falls on all of them; the processor's time is
not lengthened by it at all. A preview is that of a stack that is not there yet. Mocks stand in for engine and provider
in the program's own process and answer at once; those times are the processor's. Only N = 1 is brought up for real:
more would measure how {processors} processors start that many speech engines.

{date}, {processors} processors (load {load:g} at the end), Python {python}, Pulumi {engine}, its Python SDK {sdk}.
"""


def report(results: dict[str, Any]) -> str:
    """The page in Markdown."""
    times = results["times"]
    rounds = max(len(seconds) for sizes in times.values() for by in sizes.values() for seconds in by.values())
    parts = [_INTRODUCTION.format(rounds=rounds, **results["machine"])]
    parts += ["\n".join(_limits(results))]
    parts += ["\n".join(_table(title, times[what])) for what, title in _TITLES.items()]
    parts += ["\n".join(_state(results["state"]))]
    return "\n".join(parts)


def _limits(results: dict[str, Any]) -> Iterator[str]:
    yield "## The sizes to hold\n"
    yield "| | Limit | Measured | |\n|---|---|---|---|"
    for instances, by in results["times"]["preview"].items():
        added = _added(by["speech"], by["empty"])
        limit = ADDED_AT_MOST[instances]
        yield _line(f"preview, N = {instances}, more than empty, s", limit, round(added, 2))
    state = results["state"]["speech"]
    yield _line("resources an instance", RESOURCES_AT_MOST, state["resources"])
    yield _line("state an instance, bytes", BYTES_AT_MOST, state["bytes"])
    yield ""


def _line(what: str, limit: float, measured: float) -> str:
    return f"| {what} | {limit:g} | {measured:g} | {'holds' if measured <= limit else '**does not hold**'} |"


def _table(title: str, sizes: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| N | empty | flat | components | components / flat | components / empty | components over empty |"
    yield "|---|---|---|---|---|---|---|"
    for instances, by in sizes.items():
        seconds = " | ".join(f"{median(by[name]):.2f}" for name in ("empty", "flat", "speech"))
        ratios = " | ".join(_ratio(by["speech"], by[name]) for name in ("flat", "empty"))
        yield f"| {instances} | {seconds} | {ratios} | {_added(by['speech'], by['empty']):+.2f} |"
    yield ""


def _state(state: dict[str, Any]) -> Iterator[str]:
    yield "## The state of an instance\n"
    yield "From `pulumi stack export` after an `up` of one instance and of three, as JSON without spaces: half the"
    yield "difference. Pulumi's `stackTrace`, `sourcePosition` and `provider` grow with the length of paths.\n"
    yield "| | flat | components |\n|---|---|---|"
    flat, speech = state["flat"], state["speech"]
    yield f"| resources | {flat['resources']:g} | {speech['resources']:g} |"
    yield f"| bytes | {flat['bytes']:.0f} | {speech['bytes']:.0f} |"
    for key, size in speech["bytes_by_key"].items():
        yield f"| of these, in `{key}` | {flat['bytes_by_key'].get(key, 0)} | {size} |"


def _ratio(ours: list[float], others: list[float]) -> str:
    if median(others) < _TOO_SHORT_FOR_A_RATIO:
        return "-"
    return f"{median(our / other for our, other in zip(ours, others, strict=True)):.2f}"


def _added(ours: list[float], others: list[float]) -> float:
    return median(our - other for our, other in zip(ours, others, strict=True))
