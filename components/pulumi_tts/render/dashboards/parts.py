"""The parts of a stack that are no engines: what carries requests, and what watches."""

from collections.abc import Iterator

from pulumi_tts.plan.dashboards import DashboardsPlan
from pulumi_tts.render.dashboards.board import Section, board
from pulumi_tts.render.dashboards.panels import BYTES, COUNT, SECONDS, AnyPanel, lines, listed
from pulumi_tts.render.dashboards.queries import LONGEST, Query


def parts(plan: DashboardsPlan) -> str:
    """The dashboard as JSON."""
    return board(
        plan,
        "parts",
        [Section("All parts", list(_all(plan))), Section("What watches", list(_watching(plan)))],
        title="Parts",
        told="The edge, the guard and what watches: whether all of them answer, and what they take.",
    )


def _all(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    yield listed(
        "Parts that do not answer",
        Query(f'topk({LONGEST}, up{{job!="probe"}} == 0)'),
        ["job", "instance"],
        told="What they would tell is not known, and their alerts do not come.",
        well="None",
    )
    envoy = [Query('envoy_server_memory_allocated{job="guard"}', "guard")] if plan.guard else []
    yield lines(
        "Memory",
        Query("max by (job) (process_resident_memory_bytes)", "{{job}}"),
        *envoy,
        told="What each takes. One that only ever rises leaks; its container's limit ends it.",
        unit=BYTES,
    )
    yield lines(
        "Processors",
        Query("sum by (job) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{job}}"),
        told="How many processors each keeps busy.",
        unit=COUNT,
    )
    yield lines(
        "How long they take to tell",
        Query('max by (job) (scrape_duration_seconds{job!="probe"})', "{{job}}"),
        told="Prometheus waits for ten seconds.",
        unit=SECONDS,
    )


def _watching(plan: DashboardsPlan) -> Iterator[AnyPanel]:
    yield lines(
        "Series",
        Query("prometheus_tsdb_head_series", "in memory"),
        told="What Prometheus has in memory: some KiB each.",
        unit=COUNT,
    )
    yield lines(
        "Disk of Prometheus",
        # Of these, Prometheus 2.42 knows the first alone.
        Query(
            'sum({__name__=~"prometheus_tsdb_(storage_blocks_bytes|wal_storage_size_bytes'
            '|head_chunks_storage_size_bytes)"})',
            "taken",
        ),
        told="It forgets what is oldest when this is full (observability.prometheus).",
        unit=BYTES,
        limit=plan.disk * 1024 * 1024,
    )
    yield lines(
        "Told by Alertmanager",
        Query(
            "sum by (integration) (increase(alertmanager_notifications_total[$__rate_interval])) > 0", "{{integration}}"
        ),
        Query(
            "sum by (integration) (increase(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
            "{{integration}}: failed",
        ),
        told="How often it told somebody of alerts.",
        unit=COUNT,
        well="Nobody had to be told of anything",
    )
