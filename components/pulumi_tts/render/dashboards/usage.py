"""Who used how much, and what it costs."""

from collections.abc import Iterator

from pulumi_tts.plan.dashboards import DashboardsPlan, UsageShown
from pulumi_tts.render.dashboards.board import Section, board
from pulumi_tts.render.dashboards.panels import A_MINUTE, BYTES, COUNT, SECONDS, AnyPanel, lines, rows
from pulumi_tts.render.dashboards.queries import LONGEST, MOST, Query

_EXACT = (
    "Of the time that is shown, give or take some requests, as Prometheus looks every few seconds; for bills there is "
    "`pulumi-tts usage`, which is exact."
)


def usage(plan: DashboardsPlan, shown: UsageShown) -> str:
    """The dashboard as JSON."""
    return board(
        plan,
        "usage",
        [
            Section("In all", [_table("tenant", shown), _table("pool", shown)]),
            Section("Over time", list(_course(shown))),
        ],
        title="Usage",
        told="Who used how much of what, by user, key or token; and what it costs.",
    )


def _table(by: str, shown: UsageShown) -> AnyPanel:
    return rows(
        "Tenants" if by == "tenant" else "Pools",
        by,
        *_columns(by, shown),
        told=f"Of those with the most requests, {LONGEST} at most. {_EXACT}",
        width=12,
        expected=12,
    )


def _columns(by: str, shown: UsageShown) -> Iterator[Query]:
    largest = f"topk({LONGEST}, {_used('requests', by)})"
    yield Query(largest, "Requests")
    if shown.audio:
        yield Query(f"{_used('audio_seconds', by)} and on ({by}) {largest}", "Audio", SECONDS)
    if shown.cards:
        yield Query(f"{_used('gpu_seconds', by)} and on ({by}) {largest}", "Cards' time", SECONDS)
    if shown.currency:
        cost = f"sum by ({by}) (increase(tts_usage_gpu_seconds_total[$__range]) / 3600 {_PRICED})"
        yield Query(f"{cost} and on ({by}) {largest}", "Cost", _money(shown.currency))
    yield Query(f"{_used('sent_bytes', by)} and on ({by}) {largest}", "Sent", BYTES)


_PRICED = "* on (pool) group_left () max by (pool) (tts_usage_gpu_hour_price)"


def _used(what: str, by: str) -> str:
    return f"sum by ({by}) (increase(tts_usage_{what}_total[$__range]))"


def _money(currency: str) -> str:
    """Grafana's unit of any currency."""
    return f"currency:{currency}"


def _course(shown: UsageShown) -> Iterator[AnyPanel]:
    yield lines(
        "Requests a minute",
        Query(f"{_rate('requests')} * 60", "{{tenant}}"),
        told=f"Of the {MOST} tenants with the most requests.",
        unit=A_MINUTE,
        stacked=True,
    )
    if shown.audio:
        yield lines(
            "Seconds of audio a second",
            Query(_rate("audio_seconds"), "{{tenant}}"),
            told="How many voices speak at a time, as it were.",
            unit=COUNT,
            stacked=True,
        )
    if shown.cards:
        yield lines(
            "Cards in use",
            Query(_rate("gpu_seconds"), "{{tenant}}"),
            told="How many graphics cards each keeps busy; a card with half of its slots busy is half a card.",
            unit=COUNT,
            stacked=True,
        )
    if shown.currency:
        yield lines(
            "Cost an hour",
            Query(f"sum by (pool) (rate(tts_usage_gpu_seconds_total[$__rate_interval]) {_PRICED})", "{{pool}}"),
            told="What the cards cost that are in use, at the price that the config gives; of each pool.",
            unit=_money(shown.currency),
            stacked=True,
        )


def _rate(what: str) -> str:
    """Of the tenants with the most requests in the whole time that is shown."""
    largest = f"topk({MOST}, sum by (tenant) (increase(tts_usage_requests_total[$__range] @ end())))"
    return f"(sum by (tenant) (rate(tts_usage_{what}_total[$__rate_interval])) and on (tenant) {largest})"
