"""One dashboard for all pools of a kind, and of which of them is chosen there: what it shows there is of each.

Not one for each pool: 30 pools would be a megabyte of files, in Pulumi's state too.
"""

from collections.abc import Iterator, Sequence

from pulumi_tts.plan.dashboards import DashboardsPlan, Watcher
from pulumi_tts.render.dashboards.board import Choice, Section, board
from pulumi_tts.render.dashboards.panels import (
    A_MINUTE,
    BYTES_A_SECOND,
    COUNT,
    SECONDS,
    SHARE,
    AnyPanel,
    Link,
    lines,
    spread,
    states,
)
from pulumi_tts.render.dashboards.queries import Query, most
from pulumi_tts.render.dashboards.traces import slow, slow_of_pool

TITLES = {
    Watcher.guard: "Pool",
    Watcher.edge: "Pool without a guard",
    Watcher.nobody: "Pool of one instance without a guard",
}

_RESTARTED = 'keeper_restarts_total{pool="$pool"}'
# The first restart of a kind is the first that is counted of it, and of that `increase` knows nothing.
_RESTARTS = (
    f"increase({_RESTARTED}[$__rate_interval]) > 0 or ({_RESTARTED} unless {_RESTARTED} offset $__rate_interval)"
)


def kind_of(watcher: Watcher) -> str:
    """The end of the uid of the dashboard of such pools."""
    return {Watcher.guard: "pool", Watcher.edge: "pool-edge", Watcher.nobody: "pool-one"}[watcher]


def pool(plan: DashboardsPlan, watcher: Watcher) -> str:
    """The dashboard of the pools of that kind, as JSON."""
    pools = plan.of(watcher)
    largest = max(each.instances for each in pools)
    guarded = watcher is Watcher.guard
    return board(
        plan,
        kind_of(watcher),
        [
            Section("What users notice", list(_noticed(guarded, slow_of_pool(plan) if guarded else slow(plan)))),
            Section("Slots", list(_slots()) if guarded else []),
            Section("Instances", list(_instances(watcher, largest))),
            Section("On the way to an instance", list(_on_the_way()) if guarded else []),
            Section("Asked as a client would", list(_probes()) if plan.probes else []),
        ],
        title=TITLES[watcher],
        told="One pool: how fast it answers, how often, and which of its instances is to blame.",
        choice=Choice("pool", [each.name for each in pools]),
    )


def _noticed(guarded: bool, links: Sequence[Link]) -> Iterator[AnyPanel]:
    yield lines(
        "P95 latency",
        *(
            Query(f'pool:request_duration_seconds:p{quantile}_5m{{pool="$pool"}}', f"P{quantile}")
            for quantile in (50, 95, 99)
        ),
        told="How long answers took at the edge, to the last byte of speech: the half of them (P50), 95 and 99 of 100 "
        "took at most so long; over five minutes.",
        unit=SECONDS,
        links=links,
    )
    yield lines(
        "Successes a minute",
        Query('pool:successes:rate5m{pool="$pool"} * 60', "successes"),
        told="Requests that were answered with what they asked for (2xx), over five minutes.",
        unit=A_MINUTE,
    )
    yield lines(
        "Requests by their answer",
        Query('sum by (code) (rate(traefik_router_requests_total{pool="$pool"}[$__rate_interval])) * 60', "{{code}}"),
        told="As clients saw them. 503 with Retry-After is a full pool"
        + ("." if guarded else ", or one that is down."),
        unit=A_MINUTE,
        stacked=True,
    )
    yield lines(
        "Errors",
        *(Query(f'pool:errors:ratio_rate{window}{{pool="$pool"}}', window) for window in ("5m", "1h", "6h")),
        told="The share of requests that ended with an error of ours, over so long.",
        unit=SHARE,
    )
    yield spread(
        "How long answers take",
        Query('sum by (le) (increase(traefik_router_request_duration_seconds_bucket{pool="$pool"}[$__rate_interval]))'),
        told="How many requests took how long, to the last byte: two bands are two kinds of requests, short and long "
        "texts perhaps; one that rises is a pool that gets slower.",
        unit=SECONDS,
    )
    yield lines(
        "Sent",
        Query('sum(rate(traefik_router_responses_bytes_total{pool="$pool"}[$__rate_interval]))', "answers"),
        told="Bytes of answers.",
        unit=BYTES_A_SECOND,
    )


