"""What Prometheus is started with, and the file that says whom it asks.

What nothing reads is dropped as it comes: of 181 000 series that edge, guard and keeper tell of 256 instances in 32
pools, 12 000 are kept (tests/observe/test_cardinality.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pulumi_tts.plan.observability import (
    ALERTMANAGER,
    BLACKBOX_PORT,
    PROMETHEUS,
    PROMETHEUS_PORT,
    BlackboxPlan,
    Job,
    ObservabilityPlan,
    PrometheusPlan,
)
from pulumi_tts.render.blackbox import module_of
from pulumi_tts.render.node import VOLUMES
from pulumi_tts.render.pace import REAL, Pace
from pulumi_tts.render.traefik import IN_CONTAINER as EDGE
from pulumi_tts.render.yaml_file import Tree, yaml_text

DATA = "/prometheus"
"""Where it keeps what it reads."""
REMOTE_WRITE_SECRET = "remote-write-secret"  # noqa: S105  a file's name
_TIMEOUT = 10
_PROBED = 30
"""Seconds between two probes of a pool: each takes a slot for a moment."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where parts are; tests have other places."""

    files: str = "/files/current"
    data: str = DATA
    listen: str = f":{PROMETHEUS_PORT}"
    moved: Mapping[str, str] | None = None
    """Addresses of parts, by their job; of the edge for probes, by `web`."""

    def of(self, job: str, usual: str) -> str:
        """Where a part is."""
        return (self.moved or {}).get(job, usual)


IN_CONTAINER = Places()

_EDGE_KEPT = (
    "traefik_config_last_reload_success",
    "traefik_open_connections",
    "traefik_entrypoint_requests_total",
    "traefik_router_requests_total",
    "traefik_router_responses_bytes_total",
    "traefik_service_server_up",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
)
_ENVOY_OF_A_POOL = (
    "membership_total",
    "membership_healthy",
    "outlier_detection_ejections_active",
    "outlier_detection_ejections_enforced_total",
    "upstream_cx_connect_fail",
    "upstream_rq_active",
    "upstream_rq_retry",
    "upstream_rq_time_(bucket|sum|count)",
    "upstream_rq_timeout",
    "upstream_rq_xx",
)
_ENVOY_OF_A_LINE = ("upstream_rq_pending_active", "upstream_rq_pending_overflow")
_ENVOY_OF_ITSELF = (
    "cluster_manager_cds_update_rejected",
    "listener_manager_lds_update_rejected",
    "server_live",
    "server_memory_allocated",
    "server_uptime",
    "http_downstream_rq_active",
)
_NODE_KEPT = (
    "node_boot_time_seconds",
    "node_cpu_seconds_total",
    "node_disk_(read|written)_bytes_total",
    "node_load(1|5|15)",
    "node_memory_(MemAvailable|MemTotal|SwapFree|SwapTotal)_bytes",
    "node_pressure_.*",
    "node_vmstat_oom_kill",
)
_PROBE_KEPT = (
    "probe_(duration_seconds|http_status_code|ssl_earliest_cert_expiry|success)",
    "probe_http_duration_seconds",
)


def static_arguments(plan: PrometheusPlan, places: Places = IN_CONTAINER) -> tuple[str, ...]:
    """Prometheus' whole command line; what is in its files can change while it runs."""
    return (
        "prometheus",
        f"--config.file={places.files}/prometheus.yml",
        f"--storage.tsdb.path={places.data}",
        f"--storage.tsdb.retention.time={plan.time}s",
        f"--storage.tsdb.retention.size={plan.size}MB",
        f"--web.listen-address={places.listen}",
        f"--web.external-url={plan.page}",
        f"--web.route-prefix={PROMETHEUS}",
        # A page of somebody else's that is open beside it may not read it by the login that the browser has.
        f"--web.cors.origin={re.escape(plan.page.split(PROMETHEUS)[0])}",
        "--log.format=json",
    )


def prometheus_file(plan: ObservabilityPlan, places: Places = IN_CONTAINER, pace: Pace = REAL) -> str:
    """`prometheus.yml`: whom it asks, what of the answers it keeps, and whom it gives its alerts to."""
    own = plan.prometheus
    usual = f"{plan.alertmanager.name}:{next(job.port for job in plan.jobs if job.name == 'alertmanager')}"
    tree: Tree = {
        "global": {
            "scrape_interval": pace(own.interval),
            "scrape_timeout": pace(min(_TIMEOUT, own.interval)),
            "evaluation_interval": pace(own.interval),
            "external_labels": dict(own.labels),
        },
        "rule_files": [f"{places.files}/rules.yml"],
        "alerting": {
            "alertmanagers": [
                {
                    "path_prefix": ALERTMANAGER,
                    "static_configs": [{"targets": [places.of("alertmanager", usual)]}],
                }
            ]
        },
        "scrape_configs": [_job(job, plan, places) for job in plan.jobs],
    }
    if plan.blackbox and plan.blackbox.probes:
        tree["scrape_configs"].append(_probes(plan.blackbox, plan.edge, places, pace))
    if write := own.remote_write:
        secret = f"{places.files}/{REMOTE_WRITE_SECRET}"
        way = (
            {"basic_auth": {"username": write.user, "password_file": secret}}
            if write.user
            else {"authorization": {"credentials_file": secret}}
        )
        tree["remote_write"] = [{"url": write.url, **way}]
    return yaml_text(tree)


