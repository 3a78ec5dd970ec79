"""Envoy's configuration: what it is started with, and the files that it watches.

A request passes two connection managers of one Envoy. The **front** makes its id, bounds its upload, chooses a version,
and lets as many through as the pool has slots; the rest waits there, in one line for the whole pool. The **inner** one,
reached within the process, chooses an instance that has a slot free, connects, and tries others while it may. With one
of them alone, a request would wait at an instance, chosen while all were busy, though another became free.
(docs/decisions/009-the-guard.md)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pulumi_tts.plan.auth import AUTH_PORT, EDGE_HEADER, USER_HEADER
from pulumi_tts.plan.front import EDGES, FrontPlan
from pulumi_tts.plan.guard import (
    INSTANCE_HEADER,
    POOL_HEADER,
    PORT,
    ROUTE_HEADER,
    RUN,
    STATUS_PORT,
    ActiveCheck,
    Balance,
    CanaryPlan,
    GuardPlan,
    PoolGuardPlan,
)
from pulumi_tts.plan.meter import LOGS
from pulumi_tts.plan.tracing import COLLECTOR_PORT
from pulumi_tts.render.buckets import BUCKETS
from pulumi_tts.render.envoy_auth import auth_clusters, auth_manager, only_the_edge
from pulumi_tts.render.envoy_log import access_logs
from pulumi_tts.render.envoy_parts import Tree, to_json
from pulumi_tts.render.envoy_parts import address as _address
from pulumi_tts.render.envoy_parts import extension as _extension
from pulumi_tts.render.envoy_parts import resources as _resources
from pulumi_tts.render.envoy_parts import seconds as _seconds
from pulumi_tts.render.envoy_parts import typed as _typed
from pulumi_tts.render.envoy_parts import watched as _watched
from pulumi_tts.render.envoy_tracing import front_tracing, inner_tracing, relay_manager, traces_cluster

RETRY_AFTER = "5"
"""Seconds after which a client that found no slot, or no instance, may come again."""

# Names that no pool's can be, and without a dot, where Envoy's statistics would cut them.
_INNER = "guard_inner"
_ADMIN = "guard_admin"
_FRONT_ROUTES, _INNER_ROUTES = "front", "inner"

OWN_PORT = 9901
"""On the container's own loopback: the admin interface, for the scripts in it that ask whether Envoy is ready."""

_WEBSOCKET = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
_UNLIMITED = 100_000
"""In place of Envoy's own limits, 1 024 connections and requests and 3 retries, which suit no pool."""
_UI_CONNECTIONS = 1024
"""Of a UI's instance: pages hold many requests open."""
_KEPT_FOR_RETRY = 4 * 1024 * 1024
"""Bytes of a request's body that are kept until its answer begins: 15 s of reference audio in any usual form. A larger
request that meets an instance which cannot be reached is answered 503, as the guard no longer has it whole."""
_AFTER_SILENCE = 500
"""Milliseconds by which the deadline for the first byte comes after the one for silence, where the two are the same."""
_BUFFER = 256 * 1024
"""Bytes on their way between two connections, when the next is slower. Envoy's own is four times that."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where Envoy finds and puts things; tests have other places."""

    run: str = RUN
    """What Envoy and the keeper share: `admin.sock`; `config/`, into which the keeper moves the files below; and
    `endpoints/<pool>.json`, which it writes before: Envoy refuses, for good, what names a file that is not there."""
    address: str = "0.0.0.0"  # noqa: S104  within its container
    port: int = PORT
    status_port: int = STATUS_PORT
    own_port: int = OWN_PORT
    auth_port: int = AUTH_PORT
    traces_port: int = COLLECTOR_PORT
    files: str = "/files/current"
    """Where the courier moves what is not the keeper's to pass on."""
    logs: str = LOGS
    """Where the access log of a metered guard is also written."""


IN_CONTAINER = Layout()