def _slots() -> Iterator[AnyPanel]:
    yield lines(
        "Slots",
        Query('pool:busy_slots:sum{pool="$pool"}', "busy"),
        Query('pool:slots:sum{pool="$pool"}', "there are"),
        Query('pool:waiting_requests:sum{pool="$pool"}', "requests waiting"),
        told="What can be worked on at a time by the instances that serve, what is, and who waits for it.",
        unit=COUNT,
    )
    yield lines(
        "Turned away a minute",
        Query('pool:refused:rate5m{pool="$pool"} * 60', "line full"),
        told="Requests that found the line full, and were answered 503 with Retry-After.",
        unit=A_MINUTE,
    )


def _instances(watcher: Watcher, largest: int) -> Iterator[AnyPanel]:
    if watcher is not Watcher.nobody:
        yield lines(
            "Instances",
            Query('pool:instances_serving:sum{pool="$pool"}', "serving"),
            Query('pool:instances:count{pool="$pool"}', "there are"),
            told="How many get requests, of how many.",
            unit=COUNT,
        )
    if watcher is Watcher.guard:
        yield lines(
            "Busiest instances",
            Query(most('keeper_instance_busy_slots{pool="$pool"}', largest), "{{instance}}"),
            told="Requests that each instance works on. One that never gets to 0 while others do hangs.",
            unit=COUNT,
            stacked=True,
        )
    if watcher is not Watcher.nobody:
        up = {Watcher.guard: "keeper_instance_serving", Watcher.edge: "traefik_service_server_up"}[watcher]
        series = f'{up}{{pool="$pool"}}'
        yield states(
            "Instances that were down",
            Query(f"{series} and bottomk(32, min_over_time({series}[$__range] @ end()) == 0)", "{{instance}}"),
            told="Those that got no requests at some time of what is shown: they were unhealthy, or taken out.",
            well="None",
        )
    if watcher is Watcher.guard:
        yield lines(
            "Restarts",
            Query(f"sum by (reason, outcome) ({_RESTARTS})", "{{reason}}: {{outcome}}"),
            told="Restarts of instances: scheduled, sick (the keeper's doing), or itself (it ended). `failed` did not "
            "come back.",
            unit=COUNT,
            well="None",
        )
        yield lines(
            "Taken out for failing requests",
            Query(
                "sum(increase(envoy_cluster_outlier_detection_ejections_enforced_total"
                '{pool="$pool"}[$__rate_interval]))',
                "times",
            ),
            told="How often the guard took an instance out that passed its health checks and failed requests.",
            unit=COUNT,
        )


def _on_the_way() -> Iterator[AnyPanel]:
    yield lines(
        "P95 at the edge and at instances",
        Query('pool:request_duration_seconds:p95_5m{pool="$pool"}', "edge"),
        Query('pool:engine_duration_seconds:p95_5m{pool="$pool"}', "instances"),
        told="What lies between the two is waiting for a slot.",
        unit=SECONDS,
    )
    yield lines(
        "Tried again, given up, not reached",
        *(
            Query(f'sum(rate({series}{{pool="$pool"}}[$__rate_interval])) * 60', name)
            for series, name in (
                ("envoy_cluster_upstream_rq_retry", "tried again"),
                ("envoy_cluster_upstream_rq_timeout", "no first byte in time"),
                ("envoy_cluster_upstream_cx_connect_fail", "not reached"),
            )
        ),
        told="What clients do not see while another instance can take it.",
        unit=A_MINUTE,
    )


def _probes() -> Iterator[AnyPanel]:
    yield states(
        "Answers at the edge",
        Query('probe_success{pool="$pool"}', "{{target}}"),
        told="Whether a client gets an answer that it can use; asked every 30 s.",
        width=12,
    )
    yield lines(
        "How long that takes",
        Query('probe_duration_seconds{pool="$pool"}', "{{target}}"),
        told="From the name to the end of the answer; of a page or of the health check, not of speech.",
        unit=SECONDS,
    )
