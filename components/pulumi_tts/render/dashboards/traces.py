"""From a panel to the traces of what it shows."""

import json
from urllib.parse import quote

from pulumi_tts.plan.dashboards import DashboardsPlan
from pulumi_tts.render.dashboards.panels import Link

_SHOWN = 50


def slow(plan: DashboardsPlan) -> list[Link]:
    """To requests of the time that is shown, as the edge has them; nowhere, where no traces are kept."""
    return _search(plan, "Traces of this time", f"{plan.stack}-edge")


def slow_of_pool(plan: DashboardsPlan) -> list[Link]:
    """To those of the pool that is chosen, as the guard has them: it knows pools."""
    chosen = quote(json.dumps({"pool": "POOL"}, separators=(",", ":"))).replace("POOL", "${pool}")
    return _search(plan, "Traces of this pool and time", f"{plan.stack}-guard", f"&tags={chosen}")


def _search(plan: DashboardsPlan, title: str, service: str, more: str = "") -> list[Link]:
    if not plan.traces:
        return []
    # Grafana has milliseconds, Jaeger microseconds.
    span = "start=${__from}000&end=${__to}000"
    return [Link(title, f"{plan.traces}search?service={service}&limit={_SHOWN}&{span}{more}", elsewhere=True)]