def static_arguments(guard: GuardPlan, layout: Layout = IN_CONTAINER) -> tuple[str, ...]:
    """Envoy's command line, its whole bootstrap included: everything that cannot change while it runs."""
    return (
        "--config-yaml",
        to_json(bootstrap(guard, layout)),
        # Each worker counts for itself: one counts exactly, and passes more speech on than a machine's cards make.
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--drain-time-s",
        str(guard.drain),
        "--drain-strategy",
        "immediate",
        # Of the access log: a line is there when somebody looks for it, and a killed Envoy takes few with it.
        "--file-flush-interval-msec",
        "250",
        "--log-format",
        '{"time":"%Y-%m-%dT%T.%e%z","level":"%l","logger":"%n","message":"%j"}',
    )


def files(guard: GuardPlan, layout: Layout = IN_CONTAINER) -> dict[str, str]:
    """The files that Envoy watches, by name, each after those that it refers to.

    Routes are files of their own: a changed listener would close, after a while, every stream that came through it.
    """
    return {
        "clusters.json": _resources(_clusters(guard, layout)),
        f"{_INNER_ROUTES}.json": _resources([_inner_table(guard)]),
        f"{_FRONT_ROUTES}.json": _resources([_front_table(guard)]),
        "listeners.json": _resources(_listeners(guard, layout)),
    }


def bootstrap(guard: GuardPlan, layout: Layout) -> Tree:
    """What Envoy knows before it reads a file; the same whatever the pools are."""
    return {
        "node": {"id": guard.name, "cluster": guard.name},
        # A socket that only the guard and the keeper have: no engine can reach it.
        "admin": {"address": {"pipe": {"path": f"{layout.run}/admin.sock", "mode": 0o600}}},
        "dynamic_resources": {
            "cds_config": _watched(f"{layout.run}/config/clusters.json"),
            "lds_config": _watched(f"{layout.run}/config/listeners.json"),
        },
        "bootstrap_extensions": [
            _extension("envoy.bootstrap.internal_listener", "bootstrap.internal_listener.v3.InternalListener")
        ],
        "layered_runtime": {
            "layers": [
                {
                    "name": "static",
                    "static_layer": {
                        # A request that is still connecting counts: of two at once, each gets an instance of its own.
                        "envoy.reloadable_features.least_request_lb_count_pending_requests": True,
                    },
                }
            ]
        },
        "overload_manager": _overload(guard.memory),
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"suffix": "upstream_rq_time"}, "buckets": [bound * 1000 for bound in BUCKETS]}
            ]
        },
    }


def _overload(memory: int) -> Tree:
    """Refuses requests before the container's memory is full."""

    def at(action: str, share: float) -> Tree:
        trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}
        return {"name": f"envoy.overload_actions.{action}", "triggers": [trigger]}

    heap = _extension("envoy.resource_monitors.fixed_heap", "resource_monitors.fixed_heap.v3.FixedHeapConfig")
    heap["typed_config"]["max_heap_size_bytes"] = memory * 1024 * 1024 * 9 // 10
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [heap],
        "actions": [
            at("shrink_heap", 0.85),
            at("stop_accepting_requests", 0.95),
        ],
    }


# ---- listeners


def _listeners(guard: GuardPlan, layout: Layout) -> Iterator[Tree]:
    # "Inbound" is what Envoy stops to listen for when it is asked to drain.
    tracing = guard.tracing
    front = _front_manager(guard, layout) | ({"tracing": front_tracing(tracing)} if tracing else {})
    inner = _inner_manager(layout) | ({"tracing": inner_tracing(tracing)} if tracing else {})
    yield _listener("guard", _address(layout.address, layout.port), front, traffic_direction="INBOUND")
    yield {
        **_typed("config.listener.v3.Listener"),
        "name": _INNER,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": _BUFFER,
        "filter_chains": [_chain(inner)],
    }
    if tracing:
        where = _address(layout.address, layout.traces_port)
        yield _listener("traces", where, relay_manager(_router()))
    yield _listener("status", _address(layout.address, layout.status_port), _status_manager())
    yield _listener("own", _address("127.0.0.1", layout.own_port), _admin_manager("own", [{"prefix": "/"}], []))
    if guard.auth:
        # Not "inbound": a guard that drains still answers for requests that go straight to an instance.
        yield _listener("auth", _address(layout.address, layout.auth_port), auth_manager(guard.auth, layout.files))


