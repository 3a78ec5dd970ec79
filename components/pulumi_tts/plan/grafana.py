"""Grafana, as it will run."""

from dataclasses import dataclass

from pulumi_tts.config import versions
from pulumi_tts.config.grafana import Grafana
from pulumi_tts.config.problems import ConfigError, Problem
from pulumi_tts.plan.dashboards import DashboardsPlan
from pulumi_tts.plan.images import Image
from pulumi_tts.plan.names import grafana_name
from pulumi_tts.plan.observability import PROMETHEUS, PROMETHEUS_PORT, ObservabilityPlan
from pulumi_tts.plan.pages import Page

PATH = "/grafana"
PORT = 3000
"""Where it answers in its container."""


@dataclass(frozen=True, slots=True)
class GrafanaPlan:
    """Grafana and what it shows; memory in MiB, times in seconds."""

    name: str
    """Its container's."""
    image: Image
    memory: int
    volume: str
    page: str
    """Where people find it."""
    prometheus: str
    """Where it finds Prometheus."""
    interval: int
    """How often Prometheus asks."""
    dashboards: DashboardsPlan


def grafana_page(name: str) -> Page:
    """What people see of it; ``name`` begins the names of what is made."""
    return Page("grafana", PATH, f"http://{grafana_name(name)}:{PORT}")


def plan_grafana(
    grafana: Grafana, watching: ObservabilityPlan, dashboards: DashboardsPlan, *, page: str, local_images: bool
) -> GrafanaPlan:
    """What follows from the config; ``page`` is where people find it.

    Raises ConfigError where no registry is to be asked: nobody else has its image.
    """
    if local_images:
        raise ConfigError([_only_a_registry_has_it()])
    name = grafana_name(watching.stack)
    return GrafanaPlan(
        name=name,
        image=Image(versions.table()["images"]["grafana"]["registry"]),
        memory=grafana.memory,
        volume=f"{name}-data",
        page=page,
        prometheus=f"http://{watching.prometheus.name}:{PROMETHEUS_PORT}{PROMETHEUS}",
        interval=watching.prometheus.interval,
        dashboards=dashboards,
    )


def _only_a_registry_has_it() -> Problem:
    return Problem(
        "observability.grafana",
        "{…}",
        "has an image that only a registry has, and images are local here",
        "Write images: registry, or leave it out, and have the dashboards written for a Grafana of yours: "
        "pulumi-tts dashboards --to FOLDER",
    )