def _job(job: Job, plan: ObservabilityPlan, places: Places) -> Tree:
    labels = {"instance": job.container}
    if job.name == "node" and plan.node:
        labels["host"] = plan.node.host
    tree: Tree = {
        "job_name": job.name,
        "metrics_path": job.path,
        "static_configs": [{"targets": [places.of(job.name, f"{job.container}:{job.port}")], "labels": labels}],
    }
    if job.name == "keeper":
        # It speaks of instances: those are what its labels name.
        tree["honor_labels"] = True
    if rules := _RELABELLED.get(job.name):
        tree["metric_relabel_configs"] = rules
    return tree


def _probes(blackbox: BlackboxPlan, edge: str, places: Places, pace: Pace) -> Tree:
    """Each pool asked at the edge itself, by the name that clients use: neither DNS nor what is in front is tried."""
    scheme, port = ("https", EDGE.websecure) if blackbox.https else ("http", EDGE.web)
    web = places.of("web", f"{edge}:{port}")
    return {
        "job_name": "probe",
        "metrics_path": "/probe",
        "scrape_interval": pace(_PROBED),
        "static_configs": [
            {
                "targets": [f"{scheme}://{web}{probe.path}"],
                "labels": {
                    "pool": probe.pool,
                    "target": f"{scheme}://{probe.host}{probe.path}",
                    "__param_hostname": probe.host,
                    "__param_module": module_of(probe),
                },
            }
            for probe in blackbox.probes
        ],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"target_label": "instance", "replacement": edge},
            {
                "target_label": "__address__",
                "replacement": places.of("blackbox", f"{blackbox.name}:{BLACKBOX_PORT}"),
            },
        ],
        "metric_relabel_configs": [_kept(_PROBE_KEPT)],
    }


def _kept(names: tuple[str, ...], more: str = "") -> Tree:
    return {"source_labels": ["__name__"], "regex": "|".join(names) + more, "action": "keep"}


def _labelled(source: str, regex: str, target: str, value: str = "$1") -> Tree:
    return {"source_labels": [source], "regex": regex, "target_label": target, "replacement": value}


def _edge_rules() -> list[Tree]:
    buckets = "traefik_router_request_duration_seconds_(bucket|sum|count)"
    return [
        _kept((*_EDGE_KEPT, buckets)),
        # Of each instance's own route, requests are counted and no more; of what failed there are no steps of time.
        {
            "source_labels": ["__name__", "router"],
            "regex": r"traefik_router_(request_duration_seconds_.+|responses_bytes_total);.+\.[0-9]+(_[a-z_]+)?@file",
            "action": "drop",
        },
        {
            "source_labels": ["__name__", "code"],
            "regex": "traefik_router_request_duration_seconds_bucket;[^2]..",
            "action": "drop",
        },
        # `voice.pool@file`, `voice.2@file`; what the edge itself has, as `dashboard@file`, is no pool's.
        {
            "source_labels": ["__name__", "router"],
            "regex": r"traefik_router_.+;[^.]+",
            "action": "drop",
        },
        _labelled("router", r"([^.@]+)\..+", "pool"),
        _labelled("router", r"[^.@]+\.([^@]+)@.*", "route"),
        _labelled("service", r"([^.@]+)(\.[0-9]+)?@file", "pool"),
        _labelled("url", r"https?://([^:/]+).*", "instance"),
        {"regex": "router|service|url", "action": "labeldrop"},
    ]


def _guard_rules() -> list[Tree]:
    pools = "|".join(_ENVOY_OF_A_POOL)
    lines = "|".join(_ENVOY_OF_A_LINE)
    own = "|".join(_ENVOY_OF_ITSELF)
    return [
        # Names of pools have no underscore; the line in front of one is another cluster of Envoy's.
        {
            "source_labels": ["__name__", "envoy_cluster_name"],
            "regex": f"envoy_cluster_({pools});[^_]+|envoy_cluster_({lines});queue_.+|envoy_({own});",
            "action": "keep",
        },
        _labelled("envoy_cluster_name", "([^_]+)", "pool"),
        _labelled("envoy_cluster_name", "[^_]+", "line", "instances"),
        _labelled("envoy_cluster_name", "queue_(.+)", "pool"),
        _labelled("envoy_cluster_name", "queue_.+", "line", "queue"),
        _labelled("envoy_response_code_class", "(.+)", "class", "${1}xx"),
        {"regex": "envoy_cluster_name|envoy_response_code_class", "action": "labeldrop"},
    ]


def _node_rules() -> list[Tree]:
    volumes = f"node_filesystem_(avail|size)_bytes;{re.escape(VOLUMES)}"
    others = "|".join(_NODE_KEPT)
    return [{"source_labels": ["__name__", "mountpoint"], "regex": f"{volumes}|({others});", "action": "keep"}]


def _own_rules(prefix: str) -> list[Tree]:
    """Of what watches: its own figures, without those of the language that it is written in and of its HTTP server."""
    return [
        {"source_labels": ["__name__"], "regex": "go_.*|promhttp_.*|net_conntrack_.*", "action": "drop"},
        {"source_labels": ["__name__"], "regex": f"{prefix}_.*_bucket", "action": "drop"},
    ]


_RELABELLED = {
    "edge": _edge_rules(),
    "guard": _guard_rules(),
    "node": _node_rules(),
    "prometheus": _own_rules("prometheus"),
    "alertmanager": _own_rules("alertmanager"),
    "blackbox": _own_rules("blackbox"),
    "keeper": [{"source_labels": ["__name__"], "regex": "python_.*", "action": "drop"}],
}