def _listener(name: str, address: Tree, manager: Tree, **more: Any) -> Tree:
    return {
        **_typed("config.listener.v3.Listener"),
        "name": name,
        "address": address,
        "per_connection_buffer_limit_bytes": _BUFFER,
        "filter_chains": [_chain(manager)],
        **more,
    }


def _chain(manager: Tree) -> Tree:
    name = "envoy.filters.network.http_connection_manager"
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {"filters": [{**_extension(name, kind, **manager)}]}


def _front_manager(guard: GuardPlan, layout: Layout) -> Tree:
    return {
        "stat_prefix": "guard",
        "codec_type": "HTTP1",
        "rds": _route_file(_FRONT_ROUTES, layout),
        **_client_address(guard.front),
        # Also what a client on a private network says of retries, deadlines and ids is not believed.
        "early_header_mutation_extensions": [_without_client_headers()],
        "always_set_request_id_in_response": True,
        "server_header_transformation": "PASS_THROUGH",
        # As the edge has it: what one of the two lets through and the other reads in its own way is a way past a login.
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "normalize_path": True,
        "merge_slashes": True,
        # Up to the edge, where a route may ask for them.
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "request_headers_timeout": "10s",
        # A client's time in line included.
        "request_timeout": _seconds(guard.front.upload_time * 1000),
        # Silence is measured towards the instance; here it would also end what waits.
        "stream_idle_timeout": "0s",
        "http_filters": [only_the_edge(layout.files), _upload_limit(), _router()],
        # What a WebSocket carries is no upload.
        "upgrade_configs": [{"upgrade_type": "websocket", "filters": [only_the_edge(layout.files), _router()]}],
        "local_reply_config": _local_replies(),
        "access_log": access_logs(guard.front, layout.logs if guard.metered else None),
    }


def _client_address(front: FrontPlan) -> Tree:
    """The edge says who the client is; where it believes a proxy, that one says whom it had in front of it."""
    if not front.trusted_proxies:
        return {"use_remote_address": True, "xff_num_trusted_hops": 1}
    ranges = [_range(text) for text in (*EDGES, *front.trusted_proxies)]
    detection = _extension(
        "envoy.http.original_ip_detection.xff",
        "http.original_ip_detection.xff.v3.XffConfig",
        xff_trusted_cidrs={"cidrs": ranges},
    )
    return {"use_remote_address": False, "original_ip_detection_extensions": [detection]}


def _range(text: str) -> Tree:
    prefix, _, length = text.partition("/")
    return {"address_prefix": prefix, "prefix_len": int(length)}


def _inner_manager(layout: Layout) -> Tree:
    return {
        "stat_prefix": "inner",
        "codec_type": "HTTP1",
        "rds": _route_file(_INNER_ROUTES, layout),
        # What the front has made of a request stays as it is.
        "generate_request_id": False,
        "preserve_external_request_id": True,
        "skip_xff_append": True,
        "common_http_protocol_options": {"idle_timeout": "0s"},
        # A stream that is cut is cut soon; Envoy's own second is for clients far away. Not at once: where the inner
        # manager answers before it has a request's body, the front would find the connection closed, and no answer.
        "delayed_close_timeout": "0.1s",
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "0s",
        "http_filters": [_session(), _router()],
        "upgrade_configs": [{"upgrade_type": "websocket", "filters": [_session(), _router()]}],
        "local_reply_config": _local_replies(),
    }


def _status_manager() -> Tree:
    """`/ready` and `/stats/prometheus` for whoever is on the guard's network, a few times a second; nothing else."""
    limit = _extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="status",
        token_bucket={"max_tokens": 10, "tokens_per_fill": 5, "fill_interval": "1s"},
        # Health checks share a thread with what these answers are made by.
        filter_enabled={"default_value": {"numerator": 100}},
        filter_enforced={"default_value": {"numerator": 100}},
    )
    reading = [{"name": ":method", "string_match": {"exact": "GET"}}]
    matches = [{"path": path, "headers": reading} for path in ("/ready", "/stats/prometheus")]
    return _admin_manager("status", matches, [limit])


