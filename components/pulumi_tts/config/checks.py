"""What no single field can know: parts of a config that are right alone and wrong together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from pulumi_tts.config.auth import Login
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.fields import is_host_name
from pulumi_tts.config.front_checks import front_checks, version_checks
from pulumi_tts.config.guard_checks import guard_checks
from pulumi_tts.config.oidc_checks import oidc_checks
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, shown
from pulumi_tts.config.profile import Profile
from pulumi_tts.config.tls_checks import tls_checks
from pulumi_tts.config.weights import Weights

RESERVED_NAMES = (
    "alertmanager", "blackbox", "dashboard", "edge", "grafana", "guard", "jaeger", "keeper", "meter", "network", "node",
    "observe", "prometheus", "socket-proxy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Way:
    """One host name and path prefix that leads somewhere, and the line of the YAML that says so."""

    written_at: str
    host: str
    prefix: str = "/"
    login: Login | None = None
    """What it asks for."""


def cross_checks(domain: str, pools: Mapping[int, Pool], edge: Edge) -> Iterator[Problem]:
    """Every problem between parts; ``pools`` holds, by their place in the YAML, those that are right alone."""
    yield from _names(pools)
    yield from _instance_routes(pools)
    yield from _base_paths(pools)
    yield from _profiles(pools)
    yield from _own_hosts(pools)
    yield from _weights(pools)
    yield from guard_checks(pools)
    yield from _outputs_limits(pools)
    yield from front_checks(edge, pools)
    yield from version_checks()
    ways = [*_pool_ways(domain, pools, edge.auth.default), *_dashboard_way(domain, edge), *_oidc_way(domain, edge)]
    yield from _hosts(ways)
    yield from _collisions(ways)
    yield from _ports(edge)
    yield from tls_checks(edge, domain, [(way.written_at, way.host) for way in ways])
    yield from oidc_checks(edge, domain, [(way.written_at, way.host) for way in ways if way.login is Login.oidc])


def _names(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    first_with: dict[str, int] = {}
    for at, pool in pools.items():
        path = f"pools[{at}].name"
        if pool.name in RESERVED_NAMES:
            yield Problem(path, shown(pool.name), "is a name this package uses itself", "Choose another name")
        if pool.name in first_with:
            yield Problem(
                path,
                shown(pool.name),
                f"is also the name of pools[{first_with[pool.name]}]",
                "Give each pool a name of its own",
            )
        first_with.setdefault(pool.name, at)


def _instance_routes(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        template = pool.routes.instance
        if template and "{n}" not in template and pool.instances > 1:
            label, _, rest = template.partition(".")
            yield Problem(
                f"pools[{at}].routes.instance",
                shown(template),
                f"gives {pool.instances} instances one host name",
                f"Put {{n}} into it, as in '{label}{{n}}.{rest}'",
            )


def _base_paths(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        if pool.told_prefix and (pool.routes.pool or pool.routes.instance):
            yield Problem(
                f"pools[{at}].routes",
                shown(pool.told_prefix),
                "is told to the engine as its path prefix, so its pages would not load under a host name of their own",
                "Give the pool either path, or pool and instance; or make two pools of it",
            )


def _profiles(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        profile = pool.profile
        if profile.health.timeout > profile.health.interval:
            yield Problem(
                f"pools[{at}].health",
                f"a timeout of {profile.health.timeout}s",
                f"is longer than the interval, {profile.health.interval}s",
                "Make the timeout at most the interval",
            )
        filled_in = profile.weights.directory if profile.weights else None
        volumes = [directory for directory in (profile.outputs, profile.models, filled_in) if directory]
        mounts = [*profile.writable, *volumes]
        for one, other in combinations(mounts, 2):
            if one == other or is_under(one, other) or is_under(other, one):
                yield Problem(
                    f"pools[{at}]",
                    shown(other),
                    f"is mounted at, or inside, {one}, among writable, outputs, models and weights.directory",
                    "Give each a directory of its own",
                )


def _own_hosts(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        if pool.profile.own_host and pool.routes.path not in (None, "/"):
            yield Problem(
                f"pools[{at}].routes.path",
                shown(pool.routes.path),
                f"is a path prefix, and the pages of {pool.engine_name!r} ask for absolute paths",
                f"Give it a host name of its own: pool: '{pool.name}.{{domain}}'",
            )


def _weights(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        weights = pool.profile.weights
        if weights:
            yield from _filled_weights(f"pools[{at}].weights", pool.profile, weights)
        links_alone = weights and weights.links and not (weights.repository or weights.revision)
        if not weights or not pool.profile.needs_weights or links_alone:
            continue
        if not weights.repository:
            yield Problem(
                f"pools[{at}].weights.repository", "(nothing)", "names no model", "Write its repository on Hugging Face"
            )
        elif not weights.revision:
            yield Problem(
                f"pools[{at}].weights.revision",
                "(nothing)",
                "is missing: all instances of a pool speak with one revision of their model",
                f"Write weights: {{revision: …}} with the full commit of {weights.repository}, "
                "which its page on Hugging Face shows",
            )


def _filled_weights(path: str, profile: Profile, weights: Weights) -> Iterator[Problem]:
    """What is wrong with weights that are fetched into a volume, or would be."""
    if weights.directory and profile.build:
        yield Problem(
            f"{path}.directory",
            shown(weights.directory),
            f"is for weights in a volume, and the image of {profile.build!r} is built with them in it",
            "Leave it out, or give the pool an image without weights: image: name:tag",
        )
    for key in ("files", "links"):
        if getattr(weights, key) and not weights.directory:
            yield Problem(
                f"{path}.{key}",
                shown(getattr(weights, key)),
                "is for weights in a volume, and none is asked for",
                "Add directory",
            )
    first: dict[str, int] = {}
    for at, link in enumerate(weights.links or ()):
        if link.path in first:
            yield Problem(
                f"{path}.links[{at}]",
                shown(link.path),
                f"is also the path of links[{first[link.path]}]",
                "Give each a path of its own with to",
            )
        first.setdefault(link.path, at)


def _outputs_limits(pools: Mapping[int, Pool]) -> Iterator[Problem]:
    for at, pool in pools.items():
        if pool.outputs_limit and not pool.profile.outputs:
            yield Problem(
                f"pools[{at}].outputs_limit",
                shown(pool.outputs_limit.model_dump(exclude_none=True)),
                f"limits what {pool.engine_name!r} makes, and it has no volume for that",
                "Leave it out, or say with outputs where the engine keeps what it makes",
            )
        elif pool.outputs_limit and pool.profile.outputs_hold_more:
            yield Problem(
                f"pools[{at}].outputs_limit",
                shown(pool.outputs_limit.model_dump(exclude_none=True)),
                f"would remove the oldest files in {pool.profile.outputs}, where {pool.engine_name!r} has not only "
                "results, but what is to be kept, such as settings or voices (outputs_hold_more)",
                "Leave it out; or, where yours has nothing but results there, write outputs_hold_more: false",
            )


def _pool_ways(domain: str, pools: Mapping[int, Pool], default: Login) -> Iterator[_Way]:
    for at, pool in pools.items():
        path = f"pools[{at}].routes"
        if pool.routes.pool:
            yield _Way(f"{path}.pool", filled(pool.routes.pool, domain), login=pool.login("pool") or default)
        if pool.routes.path:
            yield _Way(f"{path}.path", domain, pool.routes.path, pool.login("path") or default)
        template = pool.routes.instance
        if template and ("{n}" in template or pool.instances == 1):
            for number in range(1, pool.instances + 1):
                host = filled(template, domain, number)
                yield _Way(f"{path}.instance", host, login=pool.login("instance") or default)


def _dashboard_way(domain: str, edge: Edge) -> Iterator[_Way]:
    if edge.dashboard.enabled:
        yield _Way("edge.dashboard.host", filled(edge.dashboard.host, domain))


def _oidc_way(domain: str, edge: Edge) -> Iterator[_Way]:
    if edge.auth.oidc:
        yield _Way("edge.auth.oidc.host", filled(edge.auth.oidc.host, domain))


def filled(template: str, domain: str, number: int | None = None) -> str:
    """A host template with its domain, and its instance's number, put in."""
    return template.replace("{domain}", domain).replace("{n}", str(number))


