"""What only the whole config can know of who may come in: whether anybody can, and who is called like another."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from pulumi_tts.config.auth import ApiKey, Auth, Login, RouteAuth, User, key_weakness, password_weakness
from pulumi_tts.config.edge import Edge, Unprotected
from pulumi_tts.config.guard import PoolGuard
from pulumi_tts.config.oidc import client_secret_weakness
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, did_you_mean, shown
from pulumi_tts.config.tls_checks import is_public

_REMEDY = {
    Login.basic: "Add a user: edge: {auth: {users: [{name: anna}]}}",
    Login.api_keys: "Add a key: edge: {auth: {api_keys: [{name: app}]}}",
    Login.jwt: "Say whose tokens: edge: {auth: {jwt: {issuer: …, audiences: […], jwks: {url: …}}}}",
    Login.oidc: "Say whose: edge: {auth: {oidc: {issuer: …, client_id: …, client_secret: {secret: …}, allowed: …}}}",
}
_WAYS = ("pool", "instance", "path")
_BY_THE_GUARD = ("pool", "path")


def auth_checks(edge: Edge, pools: Mapping[int, Pool], names: Sequence[str]) -> Iterator[Problem]:
    """What is wrong between who may come in and the pools that are right alone, by their place in the YAML.

    ``names`` are those of all pools.
    """
    auth = edge.auth
    yield from edge_auth_checks(auth)
    for at, pool in pools.items():
        yield from _pool(f"pools[{at}].auth", auth, pool)
    opened = [pool.name for pool in pools.values() if _is_open(pool, _WAYS, auth.default)]
    yield from open_to_everybody(edge, opened)
    yield from _strangers(auth.default, pools)
    keyless = [pool.name for pool in pools.values() if not _asks_for_keys(pool, auth.default)]
    for at, key in enumerate(auth.api_keys):
        for place, name in enumerate(key.pools or ()):
            if name in keyless:
                yield Problem(
                    f"edge.auth.api_keys[{at}].pools[{place}]",
                    shown(name),
                    "is a pool that asks for no key",
                    "Give the pool auth: api_keys, or leave it out here",
                )
            if name not in names:
                yield Problem(
                    f"edge.auth.api_keys[{at}].pools[{place}]",
                    shown(name),
                    "is not a pool",
                    did_you_mean(name, names) if names else "Add a pool of that name",
                )


def edge_auth_checks(auth: Auth) -> Iterator[Problem]:
    """What is wrong with who may come in, whatever the pools."""
    yield from without_anybody(auth, "edge.auth.default", auth.default)
    yield from _twice("edge.auth.users", auth.users)
    yield from _twice("edge.auth.api_keys", auth.api_keys)
    yield from _one_secret_for_two(auth.api_keys)


def without_anybody(auth: Auth, path: str, login: Login | None) -> Iterator[Problem]:
    """The problem of a login that nobody can come in by."""
    if login is not None and login not in auth.configured:
        yield Problem(path, shown(login.value), "lets nobody in: there is none of them at the edge", _REMEDY[login])


def _pool(path: str, auth: Auth, pool: Pool) -> Iterator[Problem]:
    if not isinstance(pool.auth, RouteAuth):
        yield from without_anybody(auth, path, pool.auth)
        return
    for way in _WAYS:
        login: Login | None = getattr(pool.auth, way)
        yield from without_anybody(auth, f"{path}.{way}", login)
        if login is not None and getattr(pool.routes, way) is None:
            yield Problem(
                f"{path}.{way}",
                shown(login.value),
                f"is for routes.{way}, which the pool does not have",
                "Leave it out, or add the route",
            )


def open_to_everybody(edge: Edge, opened: Sequence[str]) -> Iterator[Problem]:
    """A public address by which these are reached without a login, which has to be said twice."""
    if opened and is_public(edge) and Unprotected.login not in edge.unprotected:
        yield Problem(
            "edge.bind",
            shown(edge.bound_to),
            f"lets everybody come in, without a login, to {', '.join(opened)}",
            "Say who may, for example edge: {auth: {default: api_keys, api_keys: [{name: app}]}}; or, where everybody "
            f"may, say so with edge.unprotected: [{Unprotected.login.value}]",
        )


def _strangers(default: Login, pools: Mapping[int, Pool]) -> Iterator[Problem]:
    """Ways without a login into pools that have none: the guard sends a canary what the edge has let in elsewhere."""
    by_name = {pool.name: pool for pool in pools.values()}
    for at, pool in pools.items():
        canary = pool.guard.canary if isinstance(pool.guard, PoolGuard) else None
        other = by_name.get(canary.pool) if canary else None
        # An instance's own route leads past the guard, to that instance alone.
        if other and _is_open(pool, _BY_THE_GUARD, default) and not _is_open(other, _WAYS, default):
            yield Problem(
                f"pools[{at}].guard.canary.pool",
                shown(other.name),
                "asks for a login, and this pool would send it requests of people who have shown none",
                "Ask for one here too, as in auth: api_keys; or write auth: open there",
            )


def _asks_for_keys(pool: Pool, default: Login) -> bool:
    ways = [way for way in _WAYS if getattr(pool.routes, way)]
    return any((pool.login(way) or default) is Login.api_keys for way in ways)


def _is_open(pool: Pool, ways: Iterable[str], default: Login) -> bool:
    return any(getattr(pool.routes, way) and (pool.login(way) or default) is Login.open for way in ways)


def _twice(path: str, named: Sequence[User | ApiKey]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, one in enumerate(named):
        if one.name in first:
            yield Problem(
                f"{path}[{at}].name",
                shown(one.name),
                f"is also the name of {path}[{first[one.name]}]",
                "Give each a name of its own: logs and limits tell them apart by it",
            )
        first.setdefault(one.name, at)


def _one_secret_for_two(keys: Sequence[ApiKey]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, key in enumerate(keys):
        if key.key and key.key.secret in first:
            yield Problem(
                f"edge.auth.api_keys[{at}].key.secret",
                shown(key.key.secret),
                f"is also the key of edge.auth.api_keys[{first[key.key.secret]}]",
                "Give each a key of its own",
            )
        if key.key:
            first.setdefault(key.key.secret, at)


def secret_problems(edge: Edge, values: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with passwords and keys that are given, whose values are here by their config keys.

    A problem names the config key and never the value. One that is not here is not looked at.
    """
    for path, key, weakness in _judged(edge):
        why = weakness(values[key]) if key in values else None
        if why:
            remedy = _AGAIN if weakness is client_secret_weakness else _STRONGER
            yield Problem(path, shown(key), f"names a secret that {why}", f"{remedy}: tts:{key}")
    first: dict[str, str] = {}
    for at, one in enumerate(edge.auth.api_keys):
        value = values.get(one.key.secret) if one.key else None
        if value is None or one.key is None:
            continue
        path = f"edge.auth.api_keys[{at}].key.secret"
        if value in first:
            reason = f"names the same secret as {first[value]}"
            yield Problem(path, shown(one.key.secret), reason, "Give each a key of its own")
        first.setdefault(value, path)


_AGAIN = "Set it as the provider shows it, with pulumi config set --secret"
_STRONGER = "Leave it out, and one is generated; or set a stronger one with pulumi config set --secret"


def _judged(edge: Edge) -> Iterator[tuple[str, str, Callable[[str], str | None]]]:
    dashboard = edge.dashboard
    if dashboard.enabled and dashboard.password:
        path = "edge.dashboard.password.secret"
        yield path, dashboard.password.secret, partial(password_weakness, user=dashboard.user)
    for at, user in enumerate(edge.auth.users):
        if user.password:
            path = f"edge.auth.users[{at}].password.secret"
            yield path, user.password.secret, partial(password_weakness, user=user.name)
    for at, key in enumerate(edge.auth.api_keys):
        if key.key:
            yield f"edge.auth.api_keys[{at}].key.secret", key.key.secret, key_weakness
    if edge.auth.oidc:
        yield "edge.auth.oidc.client_secret.secret", edge.auth.oidc.client_secret.secret, client_secret_weakness


def secrets_of(edge: Edge) -> Iterator[tuple[str, str]]:
    """Every `{secret: KEY}` of the edge: its path and its key."""
    yield from ((path, key) for path, key, _ in _judged(edge))