def _admin_manager(name: str, matches: list[Tree], filters: list[Tree]) -> Tree:
    routes = [{"match": match, "route": {"cluster": _ADMIN, "timeout": "5s"}} for match in matches]
    return {
        "stat_prefix": name,
        "route_config": {
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}],
            "validate_clusters": False,
        },
        "http_filters": [*filters, _router()],
    }


def _without_client_headers() -> Tree:
    return _extension(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[
            {"remove": "x-request-id"},
            {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
        ],
    )


def _router() -> Tree:
    return _extension("envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True)


def _upload_limit(largest: int | None = None) -> Tree:
    """Where the limit on uploads, in MiB, has its place; routes say what it is.

    Nothing is held until it is complete: a few uploads at once would fill the guard's memory.
    """
    limit = _extension(
        "envoy.filters.http.body_size_limit",
        "filters.http.body_size_limit.v3.BodySizeLimit",
        max_request_bytes=(largest or 1) * 1024 * 1024,
    )
    kind = "filters.http.filter_chain.v3"
    name = "envoy.filters.http.filter_chain"
    if largest is None:
        return _extension(name, f"{kind}.FilterChainConfig")
    return {name: {**_typed(f"extensions.{kind}.FilterChainConfigPerRoute"), "filter_chain": {"filters": [limit]}}}


def _session() -> Tree:
    return _extension("envoy.filters.http.stateful_session", "filters.http.stateful_session.v3.StatefulSession")


def _local_replies() -> Tree:
    """Envoy's own answers, in the form that clients of OpenAI's API read."""

    def reply(flags: list[str], code: str, message: str, **more: Any) -> Tree:
        return {
            "filter": {"response_flag_filter": {"flags": flags}},
            "body_format_override": {"json_format": {"error": {"message": message, "code": code, "type": "guard"}}},
            **more,
        }

    def header(name: str, value: str) -> Tree:
        return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}

    again = header("Retry-After", RETRY_AFTER)
    # A session whose instance is gone cannot go on; without its cookie, the next request begins another.
    forget = header("Set-Cookie", "%METADATA(ROUTE:pulumi-tts:forget)%")
    come_again = f"come back in {RETRY_AFTER} s (Retry-After)"
    return {
        "mappers": [
            reply(["UO"], "slots_full", f"every slot and the queue are full: {come_again}", headers_to_add=[again]),
            reply(["UH"], "no_instance", f"no instance is ready: {come_again}", headers_to_add=[again, forget]),
            reply(["UF", "URX"], "no_instance", f"no instance was reached: {come_again}", headers_to_add=[again]),
            reply(["UT", "SI"], "deadline", "the instance did not answer in time"),
            # Not 503, after which clients ask again by themselves: what has begun would be spoken twice.
            reply(
                ["UC", "UR", "UPE"],
                "instance_lost",
                "the instance was lost before it answered: it may have begun",
                status_code=502,
            ),
        ]
    }


# ---- routes


def _route_file(name: str, layout: Layout) -> Tree:
    return {"route_config_name": name, "config_source": _watched(f"{layout.run}/config/{name}.json")}


def _front_table(guard: GuardPlan) -> Tree:
    by_name = {pool.name: pool for pool in guard.pools}
    return _table(_FRONT_ROUTES, [route for pool in guard.pools for route in _front_routes(pool, by_name)])


def _inner_table(guard: GuardPlan) -> Tree:
    return _table(_INNER_ROUTES, [route for pool in guard.pools for route in _inner_routes(pool)])


def _table(name: str, routes: list[Tree]) -> Tree:
    return {
        **_typed("config.route.v3.RouteConfiguration"),
        "name": name,
        "virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}],
    }


def _front_routes(pool: PoolGuardPlan, pools: dict[str, PoolGuardPlan]) -> Iterator[Tree]:
    canary = pool.canary
    if canary is None:
        yield _to(pool, pool)
        return
    other = pools[canary.pool]
    if canary.header:
        yield _to(pool, other, _has_header(canary))
    if pool.cookie and other.cookie:
        # A session stays with the version that it began with.
        yield _to(pool, other, _has_cookie(other.cookie))
        yield _to(pool, pool, _has_cookie(pool.cookie))
    yield _shared(pool, other, canary.percent)


def _to(pool: PoolGuardPlan, chosen: PoolGuardPlan, *conditions: Tree) -> Tree:
    """Requests for a pool that meet conditions, to this version of it."""
    return {
        **_front_route(pool, {"cluster": queue_of(chosen)}, *conditions),
        "request_headers_to_add": [_for_pool(chosen)],
    }


def _shared(pool: PoolGuardPlan, other: PoolGuardPlan, percent: int) -> Tree:
    """The rest, by weight."""
    parts = [(other, percent), (pool, 100 - percent)]
    clusters = [
        {"name": queue_of(chosen), "weight": weight, "request_headers_to_add": [_for_pool(chosen)]}
        for chosen, weight in parts
        if weight
    ]
    return _front_route(pool, {"weighted_clusters": {"clusters": clusters}})


def _front_route(pool: PoolGuardPlan, where: Tree, *conditions: Tree) -> Tree:
    deadlines = pool.deadlines
    # Not towards the instance: there a time-out counts like a connection that fails, and the first request that takes
    # longer would take a healthy instance out. It runs from when the request has its slot and is complete. Where
    # silence ends a request as soon, that comes first, since it knows the instance; but it ends no WebSocket.
    first_byte = deadlines.first_byte + (_AFTER_SILENCE if deadlines.stall == deadlines.first_byte else 0)
    return {
        "match": {"prefix": "/", "headers": [_is_for(pool), *conditions]},
        "route": {
            **where,
            "timeout": _seconds(deadlines.total or 0),
            "retry_policy": {"per_try_timeout": _seconds(first_byte)},
        },
        "typed_per_filter_config": _upload_limit(pool.upload),
    }


def _inner_routes(pool: PoolGuardPlan) -> Iterator[Tree]:
    if pool.cookie:
        # What another instance would answer knows nothing of the session.
        yield from _inner_pair(pool, 0, _has_cookie(pool.cookie))
    yield from _inner_pair(pool, pool.retries)


def _inner_pair(pool: PoolGuardPlan, retries: int, *conditions: Tree) -> Iterator[Tree]:
    # A WebSocket may be silent for as long as both sides like.
    yield _inner_route(pool, 0, retries, _WEBSOCKET, *conditions)
    yield _inner_route(pool, pool.deadlines.stall, retries, *conditions)


def _inner_route(pool: PoolGuardPlan, stall: int, retries: int, *conditions: Tree) -> Tree:
    return {
        "match": {"prefix": "/", "headers": [_is_for(pool), *conditions]},
        "route": {
            "cluster": pool.name,
            "timeout": "0s",
            # Not the retry policy's per_try_idle_timeout: that one counts like a connection that fails.
            "idle_timeout": _seconds(stall),
            "retry_policy": {
                # Only what certainly has not begun: nothing is spoken twice.
                "retry_on": "connect-failure,refused-stream,reset-before-request",
                "num_retries": retries,
                "retry_host_predicate": [
                    _extension(
                        "envoy.retry_host_predicates.previous_hosts",
                        "retry.host.previous_hosts.v3.PreviousHostsPredicate",
                    )
                ],
                "host_selection_retry_max_attempts": 8,
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            },
        },
        "request_headers_to_remove": [POOL_HEADER, ROUTE_HEADER, USER_HEADER, EDGE_HEADER, "x-envoy-external-address"],
        "response_headers_to_add": [
            {"header": {"key": INSTANCE_HEADER, "value": "%UPSTREAM_HOST_NAME%"}},
        ],
        "request_body_buffer_limit": _KEPT_FOR_RETRY,
        **_stickiness(pool),
    }


def _stickiness(pool: PoolGuardPlan) -> Tree:
    name = "envoy.filters.http.stateful_session"
    per_route = _typed("extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute")
    if not pool.cookie:
        return {"typed_per_filter_config": {name: {**per_route, "disabled": True}}}
    attributes = [{"name": "HttpOnly"}, {"name": "SameSite", "value": "Lax"}]
    secure = ""
    if pool.secure:
        attributes.append({"name": "Secure"})
        secure = "; Secure"
    state = _extension(
        "envoy.http.stateful_session.cookie",
        "http.stateful_session.cookie.v3.CookieBasedSessionState",
        cookie={"name": pool.cookie, "path": "/", "attributes": attributes},
    )
    return {
        "typed_per_filter_config": {
            # Strict: another instance would answer 200 and know nothing of the session.
            name: {**per_route, "stateful_session": {"session_state": state, "strict": True}}
        },
        "metadata": {
            "filter_metadata": {
                "pulumi-tts": {"forget": f"{pool.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"}
            }
        },
    }


def _is_for(pool: PoolGuardPlan) -> Tree:
    return {"name": POOL_HEADER, "string_match": {"exact": pool.name}}


def _for_pool(pool: PoolGuardPlan) -> Tree:
    return {"header": {"key": POOL_HEADER, "value": pool.name}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _has_header(canary: CanaryPlan) -> Tree:
    wanted = {"present_match": True} if canary.value is None else {"string_match": {"exact": canary.value}}
    return {"name": canary.header, **wanted}


def _has_cookie(name: str) -> Tree:
    return {"name": "cookie", "string_match": {"safe_regex": {"regex": rf"(.*;\s*)?{re.escape(name)}=.*"}}}


# ---- clusters


def _clusters(guard: GuardPlan, layout: Layout) -> Iterator[Tree]:
    yield {
        **_typed("config.cluster.v3.Cluster"),
        "name": _ADMIN,
        "type": "STATIC",
        "load_assignment": _assignment(_ADMIN, {"pipe": {"path": f"{layout.run}/admin.sock"}}),
        "circuit_breakers": {"thresholds": [{"max_connections": 1, "max_pending_requests": 4}]},
    }
    if guard.auth:
        yield from auth_clusters(guard.auth)
    if guard.tracing:
        yield traces_cluster(guard.tracing)
    for pool in guard.pools:
        yield _queue(pool)
        yield _pool(pool, layout)


def queue_of(pool: PoolGuardPlan) -> str:
    """The cluster in which requests wait for a slot of a pool."""
    return f"queue_{pool.name}"


def _queue(pool: PoolGuardPlan) -> Tree:
    """The line in front of a pool: a way to the inner manager that as many may go as there are slots."""
    slots = pool.slots * max(1, len(pool.instances)) if pool.slots else _UNLIMITED
    return {
        **_typed("config.cluster.v3.Cluster"),
        "name": queue_of(pool),
        "type": "STATIC",
        "load_assignment": _assignment(
            queue_of(pool), {"envoy_internal_address": {"server_listener_name": _INNER, "endpoint_id": pool.name}}
        ),
        "circuit_breakers": {"thresholds": [_limits(connections=slots, pending=pool.queue or _UNLIMITED)]},
        "per_connection_buffer_limit_bytes": _BUFFER,
        # These connections stay within the process. One that is still being made counts as a request that waits, so
        # they are made ahead, and kept for ever.
        "preconnect_policy": {"per_upstream_preconnect_ratio": 3.0},
        **_http(idle_timeout="0s"),
    }


def _pool(pool: PoolGuardPlan, layout: Layout) -> Tree:
    return {
        **_typed("config.cluster.v3.Cluster"),
        "name": pool.name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _watched(f"{layout.run}/endpoints/{pool.name}.json")},
        "connect_timeout": _seconds(pool.deadlines.connect),
        "per_connection_buffer_limit_bytes": _BUFFER,
        "load_balancing_policy": {"policies": [{"typed_extension_config": _balance(pool.balance)}]},
        "common_lb_config": {
            # With half of the instances down, Envoy would otherwise send to dead ones too.
            "healthy_panic_threshold": {"value": 0},
            # Envoy's own is a second, in which the next instance that dies after one that did still gets requests.
            "update_merge_window": "0s",
            # A session that has begun may go on while its instance drains. Not where it is unhealthy: Envoy knows one
            # word for an instance that was ejected and for one that hangs.
            "override_host_status": {"statuses": ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"]},
        },
        "circuit_breakers": {
            "thresholds": [_limits(connections=_UNLIMITED, pending=_UNLIMITED)],
            "per_host_thresholds": [{"max_connections": pool.slots or _UI_CONNECTIONS}],
        },
        "health_checks": [_health_check(pool.health)],
        "outlier_detection": _outliers(pool),
        # An instance that is no longer named is gone, whatever its last check said.
        "ignore_health_on_host_removal": True,
        # Finds out that the other end is gone where nothing else would: on a WebSocket.
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 15, "keepalive_interval": 5, "keepalive_probes": 3}
        },
        # A connection for each request: one that was kept may be dead without a sign, and a request sent into it has
        # begun. A connection that cannot be made is safe to try elsewhere; and connections count as slots, exactly.
        **_http(
            {"http_response_headers_match": {"headers": [_failing_status()]}},
            max_requests_per_connection=1,
        ),
    }


