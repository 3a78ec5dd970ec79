"""Grafana's dashboards, as JSON. Imported where they are drawn alone: all of Grafana's types take 0.07 s of a core.

Of the form that Grafana has had since its version 5 ("classic"): 13 reads it too, and whoever has an older one need not
wait for the next form.

Pure: the same plan is the same bytes, so that nothing is changed where nothing was. With 256 instances as with two: no
panel draws more than 32 lines (`queries.most`), no table has more than 64 rows.
"""

from collections.abc import Iterator

from pulumi_tts.plan.dashboards import DashboardsPlan, Watcher
from pulumi_tts.render.dashboards.host import host
from pulumi_tts.render.dashboards.overview import overview
from pulumi_tts.render.dashboards.parts import parts
from pulumi_tts.render.dashboards.pool import kind_of, pool
from pulumi_tts.render.dashboards.usage import usage


def dashboard_files(plan: DashboardsPlan) -> dict[str, str]:
    """Every dashboard, by the name of its file."""
    return {f"{kind}.json": text for kind, text in _dashboards(plan)}


def _dashboards(plan: DashboardsPlan) -> Iterator[tuple[str, str]]:
    yield "overview", overview(plan)
    for watcher in Watcher:
        if plan.of(watcher):
            yield kind_of(watcher), pool(plan, watcher)
    if plan.host:
        yield "host", host(plan, plan.host)
    if plan.usage:
        yield "usage", usage(plan, plan.usage)
    yield "parts", parts(plan)
