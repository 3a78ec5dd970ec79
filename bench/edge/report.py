"""The page of results, from the figures alone."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

FIRST_PACKET = 200.0
"""Milliseconds that an engine takes for its own first packet; the share of it is what counts (shared design)."""
SHARE_AT_MOST = 1.0
"""Per cent of that, at p50."""
ADDED_AT_MOST = 2.0
"""Milliseconds at p99."""
CHUNK_AT_MOST = 5.0
"""Milliseconds that a chunk may be later."""

_OURS, _NONE, _BARE, _TRACED = "edge and guard", "direct", "bare Traefik", "edge and guard, traced"

_INTRODUCTION = """\
# What the edge and the guard cost

Written by `python -m bench edge`; the figures of every round are in [bench-edge.json](bench-edge.json). One engine that
takes no time for its answers, on loopback, and six ways to it, all running at once and measured in turn:

- **direct**: none;
- **nginx**{nginx}: Debian's, `proxy_buffering off`, connections to the engine kept;
- **bare Envoy** {envoy}: as one would first write it, connections kept;
- **bare Traefik** {traefik}: this repository's edge with a pool that says `guard: none`;
- **edge and guard**: this repository's edge and guard as a stack has them: both of those programs, and a new connection
  to the engine for each request, which is what lets the guard try another instance safely;
- **edge and guard, traced**: the same with `observability: {{tracing: {{}}}}`: metrics of the edge's, a trace of every
  request, and a Jaeger that keeps all of them on the same processors.

*First byte*: from asking until the first byte of speech has arrived, requests one after the other on one connection.
*Chunk*: from the engine's writing a chunk of 40 ms of speech until it has arrived, {streams} streams at once. Times are
in milliseconds, medians over {rounds} rounds of what each round found at its p50 and p99. In each round all ways have
their turn; differences and ratios are taken within a round.

{date}, {processors} processors, which client, engine and ways share, with a load of {load:g} at the end and a niceness
of {niceness} for all of these; Python {python}.
"""


def report(results: dict[str, Any]) -> str:
    """The page in Markdown."""
    rounds = results["rounds"]
    machine = dict(results["machine"])
    machine["nginx"] = f" {machine['nginx']}" if machine["nginx"] else " (not installed here)"
    head = _INTRODUCTION.format(rounds=len(rounds[_NONE]), streams=8, **machine)
    parts = [_limits(rounds), _table("First byte", "first byte", rounds), _table("Chunk", "chunk", rounds)]
    return "\n".join([head, *("\n".join(part) for part in parts)])


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values is."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)


def _limits(rounds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield "## The sizes to hold\n"
    yield "| | Limit | Measured | |\n|---|---|---|---|"
    share = _added(rounds, _OURS, "first byte", "p50") / FIRST_PACKET * 100
    yield _line(f"first byte, p50, of an engine's {FIRST_PACKET:g} ms, %", SHARE_AT_MOST, share)
    yield _line("first byte, p99, more than direct, ms", ADDED_AT_MOST, _added(rounds, _OURS, "first byte", "p99"))
    yield _line("chunk, p99, more than direct, ms", CHUNK_AT_MOST, _added(rounds, _OURS, "chunk", "p99"))
    merged = sum(found["chunk"]["merged"] for found in rounds[_OURS])
    beyond = sum(found["chunk"]["merged"] for found in rounds[_NONE])
    for at in ("p50", "p99"):
        ratio = _ratio(rounds, _TRACED, "first byte", at, of=_OURS)
        yield f"| first byte, {at}, traced / untraced | - | {ratio:.2f} | |"
    yield _line(f"chunks that came together with another ({beyond} of them direct)", beyond, merged)
    yield ""


def _line(what: str, limit: float, measured: float) -> str:
    return f"| {what} | {limit:g} | {measured:.2f} | {'holds' if measured <= limit else '**does not hold**'} |"


def _table(title: str, what: str, rounds: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| | p50 | p99 | more than direct, p50 | p99 | / {_BARE}, p50 | p99 |"
    yield "|---|---|---|---|---|---|---|"
    for way, found in rounds.items():
        times = [median(each[what][at] for each in found) for at in ("p50", "p99")]
        added = [_added(rounds, way, what, at) for at in ("p50", "p99")]
        ratios = [_ratio(rounds, way, what, at) for at in ("p50", "p99")]
        cells = [f"{time:.2f}" for time in times] + [f"{more:+.2f}" for more in added]
        yield f"| {' | '.join([way, *cells, *(f'{ratio:.2f}' for ratio in ratios)])} |"
    if what == "chunk":
        chunks = sum(each[what]["chunks"] for each in rounds[_OURS])
        merged = ", ".join(f"{way} {sum(each[what]['merged'] for each in found)}" for way, found in rounds.items())
        longest = ", ".join(
            f"{way} {max(each[what]['longest'] for each in found):.1f}" for way, found in rounds.items()
        )
        yield f"\nOf {chunks} chunks each, so many came together with another: {merged}."
        yield f"The longest delay, in ms: {longest}."
    yield ""


def _added(rounds: dict[str, list[dict[str, Any]]], way: str, what: str, at: str) -> float:
    pairs = zip(rounds[way], rounds[_NONE], strict=True)
    return float(median(ours[what][at] - none[what][at] for ours, none in pairs))


def _ratio(rounds: dict[str, list[dict[str, Any]]], way: str, what: str, at: str, of: str = _BARE) -> float:
    pairs = zip(rounds[way], rounds[of], strict=True)
    return float(median(ours[what][at] / other[what][at] for ours, other in pairs))