def _failing_status() -> Tree:
    # 503 is how an engine says that its own queue is full.
    return {"name": ":status", "string_match": {"safe_regex": {"regex": "5(0[0-24-9]|[1-9][0-9])"}}}


def _limits(connections: int, pending: int) -> Tree:
    return {
        "max_connections": connections,
        "max_pending_requests": pending,
        "max_requests": _UNLIMITED,
        "retry_budget": {"budget_percent": {"value": 100}, "min_retry_concurrency": 16},
    }


def _http(failures: Tree | None = None, **options: Any) -> Tree:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "typed_extension_protocol_options": {
            name: {
                **_typed("extensions.upstreams.http.v3.HttpProtocolOptions"),
                "common_http_protocol_options": options,
                "explicit_http_config": {"http_protocol_options": {}},
                **({"outlier_detection": {"error_matcher": failures}} if failures else {}),
            }
        }
    }


def _balance(balance: Balance) -> Tree:
    if balance is Balance.round_robin:
        return _extension(
            "envoy.load_balancing_policies.round_robin", "load_balancing_policies.round_robin.v3.RoundRobin"
        )
    return _extension(
        "envoy.load_balancing_policies.least_request",
        "load_balancing_policies.least_request.v3.LeastRequest",
        selection_method="FULL_SCAN",
    )


