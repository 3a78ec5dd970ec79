"""What Prometheus works out of the metrics: figures of pools, and what somebody has to be told.

Recorded figures are called `level:metric:operation`. What is alerted says what it means and what to do; each alert has
its test, that it comes and that it does not (tests/observe).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pulumi_tts.plan.observability import ObservabilityPlan, PoolPromise, Severity
from pulumi_tts.render.node import VOLUMES
from pulumi_tts.render.pace import REAL, Pace
from pulumi_tts.render.yaml_file import Tree, yaml_text

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MEBIBYTE = 1024 * 1024
_ON_DISK = "prometheus_tsdb_(storage_blocks|wal_storage_size|head_chunks_storage_size)_bytes"


@dataclass(frozen=True, slots=True)
class Burn:
    """A speed at which the errors that 30 days may have are used up, seen over a long and a short time."""

    speed: float
    long: int
    short: int
    severity: Severity

    @property
    def used(self) -> float:
        """How much of 30 days' errors is gone when the long time is over, in percent."""
        return round(self.speed * self.long / (30 * _DAY) * 100)


BURNS = (
    Burn(14.4, _HOUR, 5 * _MINUTE, Severity.critical),
    Burn(6, 6 * _HOUR, 30 * _MINUTE, Severity.critical),
    Burn(3, _DAY, 2 * _HOUR, Severity.warning),
    Burn(1, 3 * _DAY, 6 * _HOUR, Severity.warning),
)
"""After Google's SRE workbook, chapter 5: what uses 2 %, 5 % and 10 % of the errors of 30 days, each over two times, so
that it neither comes for a moment's errors nor stays when they are over."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody is told, when an expression has been true for some time, in seconds."""

    name: str
    expression: str
    after: float
    severity: Severity
    summary: str
    description: str
    """What it means, and what to do."""
    labels: tuple[tuple[str, str], ...] = field(default=())


def rules_file(plan: ObservabilityPlan, pace: Pace = REAL) -> str:
    """The file of all rules."""
    groups = {
        "pools": [_recorded(name, expression) for name, expression in _figures(pace)],
        "errors": [
            _recorded(f"pool:errors:ratio_rate{Pace()(window)}", _error_ratio(pace(window))) for window in _windows()
        ],
        "promises": [_alert(alert, pace) for promise in plan.promises for alert in _burning(promise)],
        "alerts": [_alert(alert, pace) for alert in alerts(plan, pace)],
    }
    return yaml_text({"groups": [{"name": name, "rules": rules} for name, rules in groups.items() if rules]})


def _recorded(name: str, expression: str) -> Tree:
    return {"record": name, "expr": expression}


def _alert(alert: Alert, pace: Pace) -> Tree:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": pace(alert.after),
        "labels": {"severity": alert.severity.value, **dict(alert.labels)},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }


# ---- figures


def _figures(pace: Pace) -> Iterator[tuple[str, str]]:
    window = pace(5 * _MINUTE)
    yield "pool:requests:rate5m", f"sum by (pool) (rate(traefik_router_requests_total[{window}]))"
    yield (
        "pool:successes:rate5m",
        f'sum by (pool) (rate(traefik_router_requests_total{{code=~"2.."}}[{window}])) or pool:requests:rate5m * 0',
    )
    yield "pool:refused:rate5m", _refused(window)
    for quantile in ("50", "95", "99"):
        yield (
            f"pool:request_duration_seconds:p{quantile}_5m",
            f"histogram_quantile(0.{quantile}, sum by (pool, le) "
            f"(rate(traefik_router_request_duration_seconds_bucket[{window}])))",
        )
    yield (
        "pool:engine_duration_seconds:p95_5m",
        "histogram_quantile(0.95, sum by (pool, le) "
        f'(rate(envoy_cluster_upstream_rq_time_bucket{{line="instances"}}[{window}]))) / 1000',
    )
    yield (
        "pool:instances:count",
        "count by (pool) (keeper_instance_serving) or count by (pool) (traefik_service_server_up)",
    )
    yield (
        "pool:instances_serving:sum",
        "sum by (pool) (keeper_instance_serving) or sum by (pool) (traefik_service_server_up)",
    )
    # Of an instance that serves nobody, slots are not there to be had.
    yield "pool:slots:sum", "sum by (pool) (keeper_instance_slots * on (pool, instance) keeper_instance_serving)"
    yield "pool:busy_slots:sum", "sum by (pool) (keeper_instance_busy_slots)"
    yield "pool:busy_slots:ratio", "pool:busy_slots:sum / (pool:slots:sum > 0)"
    yield "pool:waiting_requests:sum", "sum by (pool) (keeper_pool_waiting_requests)"


