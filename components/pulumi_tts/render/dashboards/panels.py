"""The kinds of panels that dashboards have, each as Grafana writes it.

Colours have one meaning everywhere: green is well, orange is to be looked at, red is bad. Lines of pools and instances
have none: each has the colour that follows from its name, the same in every panel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as dashboard_builder
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard, units
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from pulumi_tts.render.dashboards.queries import Query

SECONDS = units.Seconds
A_MINUTE = units.RequestsPerMinute
SHARE = units.PercentUnit
BYTES = units.BytesIEC
BYTES_A_SECOND = units.BytesPerSecondIEC
COUNT = units.Short

GREEN, ORANGE, RED = "green", "orange", "red"
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT = 8
_ROW = 0.6
"""How much height a row of a table or of a timeline takes, in units of Grafana's grid."""

AnyPanel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel | heatmap.Panel


@dataclass(frozen=True, slots=True)
class Link:
    """Where a panel leads to."""

    title: str
    url: str
    elsewhere: bool = False
    """Whether it is no dashboard, and so opens beside it."""


def lines(
    title: str,
    *queries: Query,
    told: str,
    unit: str,
    width: int = 12,
    stacked: bool = False,
    most: float | None = None,
    limit: float | None = None,
    well: str | None = None,
    links: Sequence[Link] = (),
) -> timeseries.Panel:
    """Values over time. ``most`` is the highest that there can be; beyond ``limit`` it is bad, and a line says so.

    ``well`` is what stands there when there is nothing to draw, which is then as it should be.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(width)
        .height(_HEIGHT)
        .fill_opacity(25 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .color_scheme(dashboard_builder.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            common_builder.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(
            common_builder.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING)
        )
        .links([_link(link) for link in links])
    )
    if stacked:
        panel.stacking(common_builder.StackingConfig().mode(common.StackingMode.NORMAL))
    if most is not None:
        panel.max(most)
    if limit is not None:
        panel.thresholds(_thresholds((limit, RED)))
        panel.thresholds_style(common_builder.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    if well is not None:
        panel.no_value(well)
    for query, reference in zip(queries, _references(), strict=False):
        panel.with_target(_asked(query, reference))
    return panel


def number(
    title: str, query: Query, *, told: str, unit: str, limits: tuple[float, float] | None = None, width: int = 6
) -> stat.Panel:
    """One value as it is now, and its course behind it; ``limits`` as of a query."""
    panel = (
        stat.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .unit(unit)
        .span(width)
        .height(_HEIGHT // 2)
        .graph_mode(common.BigValueGraphMode.AREA)
        .color_mode(common.BigValueColorMode.VALUE)
        .thresholds(_limits(limits))
        .reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return panel.with_target(_asked(query, "A"))


def rows(
    title: str,
    key: str,
    *queries: Query,
    told: str,
    unit: str = COUNT,
    width: int = 24,
    expected: int = 6,
    well: str | None = None,
    link: Link | None = None,
) -> table.Panel:
    """A table of values as they are now: a row for each value of the label ``key``, a column for each query.

    A link may name the row by `${__data.fields.KEY}`. ``well`` as above.
    """
    references = [reference for _, reference in zip(queries, _references(), strict=False)]
    columns = [f"Value #{reference}" for reference in references] if len(references) > 1 else ["Value"]
    panel = (
        table.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .unit(unit)
        .cell_options(common.TableAutoCellOptions())
        .span(width)
        .height(_tall(expected))
        .transformations(
            [
                dashboard.DataTransformerConfig(id_val="merge", options={}),
                dashboard.DataTransformerConfig(
                    id_val="organize",
                    options={
                        "excludeByName": {"Time": True},
                        "indexByName": {name: at for at, name in enumerate(["Time", key, *columns])},
                        "renameByName": {
                            key: key.capitalize(),
                            **{column: query.name for column, query in zip(columns, queries, strict=True)},
                        },
                    },
                ),
            ]
        )
    )
    for query, reference in zip(queries, references, strict=True):
        panel.with_target(_asked(query, reference, as_table=True))
        own = [dashboard.DynamicConfigValue(id_val="unit", value=query.unit)] if query.unit else []
        if query.limits:
            own += [
                dashboard.DynamicConfigValue(id_val="thresholds", value=_limits(query.limits).build().to_json()),
                dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
            ]
        if own:
            panel.override_by_name(query.name, own)
    if link:
        own = [dashboard.DynamicConfigValue(id_val="links", value=[{"title": link.title, "url": link.url}])]
        panel.override_by_name(key.capitalize(), own)
    if well is not None:
        panel.no_value(well)
    return panel


def listed(title: str, query: Query, columns: Sequence[str], *, told: str, well: str, width: int = 24) -> table.Panel:
    """A table of what there is now, by these labels; ``well`` as above."""
    order = {name: at for at, name in enumerate(["Time", *columns, "Value"])}
    panel = (
        table.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .cell_options(common.TableAutoCellOptions())
        .span(width)
        .height(_tall(6))
        .no_value(well)
        .transformations(
            [
                dashboard.DataTransformerConfig(
                    id_val="organize",
                    options={
                        "excludeByName": {"Time": True, "Value": True},
                        "indexByName": order,
                        "renameByName": {name: name.capitalize() for name in columns},
                    },
                )
            ]
        )
    )
    return panel.with_target(_asked(query, "A", as_table=True))


def states(title: str, query: Query, *, told: str, well: str | None = None, width: int = 24) -> statetimeline.Panel:
    """What was up (1) and what was down (0) over time; ``well`` as above."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .span(width)
        .height(_HEIGHT)
        .show_value(common.VisibilityMode.NEVER)
        .color_scheme(dashboard_builder.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds((1, GREEN), base=RED))
        .mappings(
            [
                dashboard.ValueMap(
                    options={
                        "0": dashboard.ValueMappingResult(text="down", color=RED, index=0),
                        "1": dashboard.ValueMappingResult(text="up", color=GREEN, index=1),
                    }
                )
            ]
        )
    )
    if well is not None:
        panel.no_value(well)
    return panel.with_target(_asked(query, "A"))


