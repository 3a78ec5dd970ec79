"""Envoy's configuration as a forward proxy: a list of hosts that may be fetched from; everything else is refused.

The list holds names. What a name stands for, the proxy asks DNS by itself, and connects to exactly the address that it
has compared with those which no name may stand for: a name that says another address at the next question (rebinding),
or several at once, gains nothing. Each address of a name is a server of its own to Envoy (a strict DNS cluster for each
name, below the dynamic forward proxy's), and the check is of the server that was chosen, before it is connected to. The
forward proxy's other way, one server for each name, checks the first of its addresses and then races them all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pulumi_tts.plan.way_out import PORT, AllowedHost, WayOutPlan
from pulumi_tts.render.envoy_parts import Tree, address, extension, resources, to_json, typed, watched

ROUTES, CLUSTERS = "routes.json", "clusters.json"
"""What Envoy watches: the names, and the servers whose address was named. Another list restarts nothing."""
HEALTH_PORT = 3129
"""On the container's own loopback."""

NEVER = (
    "0.0.0.0/8",  # this machine
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared by a provider's customers; Alibaba's metadata service is on it
    "127.0.0.0/8",
    "168.63.129.16/32",  # Azure's own service for its machines, the only one on a public address
    "169.254.0.0/16",  # link-local; the metadata services of most clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",  # for documents, as two below
    "192.168.0.0/16",
    "198.18.0.0/15",  # for benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)
"""What no name may stand for (IANA's special-purpose registry). Only IPv4 is asked for."""

_RESOLVED = "resolved"
_MOST_NAMES = 256
"""At a time, of those below a `*.`; each is some KiB."""
_BUFFER = 64 * 1024
_CONNECTIONS = 1024
"""A client of Hugging Face's storage opens some hundred."""
_BETWEEN_US = (
    "proxy-authorization",
    "proxy-connection",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-forwarded-proto",
)
"""What a client tells its proxy, and what Envoy adds: a server learns nothing of who asks."""
_AUTHORITY = "[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"
_RANGES = "envoy.rbac.matchers.upstream_ip_port"
_RANGES_KIND = "rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where Envoy finds things; tests have other places, and call other addresses their own."""

    files: str = "/files/current"
    address: str = "0.0.0.0"  # noqa: S104  within its container
    port: int = PORT
    health_port: int = HEALTH_PORT
    never: tuple[str, ...] = NEVER
    resolver: int | None = None
    """The port of a DNS server on loopback. Default: those that the container is told."""


IN_CONTAINER = Layout()


def bootstrap(plan: WayOutPlan, layout: Layout = IN_CONTAINER) -> str:
    """What Envoy is started with; the list is in the files."""
    return to_json(
        {
            "node": {"id": plan.name, "cluster": "way-out"},
            "dynamic_resources": {"cds_config": watched(f"{layout.files}/{CLUSTERS}")},
            "static_resources": {
                "listeners": [
                    _listener("proxy", address(layout.address, layout.port), _proxy_manager(plan, layout)),
                    _listener("health", address("127.0.0.1", layout.health_port), _health_manager()),
                ],
                "clusters": [_resolved(layout)],
            },
            "overload_manager": {"resource_monitors": [_connection_limit()]},
        }
    )


def files(plan: WayOutPlan) -> dict[str, str]:
    """The files that Envoy watches, by name."""
    return {
        CLUSTERS: resources(_named_servers(plan)),
        ROUTES: resources([_table(plan)]),
    }


def health_command() -> list[str]:
    """The health check: in bash, which is the only client of HTTP in Envoy's image and ours."""
    ask = (
        f"exec 3<>/dev/tcp/127.0.0.1/{HEALTH_PORT} && "
        r"printf 'GET / HTTP/1.1\r\nHost: way-out\r\nConnection: close\r\n\r\n' >&3 && "
        "read -r status <&3 && [[ $status == *' 200 '* ]]"
    )
    return ["bash", "-c", ask]


# ---- what may be fetched from


def _table(plan: WayOutPlan) -> Tree:
    return {
        **typed("config.route.v3.RouteConfiguration"),
        "name": ROUTES,
        "virtual_hosts": [
            *(_allowed(host, port) for host in plan.hosts for port in host.ports),
            _everything_else(plan),
        ],
        "request_headers_to_remove": list(_BETWEEN_US),
    }


def _allowed(host: AllowedHost, port: int) -> Tree:
    cluster = _server(host, port) if host.address else _RESOLVED
    name = f"{host.name}:{port}"
    # A tunnel always names its port, a request by plain HTTP may leave the usual one out.
    domains = [name, host.name] if port == 80 else [name]  # noqa: PLR2004
    return {
        "name": name,
        "domains": domains,
        "routes": [
            {
                "match": {"connect_matcher": {}, "headers": [_plain_authority()]},
                "route": {
                    "cluster": cluster,
                    "timeout": "0s",
                    "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
                },
            },
            {
                "match": {"prefix": "/", "headers": [_plain_authority()]},
                "route": {"cluster": cluster, "timeout": "0s"},
            },
            *_refusals(),
        ],
    }


def _plain_authority() -> Tree:
    """What has a user, a second port or an encoded character in it can be read in more than one way."""
    return {"name": ":authority", "string_match": {"safe_regex": {"regex": f"(?i){_AUTHORITY}"}}}


def _everything_else(plan: WayOutPlan) -> Tree:
    why = f"{plan.owner} may not fetch from this host: it is not in its fetches_from"
    return {"name": "everything else", "domains": ["*"], "routes": _refusals(why)}


def _refusals(why: str = "this is not a host's name") -> list[Tree]:
    refused = {"status": 403, "body": {"inline_string": f"{why}\n"}}
    both: list[Tree] = [{"connect_matcher": {}}, {"prefix": "/"}]
    return [{"match": match, "direct_response": refused} for match in both]


def _server(host: AllowedHost, port: int) -> str:
    return f"{host.name} {port}".replace(".", "-")


def _named_servers(plan: WayOutPlan) -> Iterator[Tree]:
    """The servers whose address was named: no other is believed, and this one may be private."""
    for host in plan.hosts:
        for port in host.ports if host.address else ():
            name = _server(host, port)
            at = {"endpoint": {"address": address(str(host.address), port)}}
            yield {
                **typed("config.cluster.v3.Cluster"),
                "name": name,
                "type": "STATIC",
                "connect_timeout": "10s",
                "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [at]}]},
            }


def _resolved(layout: Layout) -> Tree:
    kind = "extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig"
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": _RESOLVED,
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "10s",
        "per_connection_buffer_limit_bytes": _BUFFER,
        "dns_lookup_family": "V4_ONLY",
        **_resolver(layout),
        "cluster_type": {
            "name": "envoy.clusters.dynamic_forward_proxy",
            "typed_config": {
                **typed(kind),
                "sub_clusters_config": {"max_sub_clusters": _MOST_NAMES, "sub_cluster_ttl": "300s"},
                # TLS is between the client and the host, in the tunnel.
                "allow_insecure_cluster_options": True,
            },
        },
        "typed_extension_protocol_options": {
            name: {
                **typed("extensions.upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": {"http_protocol_options": {}},
                "http_filters": [
                    extension("envoy.filters.http.upstream_rbac", "filters.http.rbac.v3.RBAC", **_public(layout.never)),
                    extension("envoy.filters.http.upstream_codec", "filters.http.upstream_codec.v3.UpstreamCodec"),
                ],
            }
        },
    }


def _resolver(layout: Layout) -> Tree:
    if layout.resolver is None:
        return {}
    kind = "network.dns_resolver.cares.v3.CaresDnsResolverConfig"
    servers = [address("127.0.0.1", layout.resolver)]
    # Tests change what a name stands for while Envoy runs.
    return {
        "typed_dns_resolver_config": extension("envoy.network.dns_resolver.cares", kind, resolvers=servers),
        "dns_refresh_rate": "0.2s",
    }


def _public(never: Iterable[str]) -> Tree:
    """Allows an address that is none of these; also refuses where Envoy knows none, as then no port is right."""
    known = _upstream(upstream_port_range={"start": 1, "end": 65536})
    ranges = [
        {"not_rule": _upstream(upstream_ip={"address_prefix": prefix, "prefix_len": int(length)})}
        for prefix, _, length in (text.partition("/") for text in never)
    ]
    permission = {"and_rules": {"rules": [known, *ranges]}}
    policy = {"permissions": [permission], "principals": [{"any": True}]}
    return {"rules": {"action": "ALLOW", "policies": {"public": policy}}}


def _upstream(**what: Tree) -> Tree:
    return {"matcher": extension(_RANGES, _RANGES_KIND, **what)}


# ---- Envoy's own


def _proxy_manager(plan: WayOutPlan, layout: Layout) -> Tree:
    forward = "filters.http.dynamic_forward_proxy.v3.FilterConfig"
    return {
        **_manager("proxy"),
        "rds": {"route_config_name": ROUTES, "config_source": watched(f"{layout.files}/{ROUTES}")},
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        # Of a tunnel in which nothing moves any more.
        "stream_idle_timeout": "300s",
        "access_log": [_log_of_refusals(plan)],
        "http_filters": [
            extension(
                "envoy.filters.http.dynamic_forward_proxy", forward, sub_cluster_config={"cluster_init_timeout": "10s"}
            ),
            _router(),
        ],
    }


def _health_manager() -> Tree:
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    table = {"virtual_hosts": [{"name": "health", "domains": ["*"], "routes": [answer]}]}
    return {**_manager("health"), "route_config": table, "http_filters": [_router()]}


def _manager(name: str) -> Tree:
    return {
        "stat_prefix": name,
        "codec_type": "HTTP1",
        # Python's own client asks for its tunnels so, up to 3.11.
        "http_protocol_options": {"accept_http_10": True},
        # Addresses that are signed stay as they are.
        "normalize_path": False,
        "merge_slashes": False,
        "request_headers_timeout": "10s",
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
    }


def _router() -> Tree:
    return extension("envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True)


def _log_of_refusals(plan: WayOutPlan) -> Tree:
    refused = {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "way_out.logged"}}}
    line = {
        "time": "%START_TIME%",
        "of": plan.owner,
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "method": "%REQ(:METHOD)%",
        # Without the path: addresses of downloads are signed.
        "host": "%REQ(:AUTHORITY)%",
        "address": "%UPSTREAM_HOST%",
        "status": "%RESPONSE_CODE%",
        "why": "%RESPONSE_CODE_DETAILS%",
    }
    kind = "access_loggers.stream.v3.StdoutAccessLog"
    log = extension("envoy.access_loggers.stdout", kind, log_format={"json_format": line})
    return {**log, "filter": {"status_code_filter": refused}}


def _listener(name: str, where: Tree, manager: Tree) -> Tree:
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": name,
        "address": where,
        "per_connection_buffer_limit_bytes": _BUFFER,
        "filter_chains": [{"filters": [extension("envoy.filters.network.http_connection_manager", kind, **manager)]}],
    }


def _connection_limit() -> Tree:
    return extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=_CONNECTIONS,
    )