def _windows() -> list[int]:
    return sorted({window for burn in BURNS for window in (burn.long, burn.short)})


def _refused(window: str) -> str:
    """What found the pool and its line full."""
    return f'sum by (pool) (rate(envoy_cluster_upstream_rq_pending_overflow{{line="queue"}}[{window}]))'


def _error_ratio(window: str) -> str:
    """Errors by requests, as the edge counts them; what a full pool refuses is none."""
    requests = f"sum by (pool) (rate(traefik_router_requests_total[{window}]))"
    errors = f'sum by (pool) (rate(traefik_router_requests_total{{code=~"5.."}}[{window}]))'
    return f"clamp_min(({errors} or {requests} * 0) - ({_refused(window)} or {requests} * 0), 0) / ({requests} > 0)"


# ---- alerts


def _burning(promise: PoolPromise) -> Iterator[Alert]:
    allowed = (100 - promise.availability) / 100
    pool = promise.pool
    for burn in BURNS:
        long, short = Pace()(burn.long), Pace()(burn.short)
        limit = f"{burn.speed * allowed:.10g}"
        yield Alert(
            "ErrorBudgetBurns",
            f'pool:errors:ratio_rate{long}{{pool="{pool}"}} > {limit} and '
            f'pool:errors:ratio_rate{short}{{pool="{pool}"}} > {limit}',
            after=0,
            severity=burn.severity,
            labels=(("window", long),),
            summary=f"{pool} fails requests {burn.speed:g} times as fast as its {promise.availability:g} % allow",
            description=f"Over the last {long} {{{{ $value | humanizePercentage }}}} of the pool's requests ended with "
            f"an error of ours; {burn.used:g} % of what 30 days may have is gone in that time. Look in the edge's and "
            "the guard's access logs which instance answers so (fields pool, instance, status), then in its own log. "
            "What began with a change: take it back.",
        )


def alerts(plan: ObservabilityPlan, pace: Pace = REAL) -> Iterable[Alert]:
    """Everything else that somebody is told; windows inside expressions are at ``pace``."""
    yield from _instances(pace)
    yield from _edge(plan)
    yield from _guard(pace)
    if plan.node:
        yield from _host(pace)
    if plan.metered:
        yield from _meter(pace)
    yield from _itself(plan, pace)


def _instances(pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "InstanceDown",
        "(keeper_instance_serving == 0 unless on (pool, instance) keeper_instance_draining == 1) "
        "or traefik_service_server_up == 0",
        _MINUTE,
        Severity.warning,
        "{{ $labels.instance }} of {{ $labels.pool }} gets no requests",
        "The guard, or without one the edge, has found it unhealthy for a minute. The keeper restarts it by itself; if "
        "this stays: `docker logs {{ $labels.instance }}`, and on its host `nvidia-smi` and `free -m`.",
    )
    yield Alert(
        "InstanceGivenUp",
        "keeper_instance_given_up == 1",
        0,
        Severity.critical,
        "{{ $labels.instance }} of {{ $labels.pool }} was restarted in vain and is left alone",
        "The keeper has used up its tries (heal.tries). `docker logs {{ $labels.instance }}` says why it does not come "
        "up: often the model or its card. Mend that, then restart it from the keeper's page.",
    )
    yield Alert(
        "PoolDown",
        "pool:instances_serving:sum == 0 and pool:instances:count > 0",
        _MINUTE,
        Severity.critical,
        "No instance of {{ $labels.pool }} answers",
        "All requests to the pool fail. What the instances have in common is the first to look at: their host, their "
        "card, their image, their weights; then `docker logs` of one of them. After a change: take it back.",
    )
    yield Alert(
        "PoolBelowCapacity",
        "pool:instances_serving:sum < pool:instances:count and pool:instances_serving:sum > 0",
        10 * _MINUTE,
        Severity.warning,
        "{{ $labels.pool }} has served with {{ $value }} instances, fewer than it should, for ten minutes",
        "A restart takes less. See the keeper's page for which one is missing and why; somebody may have taken it out "
        "of rotation and not put it back.",
    )
    yield Alert(
        "PoolSaturated",
        # Between two requests a slot is free for a moment, in which somebody may look.
        f"avg_over_time(pool:busy_slots:ratio[{pace(2 * _MINUTE)}]) >= 0.9",
        4 * _MINUTE,
        Severity.warning,
        "The slots of {{ $labels.pool }} have been busy for five minutes",
        "Requests wait in line, and what finds the line full is answered 503 with Retry-After. If users need more: "
        "raise instances. If one of them asks for all of it: edge.limits. If nobody asks for much: an instance hangs, "
        "see which slots never become free on the keeper's page.",
    )
    yield Alert(
        "PoolRefuses",
        # Longer than its window: one crowd is none of anybody's business.
        "pool:refused:rate5m > 0",
        10 * _MINUTE,
        Severity.warning,
        "{{ $labels.pool }} has turned requests away for ten minutes, as its line is full",
        "Clients were answered 503 with Retry-After, {{ $value | humanize }} a second. Raise instances, or guard.queue "
        "where users would rather wait.",
    )
    yield Alert(
        "EjectionsFlap",
        f"sum by (pool) (increase(envoy_cluster_outlier_detection_ejections_enforced_total[{pace(30 * _MINUTE)}])) > 4",
        0,
        Severity.warning,
        "Instances of {{ $labels.pool }} were taken out {{ $value | humanize }} times within 30 minutes",
        "They pass their health checks and fail requests: an engine that answers /health and cannot speak. Find the "
        "instance with 5xx in the guard's access log and restart it; if all do it, look at what is asked of them.",
    )


