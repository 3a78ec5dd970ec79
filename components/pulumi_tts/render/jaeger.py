"""Jaeger's configuration: it collects, decides what is kept, and keeps it, or sends it on."""

import json
from dataclasses import dataclass

from pulumi_tts.plan.tracing import COLLECTOR_PORT, KEEP_WAIT, METRICS_PORT, PAGE_PATH, PAGE_PORT, JaegerPlan
from pulumi_tts.render.yaml_file import Tree

SETTINGS = "jaeger.yml"
FOLDER = "/traces"
"""Where traces are kept, in its container."""
HEALTH_PORT = 13133
HEALTH = f"http://127.0.0.1:{HEALTH_PORT}/status"
"""Where it says that it is well, on the container's own loopback."""

_SPOKEN = ("url.query", "url.full", "http.url", "http.target")
"""Attributes that hold queries, in which engines take their text, by the conventions of today and of before."""
_TWICE = ("guid:x-request-id", "upstream_cluster.name", "downstream_cluster", "component", "node_id", "zone")
"""Attributes of Envoy's that say what others do, or nothing here; each of them is an entry of an index on the disk."""
_PER_MEBIBYTE = 40
"""Traces that may wait to be decided on, for each MiB of memory: one is 10 KB here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where Jaeger listens and keeps things; tests have other places."""

    address: str = "0.0.0.0"  # noqa: S104  within its container
    collector: int = COLLECTOR_PORT
    page: int = PAGE_PORT
    health: int = HEALTH_PORT
    metrics: int = METRICS_PORT
    folder: str = FOLDER
    secrets: str = "/files/current"
    """Where the values of headers are, each a file of its header's name."""
    wait: int = KEEP_WAIT
    """Seconds from a trace's first span until it is decided on; each program sends its spans every 5 s."""


IN_CONTAINER = Layout()


def command(directory: str) -> list[str]:
    """Jaeger's command line, in its official image and in ours; it reads its file again when it is told to."""
    return ["/cmd/jaeger/jaeger-linux", f"--config=file:{directory}/{SETTINGS}"]


def settings_file(jaeger: JaegerPlan, layout: Layout = IN_CONTAINER) -> str:
    """What it receives, what it does with that, and where it leaves it."""
    return json.dumps(_settings(jaeger, layout), indent=1)  # JSON is YAML


def _settings(jaeger: JaegerPlan, layout: Layout) -> Tree:
    decides = jaeger.keep.ratio < 1
    exporters = _exporters(jaeger, layout)
    processors: Tree = {
        # Beyond this it refuses spans, rather than end by its container's limit.
        "memory_limiter": {"check_interval": "1s", "limit_mib": jaeger.memory * 3 // 4},
        "attributes": {"actions": [{"key": key, "action": "delete"} for key in (*_SPOKEN, *_TWICE)]},
        **({"tail_sampling": _tail_sampling(jaeger, layout.wait)} if decides else {}),
        "batch": {},
    }
    kept_here: Tree = {} if jaeger.export else _kept_here(jaeger, layout)
    extensions: Tree = {
        "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"127.0.0.1:{layout.health}"}},
        **kept_here,
    }
    return {
        "extensions": extensions,
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{layout.address}:{layout.collector}"}}}},
        "processors": processors,
        "exporters": exporters,
        "service": {
            "extensions": list(extensions),
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": list(processors), "exporters": list(exporters)}
            },
            "telemetry": {
                "resource": {"service.name": jaeger.name},
                "logs": {"level": "info", "encoding": "json"},
                "metrics": {"readers": [{"pull": {"exporter": {"prometheus": _metrics(layout)}}}]},
            },
        },
    }


def _metrics(layout: Layout) -> Tree:
    return {"host": layout.address, "port": layout.metrics}


def _tail_sampling(jaeger: JaegerPlan, wait: int) -> Tree:
    """What one of these says yes to is kept."""
    keep = jaeger.keep
    return {
        "decision_wait": f"{wait}s",
        "num_traces": jaeger.memory * _PER_MEBIBYTE,
        "policies": [
            # What a client is told of its own mistake (4xx) is an error to client spans, and to no others; a try that
            # failed is one, also where the next one went well.
            _condition(
                "failed",
                "status.code == STATUS_CODE_ERROR and kind != SPAN_KIND_CLIENT",
                'name == "try" and IsMatch(attributes["response_flags"], "^(U|SI)")',
            ),
            # Of a request that never got an answer, it is no number.
            _condition(
                "slow", f'attributes["first_byte_ms"] != nil and Double(attributes["first_byte_ms"]) > {keep.slow}'
            ),
            _under_way(),
            {
                "name": "rest",
                "type": "probabilistic",
                "probabilistic": {"sampling_percentage": keep.ratio * 100},
            },
        ],
    }


def _under_way() -> Tree:
    """Keeps what is not over when it has to be decided on: nobody knows how it ends, and what comes later follows.

    Traefik's second span ends when an answer begins, its first, which alone names an entry point, when it is whole.
    """
    over = {"key": "entry_point", "values": [".+"], "enabled_regex_matching": True, "invert_match": True}
    return {
        "name": "under-way",
        "type": "and",
        "and": {
            "and_sub_policy": [
                _condition("begun", 'name == "ReverseProxy"'),
                {"name": "not-over", "type": "string_attribute", "string_attribute": over},
            ]
        },
    }


def _condition(name: str, *any_holds: str) -> Tree:
    """Keeps what has a span for which one of these holds, in the collector's own language of conditions (OTTL)."""
    return {"name": name, "type": "ottl_condition", "ottl_condition": {"error_mode": "ignore", "span": list(any_holds)}}


def _kept_here(jaeger: JaegerPlan, layout: Layout) -> Tree:
    kept = {
        "directories": {"keys": f"{layout.folder}/keys", "values": f"{layout.folder}/values"},
        "ephemeral": False,
        "ttl": {"spans": f"{jaeger.retention}s"},
    }
    return {
        "jaeger_storage": {"backends": {"kept": {"badger": kept}}},
        "jaeger_query": {
            "storage": {"traces": "kept"},
            "base_path": PAGE_PATH,
            "http": {"endpoint": f"{layout.address}:{layout.page}"},
            # Of use to nobody here; its port would be open for all.
            "grpc": {"endpoint": "127.0.0.1:0"},
        },
    }


def _exporters(jaeger: JaegerPlan, layout: Layout) -> Tree:
    if jaeger.export is None:
        return {"jaeger_storage_exporter": {"trace_storage": "kept"}}
    headers = {name: f"${{file:{layout.secrets}/{name}}}" for name, _ in jaeger.export.headers}
    return {"otlphttp": {"endpoint": jaeger.export.endpoint, **({"headers": headers} if headers else {})}}
