"""A dashboard out of its panels: where each stands, what it is called, and where it leads to."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from pulumi_tts.plan.dashboards import DashboardsPlan
from pulumi_tts.render.dashboards.panels import AnyPanel

_WIDE = 24
"""Columns of Grafana's grid."""
_REFRESH, _SHOWN = "30s", "now-3h"


@dataclass(frozen=True, slots=True)
class Section:
    """Panels that belong together, under a title."""

    title: str
    panels: Sequence[AnyPanel]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a dashboard can be of, as `$NAME` in its queries."""

    name: str
    values: Sequence[str]


def uid(plan: DashboardsPlan, kind: str) -> str:
    """By what a dashboard is found. It may have 40 characters and names of stacks have more, so it has their digest:
    dashboards of several stacks can be in one Grafana."""
    return f"{hashlib.sha256(plan.stack.encode()).hexdigest()[:12]}-{kind}"


def tag(plan: DashboardsPlan) -> str:
    """What all dashboards of a stack have in common."""
    return f"pulumi-tts:{plan.stack}"


def board(
    plan: DashboardsPlan,
    kind: str,
    sections: Iterable[Section],
    *,
    title: str,
    told: str,
    choice: Choice | None = None,
) -> str:
    """A dashboard as the JSON that Grafana reads; sections without panels are left out.

    Which Prometheus it asks can be chosen, so that it also serves in a Grafana that has several.
    """
    made = (
        builder.Dashboard(f"{title} ({plan.stack})")
        .uid(uid(plan, kind))
        .description(told)
        .tags([tag(plan)])
        .readonly()
        .refresh(_REFRESH)
        .time(_SHOWN, "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(builder.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .links(list(_links(plan)))
    )
    if choice:
        made.with_variable(_variable(choice))
    numbers = count(1)
    down = 0
    for section in sections:
        if not section.panels:
            continue
        row = builder.Row(section.title).id(next(numbers)).grid_pos(dashboard.GridPos(h=1, w=_WIDE, x=0, y=down))
        made.with_row(row)
        down += 1
        for panel, place in _placed(section.panels, down):
            made.with_panel(panel.id(next(numbers)).grid_pos(place))
            down = max(down, place.y + place.h)
    return json.dumps(_with_links_in_sight(made.build()), indent=1, sort_keys=True) + "\n"


def _with_links_in_sight(made: dashboard.Dashboard) -> Any:
    """As JSON. The types know one place for links, behind a menu; where none is said they are above the panels."""
    tree = json.loads(json.dumps(made, cls=JSONEncoder))
    for link in [*tree["links"], *(link for panel in tree["panels"] for link in panel.get("links", ()))]:
        del link["placement"]
    return tree


def _placed(panels: Sequence[AnyPanel], down: int) -> Iterator[tuple[AnyPanel, dashboard.GridPos]]:
    """From left to right, and below where there is no more room."""
    across, tall = 0, 0
    for panel in panels:
        size = panel.build().grid_pos
        assert size  # noqa: S101  every panel has one (panels.py)
        if across + size.w > _WIDE:
            across, down, tall = 0, down + tall, 0
        yield panel, dashboard.GridPos(h=size.h, w=size.w, x=across, y=down)
        across, tall = across + size.w, max(tall, size.h)


def _variable(choice: Choice) -> builder.CustomVariable:
    options = [
        dashboard.VariableOption(selected=at == 0, text=value, value=value) for at, value in enumerate(choice.values)
    ]
    return (
        builder.CustomVariable(choice.name)
        .label(choice.name.capitalize())
        .values(",".join(choice.values))
        .options(options)
        .current(options[0])
        .multi(False)
        .include_all(False)
    )


def _links(plan: DashboardsPlan) -> Iterator[builder.DashboardLink]:
    yield (
        builder.DashboardLink("Dashboards")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([tag(plan)])
        .as_dropdown(False)
        .keep_time(True)
    )
    for page in plan.pages:
        yield (
            builder.DashboardLink(page.title)
            .type(dashboard.DashboardLinkType.LINK)
            .icon("external link")
            .url(page.url)
            .target_blank(True)
        )