def _edge(plan: ObservabilityPlan) -> Iterator[Alert]:
    if not plan.blackbox:
        return
    yield Alert(
        "ProbeFails",
        "probe_success == 0",
        2 * _MINUTE,
        Severity.critical,
        "{{ $labels.pool }} does not answer at the edge",
        "A client that asks {{ $labels.target }} gets no answer that it can use. If other pools answer, look at this "
        "one's instances; if none does, at the edge: `docker logs` of it, its certificate, its host.",
    )
    if plan.blackbox.https:
        days = plan.certificate / _DAY
        yield Alert(
            "CertificateExpires",
            f"probe_ssl_earliest_cert_expiry - time() < {plan.certificate}",
            0,
            Severity.critical,
            "The certificate of {{ $labels.target }} ends in {{ $value | humanizeDuration }}",
            f"It should have been renewed {days:g} days before. From Let's Encrypt: see the edge's log for `acme`; the "
            "challenge has to be reachable. Given ones: put a new one into edge.tls.certificates. Of the stack's own "
            "authority: `pulumi up` makes a new one.",
        )


def _guard(pace: Pace) -> Iterator[Alert]:
    failed, window = 'keeper_restarts_total{outcome="failed"}', pace(15 * _MINUTE)
    yield Alert(
        "GuardRefusesItsFiles",
        f"increase(envoy_cluster_manager_cds_update_rejected[{pace(5 * _MINUTE)}]) > 0 "
        f"or increase(envoy_listener_manager_lds_update_rejected[{pace(5 * _MINUTE)}]) > 0",
        0,
        Severity.critical,
        "The guard has refused its new files and goes on with the old ones",
        "What was changed has no effect. `docker logs {{ $labels.instance }}` names the field; take the change back "
        "and tell us.",
    )
    yield Alert(
        "KeeperIsBlind",
        "keeper_source_up == 0",
        2 * _MINUTE,
        Severity.critical,
        "The keeper cannot see {{ $labels.source }}",
        "Without it, instances are neither restarted nor drained before they are replaced. See the keeper's page; the "
        "socket proxy of that host, or the guard, may be down.",
    )
    yield Alert(
        "RestartFails",
        # The first one is a new series, and increase() begins to count at the second.
        f"sum by (pool, instance) (increase({failed}[{window}])) > 0 "
        f"or sum by (pool, instance) ({failed} > 0 unless {failed} offset {window}) > 0",
        0,
        Severity.warning,
        "{{ $labels.instance }} of {{ $labels.pool }} did not come back from a restart",
        "The keeper tries again, with longer pauses, up to heal.tries. `docker logs {{ $labels.instance }}` says why.",
    )


def _host(pace: Pace) -> Iterator[Alert]:
    free, size = (f'node_filesystem_{what}_bytes{{mountpoint="{VOLUMES}"}}' for what in ("avail", "size"))
    yield Alert(
        "VolumesDiskFull",
        f"{free} / {size} < 0.1",
        5 * _MINUTE,
        Severity.critical,
        "The disk of the volumes of host {{ $labels.host }} is {{ $value | humanizePercentage }} free",
        "Without room nothing is written: outputs, models, metrics. `docker system df -v` shows what takes it; "
        "outputs_limit of a pool removes old outputs; `docker image prune -a` removes images that nothing runs.",
    )
    yield Alert(
        "VolumesDiskFills",
        f"predict_linear({free}[{pace(6 * _HOUR)}], {_seconds(pace, _DAY)}) < 0 and {free} / {size} < 0.5",
        _HOUR,
        Severity.warning,
        "The disk of the volumes of host {{ $labels.host }} is full within a day if it goes on like this",
        "See `docker system df -v` for the volume that grows; give its pool an outputs_limit.",
    )
    yield Alert(
        "HostMemoryShrinks",
        f"predict_linear(node_memory_MemAvailable_bytes[{pace(6 * _HOUR)}], {_seconds(pace, 12 * _HOUR)}) < 0 "
        "and node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.4",
        30 * _MINUTE,
        Severity.warning,
        "Host {{ $labels.host }} has no memory left within twelve hours if it goes on like this",
        "Something leaks. `docker stats` shows which container grows. An engine that does not give memory back wants "
        "restart: {daily: …} in its pool; this comes before its limit ends it in the middle of a sentence.",
    )