def spread(title: str, query: Query, *, told: str, unit: str, width: int = 12) -> heatmap.Panel:
    """How values are spread over a histogram's buckets, over time."""
    panel = (
        heatmap.Panel()
        .title(title)
        .description(told)
        .datasource(DATASOURCE)
        .span(width)
        .height(_HEIGHT)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME).scheme("Blues"))
    )
    return panel.with_target(_asked(query, "A", as_heatmap=True))


def _asked(query: Query, reference: str, *, as_table: bool = False, as_heatmap: bool = False) -> prometheus.Dataquery:
    form = PromQueryFormat.TABLE if as_table else PromQueryFormat.HEATMAP if as_heatmap else PromQueryFormat.TIME_SERIES
    asked = prometheus.Dataquery().datasource(DATASOURCE).expr(query.expression).ref_id(reference).format(form)
    if as_table:
        return asked.instant()
    return asked.range().legend_format("{{le}}" if as_heatmap else query.name)


def _references() -> Sequence[str]:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _tall(expected: int) -> int:
    """The height of a table with so many rows, and its heading."""
    return min(16, max(5, 3 + round(expected * _ROW)))


def _limits(limits: tuple[float, float] | None) -> dashboard_builder.ThresholdsConfig:
    return _thresholds((limits[0], ORANGE), (limits[1], RED)) if limits else _thresholds()


def _thresholds(*steps: tuple[float, str], base: str = GREEN) -> dashboard_builder.ThresholdsConfig:
    """Colours from values on; falling ones are bad downwards."""
    if len(steps) > 1 and steps[0][0] > steps[1][0]:
        base, steps = steps[1][1], ((steps[1][0], steps[0][1]), (steps[0][0], base))
    known = [
        dashboard.Threshold(value=None, color=base),
        *(dashboard.Threshold(value, color) for value, color in steps),
    ]
    return dashboard_builder.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(known)


def _link(link: Link) -> dashboard_builder.DashboardLink:
    return (
        dashboard_builder.DashboardLink(link.title)
        .type(dashboard.DashboardLinkType.LINK)
        .url(link.url)
        .target_blank(link.elsewhere)
    )
