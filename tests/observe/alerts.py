"""For each alert: series on which it has to come, and the near miss on which it must not.

Written as promtool reads them: `0x10` is eleven times 0, `0+1x10` counts up by one.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """Series, and after how many minutes the alert is looked for."""

    alert: str
    comes: dict[str, str]
    not_on: dict[str, str]
    """The near miss; it is looked for at the same time."""
    at: int
    labels: dict[str, str] = field(default_factory=dict)
    """What the alert has to have, beside what is asked of all: `severity` among it."""
    too_early: int | None = None
    """A time at which it must not be there yet, of the series on which it comes."""
    every: int = 1
    """How many minutes lie between two values."""


ONE = 'pool="voice", instance="tts-voice-1"'
TWO = 'pool="voice", instance="tts-voice-2"'
EDGE = 'pool="voice", route="pool", method="POST"'
WATCHED = 'job="node", instance="tts-node", host="local"'
GIB = 1024**3


def _requests(failed: str, fine: str = "0+1000x{n}", n: int = 200, refused: str | None = None) -> dict[str, str]:
    series = {
        f'traefik_router_requests_total{{{EDGE}, code="200"}}': fine.format(n=n),
        f'traefik_router_requests_total{{{EDGE}, code="503"}}': failed.format(n=n),
    }
    if refused:
        series['envoy_cluster_upstream_rq_pending_overflow{pool="voice", line="queue"}'] = refused.format(n=n)
    return series


CASES = (
    Case(
        "InstanceDown",
        {f"keeper_instance_serving{{{ONE}}}": "1 0x10", f"keeper_instance_draining{{{ONE}}}": "0x11"},
        {f"keeper_instance_serving{{{ONE}}}": "1 0x10", f"keeper_instance_draining{{{ONE}}}": "0 1x10"},
        at=4,
        labels={"severity": "warning", "pool": "voice", "instance": "tts-voice-1"},
        too_early=1,
    ),
    Case(
        "InstanceDown",
        {'traefik_service_server_up{pool="page", instance="tts-page-2"}': "0x10"},
        {'traefik_service_server_up{pool="page", instance="tts-page-2"}': "1x10"},
        at=4,
        labels={"pool": "page", "instance": "tts-page-2"},
    ),
    Case(
        "InstanceGivenUp",
        {f"keeper_instance_given_up{{{ONE}}}": "0 1x5"},
        {f"keeper_instance_given_up{{{ONE}}}": "0x6"},
        at=3,
        labels={"severity": "critical", "pool": "voice", "instance": "tts-voice-1"},
    ),
    Case(
        "PoolDown",
        {f"keeper_instance_serving{{{ONE}}}": "0x10", f"keeper_instance_serving{{{TWO}}}": "0x10"},
        {f"keeper_instance_serving{{{ONE}}}": "0x10", f"keeper_instance_serving{{{TWO}}}": "1x10"},
        at=5,
        labels={"severity": "critical", "pool": "voice"},
    ),
    Case(
        "PoolBelowCapacity",
        {f"keeper_instance_serving{{{ONE}}}": "0x20", f"keeper_instance_serving{{{TWO}}}": "1x20"},
        # A restart within these ten minutes.
        {f"keeper_instance_serving{{{ONE}}}": "0x8 1 0x10", f"keeper_instance_serving{{{TWO}}}": "1x20"},
        at=15,
        labels={"severity": "warning", "pool": "voice"},
        too_early=9,
    ),
    Case(
        "PoolSaturated",
        {
            f"keeper_instance_serving{{{ONE}}}": "1x10",
            f"keeper_instance_slots{{{ONE}}}": "2x10",
            f"keeper_instance_busy_slots{{{ONE}}}": "2x10",
            # What is down has no slots.
            f"keeper_instance_serving{{{TWO}}}": "0x10",
            f"keeper_instance_slots{{{TWO}}}": "2x10",
            f"keeper_instance_busy_slots{{{TWO}}}": "0x10",
        },
        {
            f"keeper_instance_serving{{{ONE}}}": "1x10",
            f"keeper_instance_slots{{{ONE}}}": "2x10",
            f"keeper_instance_busy_slots{{{ONE}}}": "2x3 1 2x10",
        },
        at=7,
        labels={"severity": "warning", "pool": "voice"},
        too_early=3,
    ),
    Case(
        "PoolRefuses",
        {'envoy_cluster_upstream_rq_pending_overflow{pool="voice", line="queue"}': "0+6x20"},
        # One crowd.
        {'envoy_cluster_upstream_rq_pending_overflow{pool="voice", line="queue"}': "0 6x20"},
        at=13,
        labels={"severity": "warning", "pool": "voice"},
    ),
    Case(
        "EjectionsFlap",
        {'envoy_cluster_outlier_detection_ejections_enforced_total{pool="voice"}': "0+1x40"},
        {'envoy_cluster_outlier_detection_ejections_enforced_total{pool="voice"}': "0x20 1x5 3x15"},
        at=35,
        labels={"severity": "warning", "pool": "voice"},
    ),
    # Of 99.9 %: 14.4 times as fast is 1.44 % of requests.
    Case(
        "ErrorBudgetBurns",
        _requests("0+20x{n}"),
        _requests("0+10x{n}"),
        at=70,
        labels={"severity": "critical", "pool": "voice", "window": "1h"},
    ),
    # It does not stay when the errors are over.
    Case(
        "ErrorBudgetBurns",
        _requests("0+20x{n}"),
        _requests("0+20x60 1200x140"),
        at=70,
        labels={"severity": "critical", "window": "1h"},
    ),
    # What a full pool refuses is no error.
    Case(
        "ErrorBudgetBurns",
        _requests("0+40x{n}", refused="0+20x{n}"),
        _requests("0+20x{n}", refused="0+20x{n}"),
        at=70,
        labels={"severity": "critical", "window": "1h"},
    ),
    Case(
        "ErrorBudgetBurns",
        _requests("0+8x{n}", n=50),
        _requests("0+5x{n}", n=50),
        at=400,
        every=10,
        labels={"severity": "critical", "window": "6h"},
    ),
    Case(
        "ErrorBudgetBurns",
        _requests("0+4x{n}", n=60),
        _requests("0+2x{n}", n=60),
        at=1500,
        every=30,
        labels={"severity": "warning", "window": "1d"},
    ),
    Case(
        "ErrorBudgetBurns",
        _requests("0+2x{n}", n=80),
        _requests("0+0.5x{n}", n=80),
        at=4440,
        every=60,
        labels={"severity": "warning", "window": "3d"},
    ),
    Case(
        "ProbeFails",
        {'probe_success{pool="voice", target="https://voice.example.com/health", job="probe"}': "1 0x10"},
        {'probe_success{pool="voice", target="https://voice.example.com/health", job="probe"}': "1 0 1 0 1 0 1 0 1"},
        at=6,
        labels={"severity": "critical", "pool": "voice"},
        too_early=2,
    ),
    # promtool's clock begins at 0, so this is a certificate's end in seconds from then.
    Case(
        "CertificateExpires",
        {'probe_ssl_earliest_cert_expiry{pool="voice", target="t", job="probe"}': f"{13 * 86_400}x5"},
        {'probe_ssl_earliest_cert_expiry{pool="voice", target="t", job="probe"}': f"{15 * 86_400}x5"},
        at=3,
        labels={"severity": "critical", "pool": "voice"},
    ),
    Case(
        "GuardRefusesItsFiles",
        {'envoy_cluster_manager_cds_update_rejected{instance="tts-guard"}': "0 0 1x10"},
        {'envoy_cluster_manager_cds_update_rejected{instance="tts-guard"}': "1x12"},
        at=4,
        labels={"severity": "critical", "instance": "tts-guard"},
    ),
    Case(
        "GuardRefusesItsFiles",
        {'envoy_listener_manager_lds_update_rejected{instance="tts-guard"}': "0 0 1x10"},
        {'envoy_listener_manager_lds_update_rejected{instance="tts-guard"}': "0x12"},
        at=4,
    ),
    Case(
        "KeeperIsBlind",
        {'keeper_source_up{source="guard", instance="tts-keeper"}': "1 0x10"},
        {'keeper_source_up{source="guard", instance="tts-keeper"}': "1 0 1 0 1 0 1"},
        at=5,
        labels={"severity": "critical", "source": "guard"},
    ),
    Case(
        "RestartFails",
        {f'keeper_restarts_total{{{ONE}, reason="sick", outcome="failed"}}': "_ _ 1x10"},
        {f'keeper_restarts_total{{{ONE}, reason="sick", outcome="back"}}': "0 0 1x10"},
        at=5,
        labels={"severity": "warning", "instance": "tts-voice-1"},
    ),
    Case(
        "VolumesDiskFull",
        {
            f'node_filesystem_avail_bytes{{{WATCHED}, mountpoint="/volumes"}}': "9x20",
            f'node_filesystem_size_bytes{{{WATCHED}, mountpoint="/volumes"}}': "100x20",
        },
        {
            f'node_filesystem_avail_bytes{{{WATCHED}, mountpoint="/volumes"}}': "11x20",
            f'node_filesystem_size_bytes{{{WATCHED}, mountpoint="/volumes"}}': "100x20",
        },
        at=8,
        labels={"severity": "critical", "host": "local"},
        too_early=4,
    ),
    Case(
        "VolumesDiskFills",
        {
            f'node_filesystem_avail_bytes{{{WATCHED}, mountpoint="/volumes"}}': f"{45 * GIB}-{GIB // 2}x60",
            f'node_filesystem_size_bytes{{{WATCHED}, mountpoint="/volumes"}}': f"{100 * GIB}x60",
        },
        {
            f'node_filesystem_avail_bytes{{{WATCHED}, mountpoint="/volumes"}}': f"{45 * GIB}-{GIB // 10}x60",
            f'node_filesystem_size_bytes{{{WATCHED}, mountpoint="/volumes"}}': f"{100 * GIB}x60",
        },
        at=450,
        every=10,
        labels={"severity": "warning", "host": "local"},
    ),
    Case(
        "HostMemoryShrinks",
        {
            f"node_memory_MemAvailable_bytes{{{WATCHED}}}": f"{20 * GIB}-{GIB // 4}x60",
            f"node_memory_MemTotal_bytes{{{WATCHED}}}": f"{64 * GIB}x60",
        },
        {
            f"node_memory_MemAvailable_bytes{{{WATCHED}}}": f"{20 * GIB}-{GIB // 20}x60",
            f"node_memory_MemTotal_bytes{{{WATCHED}}}": f"{64 * GIB}x60",
        },
        at=450,
        every=10,
        labels={"severity": "warning", "host": "local"},
    ),
    Case(
        "UsageNotRead",
        {'tts_usage_damaged_lines_total{log="guard", instance="tts-meter"}': "2x5 3x10"},
        {'tts_usage_damaged_lines_total{log="guard", instance="tts-meter"}': "2x15"},
        at=8,
        labels={"severity": "warning", "log": "guard", "instance": "tts-meter"},
    ),
    Case(
        "UsageLogGrows",
        {'tts_usage_log_bytes{log="edge", instance="tts-meter"}': "9000000x2 101000000x20"},
        # It was away, and has caught up.
        {'tts_usage_log_bytes{log="edge", instance="tts-meter"}': "9000000x2 101000000x8 9000000x12"},
        at=15,
        labels={"severity": "warning", "log": "edge", "instance": "tts-meter"},
        too_early=11,
    ),
    Case(
        "TargetMissing",
        {'up{job="guard", instance="tts-guard"}': "1 0x10"},
        {'up{job="guard", instance="tts-guard"}': "1 0 1 0x2 1x5"},
        at=6,
        labels={"severity": "critical", "job": "guard", "instance": "tts-guard"},
        too_early=2,
    ),
    Case(
        "FilesNotTaken",
        {'prometheus_config_last_reload_successful{job="prometheus", instance="tts-prometheus"}': "1 0x5"},
        {'prometheus_config_last_reload_successful{job="prometheus", instance="tts-prometheus"}': "0 1x5"},
        at=3,
        labels={"severity": "critical", "instance": "tts-prometheus"},
    ),
    Case(
        "FilesNotTaken",
        {'alertmanager_config_last_reload_successful{job="alertmanager", instance="tts-alertmanager"}': "1 0x5"},
        {'alertmanager_config_last_reload_successful{job="alertmanager", instance="tts-alertmanager"}': "1x6"},
        at=3,
        labels={"instance": "tts-alertmanager"},
    ),
    Case(
        "FilesNotTaken",
        {'blackbox_exporter_config_last_reload_successful{job="blackbox", instance="tts-blackbox"}': "1 0x5"},
        {'blackbox_exporter_config_last_reload_successful{job="blackbox", instance="tts-blackbox"}': "1x6"},
        at=3,
        labels={"instance": "tts-blackbox"},
    ),
    Case(
        "RulesFail",
        {'prometheus_rule_evaluation_failures_total{rule_group="pools", instance="p"}': "0 0 1 2 3"},
        {'prometheus_rule_evaluation_failures_total{rule_group="pools", instance="p"}': "3x10"},
        at=4,
        labels={"severity": "critical", "rule_group": "pools"},
    ),
    Case(
        "AlertsGoNowhere",
        {'prometheus_notifications_alertmanagers_discovered{instance="p"}': "0x20"},
        {'prometheus_notifications_alertmanagers_discovered{instance="p"}': "1x20"},
        at=12,
        labels={"severity": "critical"},
        too_early=9,
    ),
    Case(
        "AlertsGoNowhere",
        {'prometheus_notifications_dropped_total{instance="p"}': "0+1x20"},
        {'prometheus_notifications_dropped_total{instance="p"}': "0 1x20"},
        at=13,
    ),
    Case(
        "NobodyIsTold",
        {'alertmanager_notifications_failed_total{integration="slack", instance="a"}': "0+1x20"},
        {'alertmanager_notifications_failed_total{integration="slack", instance="a"}': "4x20"},
        at=6,
        labels={"severity": "critical", "integration": "slack"},
    ),
    Case(
        "PrometheusOverItsDisk",
        {
            'prometheus_tsdb_storage_blocks_bytes{instance="p"}': f"{8 * GIB}x20",
            'prometheus_tsdb_wal_storage_size_bytes{instance="p"}': f"{2 * GIB}x20",
            'prometheus_tsdb_head_chunks_storage_size_bytes{instance="p"}': f"{GIB}x20",
        },
        {
            'prometheus_tsdb_storage_blocks_bytes{instance="p"}': f"{8 * GIB}x20",
            'prometheus_tsdb_wal_storage_size_bytes{instance="p"}': f"{GIB}x20",
            'prometheus_tsdb_head_chunks_storage_size_bytes{instance="p"}': f"{GIB}x20",
        },
        at=8,
        labels={"severity": "warning"},
    ),
    Case(
        "RemoteWriteFails",
        {'prometheus_remote_storage_samples_failed_total{instance="p"}': "0+5x20"},
        {'prometheus_remote_storage_samples_failed_total{instance="p"}': "5x20"},
        at=10,
        labels={"severity": "warning"},
    ),
)