def _seconds(pace: Pace, seconds: float) -> str:
    return f"{seconds / pace.faster:g}"


def _meter(pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "UsageNotRead",
        f"increase(tts_usage_damaged_lines_total[{pace(_HOUR)}]) > 0",
        0,
        Severity.warning,
        "The meter could not read {{ $value | humanize }} lines of the {{ $labels.log }}'s access log",
        "Their requests are counted for nobody. `docker logs {{ $labels.instance }}` has the lines. A few after the "
        "host lost power are those that it tore; if there are ever more, tell us.",
    )
    yield Alert(
        "UsageLogGrows",
        # Of what was counted 8 MiB stay.
        "tts_usage_log_bytes > 100e6",
        10 * _MINUTE,
        Severity.warning,
        "The {{ $labels.log }}'s access log takes {{ $value | humanize1024 }}B, more than it should",
        "The meter does not come after, or cannot free what it has counted: `docker logs {{ $labels.instance }}` says "
        "so where the file system of Docker's volumes cannot (ext4, xfs, btrfs can). It grows until no room is left.",
    )


def _itself(plan: ObservabilityPlan, pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "TargetMissing",
        'up{job!="probe"} == 0',
        2 * _MINUTE,
        Severity.critical,
        "{{ $labels.instance }} ({{ $labels.job }}) does not answer when it is asked for metrics",
        "What it would tell is not known, and its alerts do not come. `docker ps -a` shows whether it runs, "
        "`docker logs {{ $labels.instance }}` why not.",
    )
    yield Alert(
        "FilesNotTaken",
        'prometheus_config_last_reload_successful{job="prometheus"} == 0 '
        'or alertmanager_config_last_reload_successful{job="alertmanager"} == 0 '
        'or blackbox_exporter_config_last_reload_successful{job="blackbox"} == 0',
        0,
        Severity.critical,
        "{{ $labels.instance }} has refused its new files and goes on with the old ones",
        "What was changed has no effect. `docker logs {{ $labels.instance }}` names the line.",
    )
    yield Alert(
        "RulesFail",
        f"increase(prometheus_rule_evaluation_failures_total[{pace(5 * _MINUTE)}]) > 0",
        0,
        Severity.critical,
        "Prometheus could not work out {{ $labels.rule_group }}",
        "The alerts of that group do not come. `docker logs {{ $labels.instance }}` says why.",
    )
    yield Alert(
        "AlertsGoNowhere",
        "prometheus_notifications_alertmanagers_discovered < 1 "
        f"or increase(prometheus_notifications_dropped_total[{pace(5 * _MINUTE)}]) > 0",
        # Longer than its window: for some seconds after its files have changed Prometheus knows of no Alertmanager.
        10 * _MINUTE,
        Severity.critical,
        "Prometheus has nobody to give its alerts to",
        "Nobody is told of anything: you see this on Prometheus' page alone. See whether Alertmanager runs.",
    )
    yield Alert(
        "NobodyIsTold",
        f"sum by (integration, instance) (increase(alertmanager_notifications_failed_total[{pace(5 * _MINUTE)}])) > 0",
        2 * _MINUTE,
        Severity.critical,
        "Alertmanager could not tell anybody by {{ $labels.integration }}",
        "`docker logs {{ $labels.instance }}` has the answer of the other side: an address, a secret that is over, a "
        "way out that is closed.",
    )
    yield Alert(
        "PrometheusOverItsDisk",
        # Debian's has the first alone.
        f"sum by (instance) ({{__name__=~'{_ON_DISK}'}}) > {plan.prometheus.disk * _MEBIBYTE}",
        5 * _MINUTE,
        Severity.warning,
        "Prometheus takes {{ $value | humanize1024 }}B, more than its disk (observability.prometheus.disk)",
        "It forgets what is oldest at retention.size, and its log grew beyond the rest. Raise disk, or lower "
        "retention.size.",
    )
    if plan.prometheus.remote_write:
        yield Alert(
            "RemoteWriteFails",
            f"increase(prometheus_remote_storage_samples_failed_total[{pace(15 * _MINUTE)}]) > 0",
            0,
            Severity.warning,
            "{{ $value | humanize }} samples could not be written to where they are kept as well",
            "They are lost there, not here. `docker logs {{ $labels.instance }}` has the answer of the other side.",
        )
