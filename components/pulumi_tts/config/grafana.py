"""Grafana: dashboards of what Prometheus knows."""

from collections.abc import Iterator

from pulumi_tts.config.edge import Edge
from pulumi_tts.config.fields import Mebibytes, Strict
from pulumi_tts.config.problems import Problem


class Grafana(Strict):
    """Shows the stack's dashboards, which nobody changes there; whoever is behind the dashboard's login sees them.

    Only a registry has its image; without one, `pulumi-tts dashboards --to FOLDER` writes them for a Grafana of yours.
    """

    memory: Mebibytes = 256
    """Its memory limit. Default: 256m."""


def grafana_checks(edge: Edge) -> Iterator[Problem]:
    """Every problem between a Grafana and the edge."""
    if not edge.dashboard.enabled:
        yield Problem(
            "observability.grafana",
            "{…}",
            "is behind the dashboard's login, and the edge has no dashboard",
            "Write edge: {dashboard: {enabled: true}}, or leave Grafana out",
        )
