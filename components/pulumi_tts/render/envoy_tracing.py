"""How the guard traces: a span while a request is with it, one while it has a slot, and one for each try."""

from urllib.parse import urlsplit

from pulumi_tts.plan.auth import USER_HEADER
from pulumi_tts.plan.guard import POOL_HEADER
from pulumi_tts.plan.tracing import TracingPlan
from pulumi_tts.render.envoy_parts import Tree, address, extension, typed

_CLUSTER = "guard_traces"
"""No pool's name has an underscore."""
_PATH = "/v1/traces"
_LARGEST_BATCH = 4 * 1024 * 1024
"""Bytes: 512 spans, the most that OpenTelemetry sends at once, are some 300 KB."""
_PATIENCE = "2s"
"""For a batch of spans to be taken. What is not is dropped; no request waits for it."""


def front_tracing(tracing: TracingPlan) -> Tree:
    """From when a request comes until its last byte has gone; begins a trace where the edge has not."""
    return _tracing(
        tracing,
        operation=f"guard %REQ({POOL_HEADER})%",
        custom_tags=[
            _tag("request_id", "%REQ(X-REQUEST-ID)%"),
            _tag("pool", f"%REQ({POOL_HEADER})%"),
            _tag("user", f"%REQ({USER_HEADER})%"),
            _tag("path", "%PATH(NQ)%"),
            _tag("first_byte_ms", "%RESPONSE_DURATION%"),
        ],
    )


def inner_tracing(tracing: TracingPlan) -> Tree:
    """From when it has its slot: what it waited in line is the time before. And within that, each try."""
    return _tracing(
        tracing,
        operation="slot",
        upstream_operation="try",
        spawn_upstream_span=True,
        custom_tags=[
            _tag("request_id", "%REQ(X-REQUEST-ID)%"),
            _tag("instance", "%UPSTREAM_HOST_NAME%"),
        ],
    )


def relay_manager(router: Tree) -> Tree:
    """Passes on what engines send, and nothing else: they are on no network with the one who takes traces, whose page
    has no login there.

    One that is broken into can tell of requests that never were, and no more of them than this lets through.
    """
    limit = extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="traces",
        token_bucket={"max_tokens": 100, "tokens_per_fill": 50, "fill_interval": "1s"},
        filter_enabled={"default_value": {"numerator": 100}},
        filter_enforced={"default_value": {"numerator": 100}},
    )
    largest = extension(
        "envoy.filters.http.body_size_limit",
        "filters.http.body_size_limit.v3.BodySizeLimit",
        max_request_bytes=_LARGEST_BATCH,
    )
    posting = [{"name": ":method", "string_match": {"exact": "POST"}}]
    route = {
        "match": {"path": _PATH, "headers": posting},
        "route": {"cluster": _CLUSTER, "timeout": _PATIENCE},
    }
    return {
        "stat_prefix": "traces",
        "codec_type": "HTTP1",
        "route_config": {
            "virtual_hosts": [{"name": "traces", "domains": ["*"], "routes": [route]}],
            "validate_clusters": False,
        },
        "request_timeout": _PATIENCE,
        "http_filters": [limit, largest, router],
    }


def traces_cluster(tracing: TracingPlan) -> Tree:
    """Where spans are sent."""
    collector = urlsplit(tracing.collector)
    endpoint = {"endpoint": {"address": address(str(collector.hostname), collector.port or 0)}}
    return {
        **typed("config.cluster.v3.Cluster"),
        "name": _CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _tracing(tracing: TracingPlan, *, operation: str, custom_tags: list[Tree], **more: object) -> Tree:
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                **typed("config.trace.v3.OpenTelemetryConfig"),
                "service_name": f"{tracing.stack}-guard",
                "http_service": {
                    "http_uri": {
                        "uri": f"{tracing.collector}{_PATH}",
                        "cluster": _CLUSTER,
                        "timeout": _PATIENCE,
                    }
                },
            },
        },
        # Only where the edge has not decided.
        "random_sampling": {"value": tracing.ratio * 100},
        # A header that a client may send would have all of its requests traced.
        "client_sampling": {"value": 0},
        # A query may be what is spoken; paths have a tag of their own, without it.
        "max_path_tag_length": 0,
        "operation": operation,
        "custom_tags": custom_tags,
        **more,
    }


def _tag(name: str, value: str) -> Tree:
    return {"tag": name, "value": value}