def _health_check(check: ActiveCheck) -> Tree:
    interval = _seconds(check.interval)
    return {
        "http_health_check": {"path": check.path, "expected_statuses": [{"start": 200, "end": 400}]},
        "timeout": _seconds(check.timeout),
        "interval": interval,
        # Envoy's own, for a pool that had no request yet, is a minute.
        "no_traffic_interval": interval,
        "unhealthy_interval": "1s",
        "no_traffic_healthy_interval": interval,
        "unhealthy_threshold": check.down,
        "healthy_threshold": check.up,
        "reuse_connection": False,
    }


def _outliers(pool: PoolGuardPlan) -> Tree:
    return {
        "interval": "0.5s",
        "base_ejection_time": _seconds(pool.ejection.time * 1000),
        "max_ejection_time": _seconds(pool.ejection.longest * 1000),
        "max_ejection_percent": 100,
        # A connection that fails: at once. Of the instances it is the one least busy, and would be chosen for every
        # retry. Where there are sessions, ejection ends them: not for one failure.
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": pool.ejection.errors if pool.cookie else 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "consecutive_5xx": pool.ejection.errors,
        "enforcing_consecutive_5xx": 100,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        # A card in a bad state fails every request, and the checks that do not touch it pass.
        "successful_active_health_check_uneject_host": False,
    }


# ---- what they all have


def _assignment(name: str, address: Tree) -> Tree:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}
