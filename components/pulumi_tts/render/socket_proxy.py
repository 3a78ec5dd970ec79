"""Envoy's configuration in front of a Docker socket: a list of what may be asked; everything else is refused.

Docker's socket gives root on its host, and Docker itself knows no lesser right. What is matched here is what is sent
on: paths are compared as they came, unnormalised, with patterns that have no room for `%`, `..` or `//`.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence

from pulumi_tts.plan.admission import admission
from pulumi_tts.plan.socket_proxy import DISCOVERY_USER, PORT, SOCKET, Client, SocketProxyPlan
from pulumi_tts.render.envoy_parts import Tree, address, extension, typed, watched

ROUTES = "routes.json"
"""The file of what is allowed; Envoy takes a new one up, also on connections that are open, and restarts nothing."""
HEALTH_PORT = 2376
"""On the container's loopback only: whether Docker answers through the proxy, without a token."""

# A keeper keeps one connection for each thing that it does at a time, Traefik two and a stream of events.
_CONNECTIONS = 64
_PATTERN_SIZE = {"re2.max_program_size.error_level": 1_000_000, "re2.max_program_size.warn_level": 1_000_000}
_VERSION = r"(/v1\.[0-9]{1,2})?"
_ROUTER = extension("envoy.filters.http.router", "filters.http.router.v3.Router")
_MUTATION = "envoy.filters.http.header_mutation"
_MUTATION_KIND = "filters.http.header_mutation.v3"
# Of no use to any question on the list. Envoy does not show how a body of unknown length comes, so it is counted too.
_NO_BODY = {
    "name": "content-length",
    "string_match": {"safe_regex": {"regex": "0?"}},
    "treat_missing_header_as_empty": True,
}
_BUFFER = "envoy.filters.http.buffer"
_BUFFER_KIND = "filters.http.buffer.v3"
_LARGEST_BODY = {**typed(f"extensions.{_BUFFER_KIND}.BufferPerRoute"), "buffer": {"max_request_bytes": 1}}
_TOKEN_HEADER = "authorization"  # noqa: S105  a header's name


def bootstrap(plan: SocketProxyPlan, directory: str) -> str:
    """What Envoy is started with; it watches ``directory`` for the rest. Holds no secret."""
    return _json(
        {
            "node": {"id": plan.name, "cluster": "socket-proxy"},
            "static_resources": {
                "listeners": [
                    _listener("docker", "0.0.0.0", PORT, {"rds": _routes_source(directory)}),  # noqa: S104
                    _listener("health", "127.0.0.1", HEALTH_PORT, {"route_config": _health_routes()}),
                ],
                "clusters": [_docker()],
            },
            "overload_manager": {"resource_monitors": [_connection_limit()]},
            # Envoy takes no pattern larger than 100 else: enough for two pools.
            "layered_runtime": {"layers": [{"name": "patterns", "static_layer": _PATTERN_SIZE}]},
        }
    )


def routes_file(plan: SocketProxyPlan, token: str | None = None) -> str:
    """What the plan's client may ask, as the file that Envoy watches; with ``token`` only who sends it may."""
    allowed = _keeper(plan) if plan.client is Client.keeper else _discovery(plan)
    refused = [_refusal()]
    if token:
        # Asked for by each route by itself: a route that said "who has it not" would not match where it is missing.
        sent = _credentials(plan.client, token)
        allowed, refused = [_with_credentials(route, sent) for route in [*allowed, *refused]], [_no_token()]
    kind = typed("config.route.v3.RouteConfiguration")
    return _json({"resources": [{**kind, **_routes("allowed", [*allowed, *refused])}]})


def health_command() -> list[str]:
    """The health check: bash asks for Docker's ping, as neither Envoy's image nor ours has a client."""
    ask = (
        f"exec 3<>/dev/tcp/127.0.0.1/{HEALTH_PORT} && "
        r"printf 'GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n' >&3 && "
        "read -r status <&3 && [[ $status == *' 200 '* ]]"
    )
    return ["bash", "-c", ask]


# ---- what is allowed


def _keeper(plan: SocketProxyPlan) -> list[Tree]:
    # Without pools there is no name that it may ask for.
    name = "(" + "|".join(re.escape(pool) for pool in plan.pools) + ")-[1-9][0-9]{0,2}" if plan.pools else ""
    ours = {"label": ["pulumi-tts.part=instance", f"pulumi-tts.stack={plan.stack}"]}
    named = [
        _allowed("inspect", "GET", rf"/containers/{name}/json"),
        # Docker answers when the instance has stopped and started again: its grace, and no deadline of ours.
        _allowed("restart", "POST", rf"/containers/{name}/restart(\?t=[0-9]+)?", endless=True),
    ]
    return [*_hello(), _listing(ours), *(named if plan.pools else [])]


def _discovery(plan: SocketProxyPlan) -> list[Tree]:
    admitted = {"label": [f"{label}={value}" for label, value in admission(plan.stack).items()]}
    return [
        *_hello(),
        _listing(admitted),
        # By their full ids only, which can be learnt of those that are listed.
        _allowed("inspect", "GET", r"/containers/[0-9a-f]{64}/json"),
        _allowed(
            "events", "GET", rf"/events({_query('since|until')})?", {"type": ["container"], **admitted}, endless=True
        ),
    ]


def _hello() -> list[Tree]:
    return [
        _allowed("ping", "GET", "/_ping"),
        _allowed("ping-head", "HEAD", "/_ping"),
        _allowed("version", "GET", "/version"),
    ]