def _hosts(ways: Iterable[_Way]) -> Iterator[Problem]:
    wrong = {way.written_at: way for way in ways if not is_host_name(way.host)}
    for way in wrong.values():
        yield Problem(way.written_at, shown(way.host), "is not a host name once filled in", "Shorten it or its domain")


def _collisions(ways: list[_Way]) -> Iterator[Problem]:
    by_host: dict[str, list[_Way]] = {}
    for way in ways:
        by_host.setdefault(way.host, []).append(way)
    for host, ways_there in by_host.items():
        for first, second in combinations(ways_there, 2):
            if first.prefix == second.prefix:
                relation = "leads to the same place as"
            elif is_under(first.prefix, second.prefix) or is_under(second.prefix, first.prefix):
                relation = "shadows, or is shadowed by,"
            else:
                continue
            where = host if second.prefix == "/" else f"{host}{second.prefix}"
            yield Problem(
                second.written_at,
                shown(where),
                f"{relation} {first.written_at} ({host}{first.prefix})",
                "Give one of them another host name or a path that is not inside the other",
            )


def is_under(path: str, prefix: str) -> bool:
    """Whether a path lies below a prefix, whole segments compared: `/a/b` is under `/a`, `/ab` is not."""
    return path.startswith(prefix.rstrip("/") + "/")


def _ports(edge: Edge) -> Iterator[Problem]:
    if edge.dashboard.enabled and edge.dashboard.port == edge.http_port:
        yield Problem(
            "edge.dashboard.port",
            shown(edge.dashboard.port),
            "is the edge's own port (edge.port)",
            "Choose another port, or leave it out: the dashboard then shares the edge's by its host name",
        )
