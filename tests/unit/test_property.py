"""Whatever is written as a config either plans completely or is refused in words."""

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.config.pem import covers
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.edge import unchecked
from pulumi_tts.plan.tls import leaf_names, ordered_names
from pulumi_tts.render import envoy, traefik
from pulumi_tts.render.envoy_auth import auth_file
from pulumi_tts.render.fill import fill_job
from pulumi_tts.render.traefik_auth import guard_file, login_file
from pulumi_tts.render.traefik_front import PATHS

anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
labels = some.sampled_from(["a", "b", "voice", "studio", "edge", "A", "x-1", "-x", ""])
hosts = some.sampled_from(["a.{domain}", "a{n}.{domain}", "b.{domain}", "b{n}.example.org", "{n}", "a b", "a..b", ""])
paths = some.sampled_from(["/", "/a", "/a/b", "/b", "/a/", "a", "//", "/..", "/ä", ""])


def mostly(right: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    """Something likely to be right, and once in a while anything at all."""
    return some.integers(0, 19).flatmap(lambda dice: anything if dice == 0 else right)


routes = some.fixed_dictionaries(
    {},
    optional={
        "pool": mostly(hosts),
        "instance": mostly(hosts),
        "path": mostly(paths),
        "strip": mostly(some.booleans()),
    },
)
card_ids = some.sampled_from([0, 1, "1", "2", "MIG-0", "GPU-8a1b0c2d-0000-1111-2222-333344445555"])
pins = some.fixed_dictionaries(
    {"instance": mostly(some.integers(0, 3))},
    optional={
        "host": mostly(some.sampled_from(["local", "gpu-1"])),
        "gpus": mostly(some.lists(mostly(card_ids), max_size=2)),
    },
)
cards = some.fixed_dictionaries(
    {"id": mostly(card_ids), "vram": mostly(some.sampled_from(["9g", "24g", "1g"]))},
    optional={"reserve": mostly(some.sampled_from(["0m", "2g"]))},
)
machines = some.fixed_dictionaries({}, optional={"gpus": mostly(some.lists(mostly(cards), max_size=3))})
canaries = some.fixed_dictionaries(
    {"pool": mostly(labels)}, optional={"percent": mostly(some.integers(-1, 101)), "header": mostly(anything)}
)
guards = some.fixed_dictionaries(
    {},
    optional={
        "queue": mostly(some.integers(0, 9)),
        "upload": mostly(some.sampled_from(["16m", "1g"])),
        "deadlines": mostly(some.dictionaries(some.sampled_from(["first_byte", "stall", "total"]), some.just("9s"))),
        "canary": mostly(canaries),
    },
)
others = some.fixed_dictionaries(
    {
        "name": mostly(some.sampled_from(["gpu-1", "gpu-2", "gpu-3"])),
        "docker": mostly(some.sampled_from(["ssh://gpu-1", "ssh://gpu-2", "tcp://gpu-3:2376", "gpu-3"])),
        "address": mostly(some.sampled_from(["10.0.0.1", "10.0.0.2", "gpu-3.internal", "8.8.8.8"])),
    },
    optional={
        "bind": mostly(some.sampled_from(["10.0.0.3", "0.0.0.0"])),
        "ports": mostly(some.sampled_from(["20000-20001", "20000-20999", "1-2"])),
        "certificates": mostly(some.sampled_from(["~/tls", "tls"])),
        "gpus": mostly(some.lists(mostly(cards), max_size=3)),
    },
)
links = some.fixed_dictionaries(
    {
        "url": mostly(some.sampled_from(["https://example.com/a.bin", "https://[", "ftp://a/b", "https://a/"])),
        "sha256": mostly(some.sampled_from(["0" * 64, "0"])),
    },
    optional={"to": mostly(some.sampled_from(["a/b.bin", "../a", "/a", "a.bin"]))},
)
weights = some.fixed_dictionaries(
    {},
    optional={
        "repository": mostly(some.sampled_from(["a/b", "a"])),
        "revision": mostly(some.sampled_from(["0" * 40, "main"])),
        "directory": mostly(some.sampled_from(["/weights", "/outputs/weights", "/tmp", "weights"])),
        "files": mostly(some.lists(mostly(some.sampled_from(["*.json", "a b"])), max_size=2)),
        "links": mostly(some.lists(mostly(links), max_size=2)),
    },
)
logins = some.sampled_from(["open", "basic", "api_keys", "jwt", "oidc"])
rates = some.fixed_dictionaries(
    {"average": mostly(some.integers(0, 9))},
    optional={"period": mostly(some.sampled_from(["1s", "1m", "0s"])), "burst": mostly(some.integers(0, 9))},
)
usage = some.fixed_dictionaries({}, optional={"rate": mostly(rates), "concurrent": mostly(some.integers(0, 9))})
secrets = some.sampled_from([{"secret": "aKey"}, {"secret": "bKey"}, "hunter2", {"secret": "a key"}])
auths = some.fixed_dictionaries(
    {},
    optional={
        "default": mostly(logins),
        "users": mostly(
            some.lists(
                mostly(some.fixed_dictionaries({"name": mostly(labels)}, optional={"password": mostly(secrets)})),
                max_size=2,
            )
        ),
        "api_keys": mostly(
            some.lists(
                mostly(
                    some.fixed_dictionaries(
                        {"name": mostly(labels)},
                        optional={"key": mostly(secrets), "pools": mostly(some.lists(mostly(labels), max_size=2))},
                    )
                ),
                max_size=2,
            )
        ),
        "jwt": mostly(
            some.fixed_dictionaries(
                {"issuer": mostly(labels), "audiences": mostly(some.lists(mostly(labels), max_size=2))},
                optional={
                    "jwks": mostly(
                        some.fixed_dictionaries(
                            {},
                            optional={
                                "url": mostly(
                                    some.sampled_from(["https://a.b/c", "http://a.b", "http://a", "https://["])
                                ),
                                "keys": mostly(some.lists(mostly(some.just({"kty": "RSA"})), max_size=1)),
                            },
                        )
                    ),
                    "claims": mostly(some.dictionaries(some.sampled_from(["a", "a.b", "a b"]), mostly(labels))),
                },
            )
        ),
    },
)
limits = some.fixed_dictionaries(
    {},
    optional={
        "age": mostly(some.sampled_from(["30d", "1h", "0d", "30"])),
        "size": mostly(some.sampled_from(["20g", "1m", 3])),
    },
)
pools = some.fixed_dictionaries(
    {
        "name": mostly(labels),
        "engine": mostly(some.sampled_from(["voice", "studio", "voise"])),
        "routes": mostly(routes),
    },
    optional={
        "instances": mostly(some.integers(-1, 5)),
        "slots": mostly(some.integers(0, 9)),
        "guard": mostly(some.just("none") | guards),
        "memory": mostly(some.sampled_from(["512m", "2g", "2"])),
        "vram": mostly(some.sampled_from(["2g", "8g", "-1g"])),
        "cards": mostly(some.integers(0, 2)),
        "pins": mostly(some.lists(mostly(pins), max_size=2)),
        "anti_affinity": mostly(some.sampled_from(["gpu", "host", "card"])),
        "image": mostly(some.sampled_from(["mine:1", "mine"])),
        "weights": mostly(weights),
        "outputs_limit": mostly(limits),
        "environment": mostly(
            some.dictionaries(some.sampled_from(["A", "B_1", "1"]), some.text(max_size=5), max_size=2)
        ),
        "headers": mostly(some.dictionaries(some.sampled_from(["X-A", "X B"]), some.text(max_size=5), max_size=2)),
        "auth": mostly(
            logins | some.dictionaries(some.sampled_from(["pool", "instance", "path"]), mostly(logins), max_size=2)
        ),
        "limits": mostly(some.just("none") | usage),
    },
)
orders = some.fixed_dictionaries(
    {"email": mostly(some.sampled_from(["a@b.c", "a"]))},
    optional={
        "challenge": mostly(some.sampled_from(["http", "dns", {"dns": {"provider": "route53"}}, {"dns": {}}])),
        "wildcard": mostly(some.booleans()),
        "staging": mostly(some.booleans()),
        "server": mostly(some.sampled_from(["https://ca.internal/dir", "http://ca"])),
        "lasts": mostly(some.sampled_from(["24h", "1s"])),
    },
)
tls = some.sampled_from(["off", False, "on"]) | some.fixed_dictionaries(
    {},
    optional={
        "self_signed": mostly(some.just({})),
        "letsencrypt": mostly(orders),
        "certificates": mostly(some.just([])),
        "names": mostly(some.lists(mostly(some.sampled_from(["a.{domain}", "a{n}.b"])), max_size=2)),
        "port": mostly(some.sampled_from([443, 8080, 0])),
        "hsts": mostly(some.sampled_from(["30d", "off", "1"])),
        "profile": mostly(some.sampled_from(["modern", "old"])),
    },
)
stacks = some.fixed_dictionaries(
    {"pools": mostly(some.lists(mostly(pools), min_size=1, max_size=4))},
    optional={
        "domain": mostly(some.sampled_from(["localhost", "voice.example.com", "x" * 70, "1.2.3.4"])),
        "images": mostly(some.sampled_from(["auto", "local", "registry"])),
        "hosts": mostly(
            some.tuples(mostly(machines), some.lists(mostly(others), max_size=2)).map(lambda all_: [all_[0], *all_[1]])
        ),
        "hub": mostly(
            some.fixed_dictionaries(
                {},
                optional={
                    "endpoint": mostly(some.sampled_from(["http://mirror", "mirror"])),
                    "token": mostly(some.sampled_from([{"secret": "hubToken"}, "hf_abc"])),
                },
            )
        ),
        "edge": mostly(
            some.fixed_dictionaries(
                {},
                optional={
                    "port": mostly(some.integers(-1, 70_000)),
                    "bind": mostly(some.sampled_from(["0.0.0.0", "127.0.0.1", "::"])),
                    "tls": mostly(tls),
                    "auth": mostly(auths),
                    "limits": mostly(usage),
                    "unprotected": mostly(some.sampled_from([["tls"], ["login"], ["tls", "login"]])),
                },
            )
        ),
        "unknown": anything,
    },
)
runs = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def planned_or_refused(raw: object) -> None:
    try:
        plan = plan_stack(load_stack(raw), "tts-test", local_images=True)
    except ConfigError as error:
        said_in_words(error)
    else:
        is_complete(plan)


def said_in_words(refused: ConfigError) -> None:
    assert refused.problems
    for problem in refused.problems:
        assert problem.reason, f"{problem} does not say why"
        assert problem.remedy, f"{problem} does not say what would be right"


def is_complete(plan: StackPlan) -> None:
    ways = [(route.host, route.prefix) for route in plan.routes]
    assert len(set(ways)) == len(ways), "two routes for the same requests"
    http = yaml.safe_load(traefik.routes_file(plan.routes, plan.edge))["http"]
    assert set(http["routers"]) == {route.name for route in plan.routes}
    hashes = {user.name: "$2b$" for user in plan.edge.auth.users}
    login = yaml.safe_load(login_file(plan.routes, plan.edge.auth, hashes))["http"]
    shown = yaml.safe_load(guard_file("token"))["http"]
    known = {PATHS, *http.get("middlewares", ()), *login["middlewares"], *shown["middlewares"]}
    assert all(set(router["middlewares"]) <= known for router in http["routers"].values()), "nobody could come in"
    assert not any(unchecked(route, plan.edge.auth) for route in plan.routes)
    if plan.guard and plan.guard.auth:
        assert auth_file(plan.guard.auth, {key.name: key.name for key in plan.guard.auth.keys})
    if plan.edge.tls:
        everything = {route.host for route in plan.routes}
        acme = plan.edge.tls.acme
        names = ordered_names(plan.edge.tls, acme, plan.routes) if acme else [leaf_names(plan.edge.tls, plan.routes)]
        assert all(any(covers(each, host) for each in names) for host in everything), "a name without a certificate"
        assert max(map(len, names)) <= 100 or not acme, "more names than a certificate has"
    guarded = [pool for pool in plan.pools if pool.guard]
    assert [pool.guard for pool in guarded] == list(plan.guard.pools if plan.guard else ())
    if plan.guard:
        clusters = json.loads(envoy.files(plan.guard)["clusters.json"])["resources"]
        assert {cluster["name"] for cluster in clusters} >= {pool.name for pool in guarded}
    upstreams = [instance.upstream for pool in plan.pools for instance in pool.instances]
    assert len(set(upstreams)) == len(upstreams), "two instances at one address"
    assert all(left >= 0 for left in plan.placement.left.values()), "a card is oversubscribed"
    for pool in plan.pools:
        assert not pool.weights or json.loads(fill_job(pool.weights)), "nothing to fetch"
    tidied = [volume for tidy in plan.tidy for volume, _ in tidy.limits]
    assert len(set(tidied)) == len(tidied), "two containers tidy one volume"


@runs
@given(stacks)
def test_a_config_that_is_nearly_right_plans_completely_or_is_refused_in_words(raw: object) -> None:
    planned_or_refused(raw)


right_cards = some.lists(
    some.fixed_dictionaries({"id": some.integers(0, 3), "vram": some.sampled_from(["9g", "24g"])}),
    min_size=1,
    unique_by=lambda card: str(card["id"]),
)
right_pools = some.fixed_dictionaries(
    {"engine": some.just("voice"), "vram": some.sampled_from(["2g", "8g", "11g"]), "instances": some.integers(1, 4)},
    optional={
        "cards": some.integers(1, 2),
        "anti_affinity": some.sampled_from(["gpu", "host"]),
        "pins": some.lists(some.fixed_dictionaries({"instance": some.just(1), "gpus": some.just([0])}), max_size=1),
    },
)


@runs
@given(right_cards, some.lists(right_pools, min_size=1, max_size=3))
def test_instances_on_cards_all_find_a_place_or_are_refused_in_words(cards: Any, pools: list[dict[str, Any]]) -> None:
    named = [{"name": f"p{at}", "routes": {"path": f"/p{at}"}, **pool} for at, pool in enumerate(pools)]
    planned_or_refused({"hosts": [{"gpus": cards}], "pools": named})


@runs
@given(anything)
def test_anything_at_all_is_refused_in_words(raw: object) -> None:
    planned_or_refused(raw)
