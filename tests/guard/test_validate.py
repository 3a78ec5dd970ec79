"""Whatever config is taken, Envoy takes what is rendered from it: a few hundred, each loaded by the real Envoy."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.plan import GuardPlan, plan_stack
from pulumi_tts.render import envoy
from pulumi_tts.render.envoy_auth import EDGE, auth_file, edge_file
from tests.edge.tokens import Signer
from tests.guard.guarding import ENVOY

seconds = some.sampled_from(["1s", "20s", "60s", "5m", "1h"])
short = some.sampled_from(["50ms", "500ms", "2s", "60s"])
headers = some.fixed_dictionaries(
    {"name": some.sampled_from(["X-A", "x-b", "Host", "Cookie"])},
    optional={"value": some.text(some.characters(min_codepoint=32, max_codepoint=126), max_size=8)},
)
guards = some.just("none") | some.fixed_dictionaries(
    {},
    optional={
        "balance": some.sampled_from(["least_request", "round_robin"]),
        "queue": some.integers(1, 10_000),
        "health": some.fixed_dictionaries(
            {},
            optional={
                "path": some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=12).map("/".__add__),
                "interval": short,
                "timeout": short,
                "down": some.integers(1, 20),
                "up": some.integers(1, 20),
            },
        ),
        "ejection": some.fixed_dictionaries(
            {}, optional={"errors": some.integers(1, 1000), "time": seconds, "longest": seconds}
        ),
        "retries": some.integers(0, 10),
        "deadlines": some.fixed_dictionaries(
            {}, optional={"connect": short, "first_byte": seconds, "stall": seconds, "total": seconds}
        ),
        "drain": seconds,
        "upload": some.sampled_from(["16m", "32m", "999999g"]),
        "canary": some.fixed_dictionaries(
            {"pool": some.sampled_from(["a", "b", "c"])},
            optional={"percent": some.integers(0, 100), "header": headers},
        ),
    },
)
SIGNER = Signer()
names = some.sampled_from(["app-1", "a.b@c_d", "0"])
words = some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
tokens = some.fixed_dictionaries(
    {
        "issuer": words,
        "audiences": some.lists(words, min_size=1, max_size=3),
        "jwks": some.sampled_from(
            [
                {"keys": [SIGNER.public]},
                {"url": "https://login.example.com/jwks.json?a=b", "cache": "1s"},
                {"url": "http://10.0.0.7:8443/"},
                {"url": "https://10.0.0.7/keys"},
                {"url": "http://keycloak:8080/realms/a/certs"},
            ]
        ),
    },
    optional={
        "user": some.sampled_from(["sub", "a.b", "preferred_username"]),
        "claims": some.dictionaries(some.sampled_from(["scope", "a.b.c", "https://a.example.com/b.c"]), words),
        "skew": seconds,
    },
)
keys = some.lists(
    some.fixed_dictionaries({"name": names}, optional={"pools": some.just(["a"])}),
    unique_by=lambda key: str(key["name"]),
)
edges = some.fixed_dictionaries(
    {"auth": some.fixed_dictionaries({}, optional={"api_keys": keys, "jwt": tokens})},
    optional={"limits": some.just({"concurrent": 1})},
)
pools = some.fixed_dictionaries(
    {"engine": some.sampled_from(["voice", "voice", "studio"]), "guard": guards},
    optional={"instances": some.integers(1, 4), "slots": some.integers(1, 256)},
)
stacks = some.fixed_dictionaries(
    {"pools": some.lists(pools, min_size=1, max_size=3)},
    optional={
        "edge": edges,
        "guard": some.fixed_dictionaries({}, optional={"memory": some.sampled_from(["64m", "1g", "999999g"])}),
    },
)


def planned(raw: dict[str, Any]) -> GuardPlan | None:
    """The guard of a stack whose pools have names and host names of their own; absent if it is refused."""
    named = [
        {**pool, "name": name, "routes": {"pool": f"{name}.localhost"}}
        for name, pool in zip("abc", raw["pools"], strict=False)
    ]
    try:
        return plan_stack(load_stack({**raw, "pools": named}), "tts-test", local_images=True).guard
    except ConfigError:
        return None


def whole(guard: GuardPlan, folder: Path) -> dict[str, Any]:
    """The bootstrap with everything in it that Envoy otherwise reads from files, which `--mode validate` does not."""
    layout = envoy.Layout(run=str(folder))
    tree = envoy.bootstrap(guard, layout)
    del tree["dynamic_resources"]
    files = {
        name: [{key: value for key, value in resource.items() if key != "@type"} for resource in _resources(text)]
        for name, text in envoy.files(guard, layout).items()
    }
    if guard.auth:
        hashes = {key.name: hashlib.sha256(key.name.encode()).hexdigest() for key in guard.auth.keys}
        (table,) = _resources(auth_file(guard.auth, hashes))
        files["auth.json"] = [{key: value for key, value in table.items() if key != "@type"}]
    (edge,) = _resources(edge_file("token"))
    for listener in files["listeners.json"]:
        for part in listener["filter_chains"][0]["filters"]:
            manager = part["typed_config"]
            if rds := manager.pop("rds", None):
                _given(manager, edge["typed_config"])
                manager["route_config"] = {**files[f"{rds['route_config_name']}.json"][0], "validate_clusters": True}
    return {**tree, "static_resources": {"clusters": files["clusters.json"], "listeners": files["listeners.json"]}}


def _given(manager: dict[str, Any], edge: dict[str, Any]) -> None:
    """The filter that it would read from a file."""
    chains = [manager["http_filters"], *(upgrade["filters"] for upgrade in manager.get("upgrade_configs", ()))]
    for one in (one for chain in chains for one in chain if one["name"] == EDGE):
        del one["config_discovery"]
        one["typed_config"] = edge


def _resources(text: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(text)["resources"]
    return listed


def refusal(guard: GuardPlan, folder: Path) -> str:
    """Why Envoy does not take it; empty if it does."""
    (folder / "endpoints").mkdir(exist_ok=True)
    for pool in guard.pools:
        (folder / "endpoints" / f"{pool.name}.json").write_text('{"resources": []}')
    bootstrap = folder / "bootstrap.json"
    bootstrap.write_text(json.dumps(whole(guard, folder)))
    command = [ENVOY, "--mode", "validate", "-c", str(bootstrap), "--log-level", "warning"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return run.stdout + run.stderr if run.returncode else ""


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=stacks)
def test_envoy_takes_whatever_is_rendered(tmp_path: Path, raw: dict[str, Any]) -> None:
    guard = planned(raw)
    assume(guard)
    assert guard
    assert refusal(guard, tmp_path) == ""


def test_envoy_says_what_is_wrong(tmp_path: Path) -> None:
    guard = planned({"pools": [{"engine": "voice"}]})
    assert guard
    right = envoy._balance
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envoy, "_balance", lambda balance: {**right(balance), "name": "x", "typed_config": {}})
        assert "error" in refusal(guard, tmp_path).lower()