def _listing(filters: Mapping[str, Sequence[str]]) -> Tree:
    return _allowed("list", "GET", rf"/containers/json({_query('all|limit|size|trunc_cmd')})?", filters)


def _query(numbers: str) -> str:
    """A query of parameters with plain values, in any order, and at most one `filters`, which is then replaced."""
    plain = rf"({numbers})=[0-9a-z.-]*"
    return rf"\?({plain}&)*({plain}|filters=[^&#;]*)(&{plain})*"


def _allowed(
    name: str, method: str, path: str, filters: Mapping[str, Sequence[str]] | None = None, *, endless: bool = False
) -> Tree:
    """A route for one thing that may be asked; ``path`` is the whole of it, with its query, after the API's version.

    ``filters`` are put in the place of the client's own.
    """
    route: Tree = {
        "name": name,
        "match": {
            "prefix": "/",
            "headers": [_header(":method", method), _pattern(":path", _VERSION + path), _NO_BODY],
        },
        "route": {
            "cluster": "docker",
            "timeout": "0s" if endless else "30s",
            **({"idle_timeout": "0s"} if endless else {}),
        },
        # What the client sends to the proxy is not Docker's business.
        "request_headers_to_remove": [_TOKEN_HEADER],
        "typed_per_filter_config": {_BUFFER: _LARGEST_BODY},
    }
    if filters is not None:
        route["typed_per_filter_config"][_MUTATION] = _replaced_filters(filters)
    return route


def _replaced_filters(filters: Mapping[str, Sequence[str]]) -> Tree:
    value = json.dumps(filters, separators=(",", ":"))
    record = {"record": {"key": "filters", "value": value}, "action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        **typed(f"extensions.{_MUTATION_KIND}.HeaderMutationPerRoute"),
        "mutations": {"query_parameter_mutations": [{"append": record}]},
    }


# ---- what is refused


def _credentials(client: Client, token: str) -> str:
    if client is Client.keeper:
        return f"Bearer {token}"
    return "Basic " + base64.b64encode(f"{DISCOVERY_USER}:{token}".encode()).decode()


def _with_credentials(route: Tree, sent: str) -> Tree:
    match = route["match"]
    headers = [*match.get("headers", ()), _header(_TOKEN_HEADER, sent)]
    return {**route, "match": {**match, "headers": headers}}


def _no_token() -> Tree:
    return {"name": "no-token", "match": {"prefix": "/"}, "direct_response": _answer(401, "This wants its token.")}


def _refusal() -> Tree:
    answer = _answer(403, "This is not on the list of what may be asked of Docker here.")
    return {"name": "refused", "match": {"prefix": "/"}, "direct_response": answer}


def _answer(status: int, why: str) -> Tree:
    # As Docker words its own errors, so that its clients show them.
    return {"status": status, "body": {"inline_string": json.dumps({"message": why})}}


def _header(name: str, value: str) -> Tree:
    return {"name": name, "string_match": {"exact": value}}


def _pattern(name: str, pattern: str) -> Tree:
    return {"name": name, "string_match": {"safe_regex": {"regex": pattern}}}


# ---- Envoy's own


def _health_routes() -> Tree:
    return _routes("health", [_allowed("ping", "GET", "/_ping"), _refusal()])


def _routes(name: str, routes: Iterable[Tree]) -> Tree:
    return {"name": name, "virtual_hosts": [{"name": name, "domains": ["*"], "routes": list(routes)}]}


def _routes_source(directory: str) -> Tree:
    return {"route_config_name": "allowed", "config_source": watched(f"{directory}/{ROUTES}")}


def _listener(name: str, host: str, port: int, routes: Tree) -> Tree:
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    http: Tree = {
        "stat_prefix": name,
        # No HTTP/2, and no upgrade: what Docker calls hijacking would be a way past this list.
        "codec_type": "HTTP1",
        **routes,
        "normalize_path": False,
        "merge_slashes": False,
        "max_request_headers_kb": 16,
        "request_headers_timeout": "5s",
        "request_timeout": "5s",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "access_log": [_log_of_refusals()],
        "http_filters": [
            extension(_MUTATION, f"{_MUTATION_KIND}.HeaderMutation"),
            # What is refused is refused before a body has come.
            {**extension(_BUFFER, f"{_BUFFER_KIND}.Buffer", max_request_bytes=1), "disabled": True},
            _ROUTER,
        ],
    }
    manager = extension("envoy.filters.network.http_connection_manager", kind, **http)
    return {
        "name": name,
        "address": address(host, port),
        "per_connection_buffer_limit_bytes": 32 * 1024,
        "filter_chains": [{"filters": [manager]}],
    }


def _log_of_refusals() -> Tree:
    refused = {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "socket_proxy.logged"}}}
    line = {
        "time": "%START_TIME%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "why": "%RESPONSE_CODE_DETAILS%",
    }
    kind = "access_loggers.stream.v3.StdoutAccessLog"
    log = extension("envoy.access_loggers.stdout", kind, log_format={"json_format": line})
    return {**log, "filter": {"status_code_filter": refused}}


def _docker() -> Tree:
    socket = {"endpoint": {"address": {"pipe": {"path": SOCKET}}}}
    return {
        "name": "docker",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "docker", "endpoints": [{"lb_endpoints": [socket]}]},
    }


def _connection_limit() -> Tree:
    return extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=_CONNECTIONS,
    )


def _json(tree: Tree) -> str:
    return json.dumps(tree, indent=1, sort_keys=True)
