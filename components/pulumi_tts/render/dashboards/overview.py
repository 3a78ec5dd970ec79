"""The overview: all pools at a glance, and what is wrong."""

from collections.abc import Iterable, Iterator, Sequence

from pulumi_tts.plan.dashboards import DashboardsPlan, WatchedPool, Watcher
from pulumi_tts.render.dashboards.board import Section, board, uid
from pulumi_tts.render.dashboards.panels import (
    A_MINUTE,
    BYTES_A_SECOND,
    COUNT,
    SECONDS,
    SHARE,
    AnyPanel,
    Link,
    lines,
    listed,
    number,
    rows,
)
from pulumi_tts.render.dashboards.pool import TITLES, kind_of
from pulumi_tts.render.dashboards.queries import LONGEST, Query, most
from pulumi_tts.render.dashboards.traces import slow

_FAST = 14.4
"""Times as fast as 30 days allow: who is told at once is told then (render/rules.py)."""


def overview(plan: DashboardsPlan) -> str:
    """The dashboard as JSON."""
    return board(
        plan,
        "overview",
        [
            Section("What users notice", list(_noticed(plan))),
            Section("At a glance", list(_pools(plan))),
            Section("Room for more", list(_room(plan))),
            Section("The edge", list(_edge(plan))),
        ],
        title="Overview",
        told="All pools at a glance: how fast they answer, how often, and what is wrong.",
    )


def _noticed(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    pools = len(plan.pools)
    yield lines(
        "P95 latency",
        Query(most("pool:request_duration_seconds:p95_5m", pools), "{{pool}}"),
        told="Of 100 requests that were answered, 95 were over within this time, to the last byte of speech; over five "
        "minutes. Long texts take long: compare it with what it usually is.",
        unit=SECONDS,
        links=slow(plan),
    )
    yield lines(
        "Successes a minute",
        Query(most("pool:successes:rate5m", pools, "pool:successes:rate5m * 60"), "{{pool}}"),
        told="Requests that were answered with what they asked for (2xx), over five minutes.",
        unit=A_MINUTE,
    )
    yield listed(
        "What is wrong",
        Query(f'topk({LONGEST}, max by (severity, alertname, pool, instance, host) (ALERTS{{alertstate="firing"}}))'),
        ["severity", "alertname", "pool", "instance", "host"],
        told="Alerts that are firing now; what to do about each is in its description, at Alertmanager and Prometheus.",
        well="Nothing",
    )


def _pools(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    for watcher in Watcher:
        if pools := plan.of(watcher):
            yield rows(
                TITLES[watcher].replace("Pool", "Pools", 1),
                "pool",
                *_columns(watcher, pools),
                told="As it is now, over the last five minutes. A pool's name leads to its dashboard.",
                expected=len(pools),
                link=Link("Its dashboard", f"/d/{uid(plan, kind_of(watcher))}?var-pool=${{__data.fields.Pool}}"),
            )


def _columns(watcher: Watcher, pools: Sequence[WatchedPool]) -> Iterator[Query]:
    these = f'pool=~"{"|".join(pool.name for pool in pools)}"'
    instances = f"{{{these}}}"

    def of(series: str, times: str = "") -> str:
        # The name of a series would be a column too.
        return f"topk({LONGEST}, max by (pool) ({series}{instances}){times})"

    if watcher is not Watcher.nobody:
        missing = f"max by (pool) (pool:instances:count{instances} - pool:instances_serving:sum{instances})"
        yield Query(of("pool:instances_serving:sum"), "Serving")
        yield Query(f"topk({LONGEST}, {missing})", "Missing", limits=(1, 2))
    if watcher is Watcher.guard:
        yield Query(of("pool:busy_slots:sum"), "Busy slots")
        yield Query(of("pool:slots:sum"), "Slots")
        yield Query(of("pool:waiting_requests:sum"), "Waiting", limits=(1, 10))
    yield Query(of("pool:successes:rate5m", " * 60"), "Successes a minute", A_MINUTE)
    yield Query(of("pool:errors:ratio_rate5m"), "Errors", SHARE, limits=(0.001, 0.01))
    yield Query(of("pool:request_duration_seconds:p95_5m"), "P95 latency", SECONDS)


def _room(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    pools = len(plan.pools)
    guarded = len(plan.of(Watcher.guard))
    if guarded:
        yield lines(
            "Busy slots",
            Query(most("pool:busy_slots:sum", guarded, "pool:busy_slots:sum / (pool:slots:sum > 0)"), "{{pool}}"),
            told="The share of a pool's slots that have a request. At 100 % requests wait, and then are turned away.",
            unit=SHARE,
            most=1,
        )
        yield lines(
            "Waiting requests",
            Query(most("pool:waiting_requests:sum", guarded), "{{pool}}"),
            told="Requests in line for a slot.",
            unit=COUNT,
        )
        yield lines(
            "Turned away a minute",
            Query(most("pool:refused:rate5m", guarded, "pool:refused:rate5m * 60"), "{{pool}}"),
            told="Requests that found the line full, and were answered 503 with Retry-After. They are no errors.",
            unit=A_MINUTE,
        )
    yield lines(
        "Errors",
        Query(most("pool:errors:ratio_rate5m", pools), "{{pool}}"),
        told="The share of requests that ended with an error of ours, over five minutes.",
        unit=SHARE,
    )
    yield lines(
        "How fast the error budget goes",
        Query(_speed(plan.pools), "{{pool}}"),
        told="Errors of the last hour by those that its promise allows: at 1, those of 30 days are used up in 30 days; "
        f"at {_FAST:g}, in two. There somebody is told at once.",
        unit="none",
        limit=_FAST,
    )


def _speed(pools: Iterable[WatchedPool]) -> str:
    """Of each pool, by what it is allowed; pools with the same promise together."""
    promised: dict[float, list[str]] = {}
    for pool in pools:
        promised.setdefault(pool.allowed, []).append(pool.name)
    parts = [
        f'pool:errors:ratio_rate1h{{pool=~"{"|".join(names)}"}} / {allowed:.10g}'
        for allowed, names in sorted(promised.items())
    ]
    return most("pool:errors:ratio_rate1h", sum(map(len, promised.values())), " or ".join(parts))


def _edge(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    yield lines(
        "Requests by their answer",
        Query("sum by (code) (rate(traefik_entrypoint_requests_total[$__rate_interval])) * 60", "{{code}}"),
        told="All requests at the edge, also those that no pool saw: logins that failed are 401, limits are 429.",
        unit=A_MINUTE,
        stacked=True,
    )
    yield lines(
        "Sent",
        Query("sum(rate(traefik_router_responses_bytes_total[$__rate_interval]))", "all pools"),
        told="Bytes of answers, of all pools.",
        unit=BYTES_A_SECOND,
    )
    yield lines(
        "Open connections",
        Query("sum by (entrypoint) (traefik_open_connections)", "{{entrypoint}}"),
        told="Connections of clients; the edge takes 4096 with those to its upstreams.",
        unit=COUNT,
    )
    if plan.https:
        yield number(
            "The next certificate to end",
            Query("min(probe_ssl_earliest_cert_expiry) - time()", "ends in"),
            told="How long the certificate that ends first is still good.",
            unit=SECONDS,
            limits=(14 * 86_400, 3 * 86_400),
        )
