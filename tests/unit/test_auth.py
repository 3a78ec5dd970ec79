"""Who may come in, and how much they may ask for: from the config to the files, and the secrets between."""

import hashlib
import json
import re
from typing import Any

import bcrypt
import pulumi
import pytest
import yaml

from pulumi_tts.config import ConfigError, Problem, load_stack
from pulumi_tts.config.auth import key_weakness, password_weakness
from pulumi_tts.config.auth_checks import secret_problems
from pulumi_tts.docker import EnvoyGuard, SpeechStack, TraefikEdge, TtsPool
from pulumi_tts.docker.files import CURRENT
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.auth import EDGE_HEADER, OTHER_SPELLINGS, USER_HEADER, LimitsPlan
from pulumi_tts.plan.edge import settled
from pulumi_tts.render import envoy, traefik
from pulumi_tts.render.traefik_auth import by_address, guard_file, guesses, login_file
from tests.edge.tokens import Signer
from tests.unit.configs import stack, studio, voice
from tests.unit.conftest import World, run

CONTAINER = "docker:index/container:Container"
GOOD_KEY = "0123456789abcdef0123456789abcdef"
RSA = Signer().public
JWT: dict[str, Any] = {
    "issuer": "https://login.example.com/",
    "audiences": ["voice"],
    "jwks": {"url": "https://login.example.com/jwks.json"},
}


def asking(login: Any, auth: dict[str, Any] | None = None, **edge: Any) -> dict[str, Any]:
    """A stack whose pool asks for a login."""
    return stack(voice(auth=login), edge={"auth": auth or {}, **edge})


def with_jwt(**changes: Any) -> dict[str, Any]:
    return asking("jwt", {"jwt": {name: value for name, value in (JWT | changes).items() if value is not None}})


def limited(**limits: Any) -> dict[str, Any]:
    return stack(voice(), edge={"limits": limits})


def problems_of(raw: object) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        load_stack(raw)
    return list(refused.value.problems)


def plan(raw: dict[str, Any]) -> StackPlan:
    return plan_stack(load_stack(raw), "tts-test", local_images=True)


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (asking("basic"), "pools[0].auth", "edge: {auth: {users: [{name: anna}]}}"),
        (asking("api_keys"), "pools[0].auth", "edge: {auth: {api_keys: [{name: app}]}}"),
        (asking("jwt"), "pools[0].auth", "jwt: {issuer: …, audiences: […], jwks: {url: …}}"),
        (asking({"pool": "jwt"}), "pools[0].auth.pool", "lets nobody in"),
        (asking({"path": "open"}), "pools[0].auth.path", "is for routes.path, which the pool does not have"),
        (asking("oidc"), "pools[0].auth", "Choose 'open', 'basic', 'api_keys' or 'jwt'"),
        (asking({"pools": "open"}), "pools[0].auth.pools", "Did you mean 'pool'?"),
        (asking(3), "pools[0].auth", "is not one of the choices"),
        (stack(edge={"auth": {"default": "basic"}}), "edge.auth.default", "lets nobody in"),
        (asking("open", {"users": [{"name": "a"}, {"name": "a"}]}), "edge.auth.users[1].name", "of edge.auth.users[0]"),
        (asking("open", {"users": [{"name": "a:b"}]}), "edge.auth.users[0].name", "is not written as expected"),
        (asking("open", {"users": [{"name": "a", "pasword": {}}]}), "edge.auth.users[0].pasword", "'password'"),
        (
            asking("open", {"users": [{"name": "a", "password": "hunter2"}]}),
            "edge.auth.users[0].password",
            "is a secret in the clear. Write {secret: thatUsersPassword}",
        ),
        (
            asking("open", {"users": [{"name": "a", "password": {"secret": "tts:annaPassword"}}]}),
            "edge.auth.users[0].password.secret",
            "has tts: before the key. Write {secret: annaPassword}, without tts:",
        ),
        (
            asking("open", {"users": [{"name": "a", "password": {"secret": "hunter2!"}}]}),
            "edge.auth.users[0].password.secret",
            "is not written as expected",
        ),
        (
            asking("open", {"api_keys": [{"name": "a", "key": "hunter2"}]}),
            "edge.auth.api_keys[0].key",
            "is a secret in the clear. Write {secret: thatAppsKey}",
        ),
        (
            asking("open", {"api_keys": [{"name": "a"}, {"name": "a"}]}),
            "edge.auth.api_keys[1].name",
            "is also the name",
        ),
        (
            asking("open", {"api_keys": [{"name": n, "key": {"secret": "one"}} for n in "ab"]}),
            "edge.auth.api_keys[1].key.secret",
            "is also the key of edge.auth.api_keys[0]",
        ),
        (
            asking("open", {"api_keys": [{"name": "a", "pools": ["voce"]}]}),
            "edge.auth.api_keys[0].pools[0]",
            "Did you mean 'voice'?",
        ),
        (
            asking("open", {"api_keys": [{"name": "a", "pools": ["voice"]}]}),
            "edge.auth.api_keys[0].pools[0]",
            "'voice' is a pool that asks for no key. Give the pool auth: api_keys",
        ),
        (asking("open", {"api_keys": [{"name": "a", "pools": []}]}), "edge.auth.api_keys[0].pools", "Give at least 1"),
        (with_jwt(audiences=None), "edge.auth.jwt.audiences", "is missing"),
        (with_jwt(audiences=[]), "edge.auth.jwt.audiences", "Give at least 1"),
        (with_jwt(issuer=None), "edge.auth.jwt.issuer", "is missing"),
        (with_jwt(jwks={}), "edge.auth.jwt.jwks", "Give either url or keys"),
        (with_jwt(jwks={"url": "https://a.b/", "keys": [RSA]}), "edge.auth.jwt.jwks", "Give either url or keys"),
        (with_jwt(jwks={"keys": [RSA], "cache": "1m"}), "edge.auth.jwt.jwks", "Leave cache out"),
        (with_jwt(jwks={"url": "http://login.example.com/"}), "edge.auth.jwt.jwks.url", "keys in the clear"),
        (with_jwt(jwks={"url": "http://8.8.8.8/"}), "edge.auth.jwt.jwks.url", "keys in the clear"),
        (with_jwt(jwks={"url": "https://10.0.0.1/jwks.json"}), "edge.auth.jwt.jwks.url", "Write the name"),
        (with_jwt(jwks={"url": "login.example.com"}), "edge.auth.jwt.jwks.url", "is not an address of a key set"),
        (with_jwt(jwks={"url": "https://u:p@a.b/"}), "edge.auth.jwt.jwks.url", "is not an address of a key set"),
        (with_jwt(jwks={"keys": [RSA | {"d": "x"}]}), "edge.auth.jwt.jwks.keys[0]", "has a private part"),
        (with_jwt(jwks={"keys": [{"kty": "oct", "k": "x"}]}), "edge.auth.jwt.jwks.keys[0]", "has a private part"),
        (with_jwt(jwks={"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}), "edge.auth.jwt.jwks.keys[0]", "2048"),
        (with_jwt(claims={"a b": "c"}), "edge.auth.jwt.claims.a b", "is not written as expected"),
        (limited(), "edge.limits", "limits nothing"),
        (limited(concurrent=0), "edge.limits.concurrent", "Use at least 1"),
        (limited(rate={"average": 0}), "edge.limits.rate.average", "Use at least 1"),
        (limited(rate={"average": 1, "burst": 0}), "edge.limits.rate.burst", "Use at least 1"),
        (limited(rate={"average": 1, "period": "0s"}), "edge.limits.rate.period", "Use at least 1s"),
        (limited(rate={}), "edge.limits.rate.average", "is missing"),
        (limited(rate=10), "edge.limits.rate", "Write it as in {average: 10}"),
        (limited(rate="10/s"), "edge.limits.rate", "Write it as in {average: 10}"),
        (stack(voice(limits="off")), "pools[0].limits", "Write none, or limits as in {rate: {average: 10}}"),
        (stack(voice(limits=False)), "pools[0].limits", "Write none, or limits as in {rate: {average: 10}}"),
        (asking("open", {"users": ["anna"]}), "edge.auth.users[0]", "Write it as in {name: anna}"),
        (asking("open", {"api_keys": ["app"]}), "edge.auth.api_keys[0]", "Write it as in {name: app}"),
        (stack(voice(limits="no")), "pools[0].limits", "none"),
        (stack(voice(limits={})), "pools[0].limits", "limits: none"),
    ],
)
def test_bad_input_is_refused_where_it_stands_with_what_would_be_right(raw: object, path: str, said: str) -> None:
    (problem,) = problems_of(raw)
    assert problem.path == path
    assert said in str(problem)
    assert "hunter2" not in str(problem), "an error message ends up in terminals and CI logs"


@pytest.mark.parametrize(
    ("first", "canary", "default", "well"),
    [
        ("open", "api_keys", "open", False),
        (None, "api_keys", "open", False),
        ("open", None, "api_keys", False),
        ({"instance": "api_keys", "pool": "open"}, "api_keys", "open", False),
        ("api_keys", "api_keys", "open", True),
        (None, "open", "api_keys", True),
        ({"instance": "open"}, None, "api_keys", True),
        ("open", {"pool": "api_keys", "instance": "open"}, "open", True),
    ],
)
def test_a_canary_is_no_way_around_its_login(first: Any, canary: Any, default: str, well: bool) -> None:
    routes = {"pool": "next.{domain}", "instance": "next{n}.{domain}"}
    pools = [
        voice(guard={"canary": {"pool": "next", "percent": 1}}, **({"auth": first} if first else {})),
        voice(name="next", routes=routes, **({"auth": canary} if canary else {})),
    ]
    raw = stack(*pools, edge={"auth": {"default": default, "api_keys": [{"name": "a"}]}})
    if well:
        load_stack(raw)
        return
    (problem,) = problems_of(raw)
    assert problem.path == "pools[0].guard.canary.pool"
    assert "asks for a login, and this pool would send it requests of people who have shown none" in str(problem)


PUBLIC: dict[str, Any] = {"bind": "0.0.0.0", "tls": {"self_signed": {}}}


def test_a_public_address_without_a_login_has_to_be_said_twice() -> None:
    everybody = stack(voice(), studio(auth="basic"), edge={**PUBLIC, "auth": {"users": [{"name": "a"}]}})
    (problem,) = problems_of(everybody)
    assert problem.path == "edge.bind"
    assert "without a login, to voice. " in str(problem), "and not to studio"
    assert "edge.unprotected: [login]" in str(problem)
    load_stack(stack(voice(), edge={**PUBLIC, "unprotected": ["login"]}))
    load_stack(stack(voice(), edge={**PUBLIC, "auth": {"users": [{"name": "a"}], "default": "basic"}}))
    (problem,) = problems_of(
        stack(voice(auth={"instance": "open"}), edge={**PUBLIC, "auth": {"jwt": JWT, "default": "jwt"}})
    )
    assert "to voice. " in str(problem), "one way in is enough"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    raw = stack(voice(auth="jwt"), studio(limits={"concurrent": 0}), edge={"auth": {"users": [{"name": ""}]}})
    # What the edge lets in is not known before it is right.
    assert {problem.path for problem in problems_of(raw)} == {"pools[1].limits.concurrent", "edge.auth.users[0].name"}


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("hunter2", "has 7 characters, fewer than 12"),
        ("aaaaaaaaaaaaaaaa", "has only 1 different characters"),
        ("anna-and-the-river", None),
        ("anna12345678", "is little more than the user's name"),
        ("x" * 60 + "ü" * 12, "has 84 bytes, more than the 72 that bcrypt reads"),
        ("correct horse", None),
    ],
)
def test_a_weak_password_is_refused(password: str, why: str | None) -> None:
    assert password_weakness(password, "anna") == why


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sk-123", "has 6 characters, not 32 to 256"),
        ("a" * 40, "has only 1 different characters"),
        (GOOD_KEY[:-1] + ",", "has characters other than letters, digits and -._~+/="),
        (GOOD_KEY * 9, "has 288 characters, not 32 to 256"),
        (GOOD_KEY, None),
        ("7f9c2ba4-e88f-4b1a-9d27-3c5e0f6a1b2d", None),
    ],
)
def test_a_weak_key_is_refused(key: str, why: str | None) -> None:
    assert key_weakness(key) == why


def test_given_secrets_are_judged_by_their_config_keys_and_never_shown() -> None:
    auth = {
        "users": [{"name": "anna", "password": {"secret": "annaPassword"}}],
        "api_keys": [{"name": name, "key": {"secret": name}} for name in ("a", "b", "c")],
    }
    edge = load_stack(stack(edge={"auth": auth, "dashboard": {"password": {"secret": "dashboard"}}})).edge
    values = {"annaPassword": "hunter2", "dashboard": "admin", "a": GOOD_KEY, "b": GOOD_KEY, "c": "short"}
    said = {problem.path: str(problem) for problem in secret_problems(edge, values)}
    assert set(said) == {
        "edge.auth.users[0].password.secret",
        "edge.dashboard.password.secret",
        "edge.auth.api_keys[1].key.secret",
        "edge.auth.api_keys[2].key.secret",
    }
    assert "fewer than 12. Leave it out" in said["edge.auth.users[0].password.secret"]
    assert not any(value in str(said) for value in ("hunter2", GOOD_KEY))


# ---- plan and files


def test_a_stack_in_which_nothing_is_guarded_has_a_guard_where_keys_are_checked() -> None:
    alone = voice(guard="none")
    assert plan(stack(alone)).guard is None
    for edge in ({"auth": {"api_keys": [{"name": "a"}]}}, {"auth": {"jwt": JWT}}, {"limits": {"concurrent": 1}}):
        guard = plan(stack(alone, edge=edge)).guard
        assert guard
        assert guard.auth
        assert guard.pools == ()
        assert "auth" in listeners(guard)
    assert plan(stack(alone, edge={"auth": {"users": [{"name": "a"}]}})).guard is None, (
        "the edge knows passwords itself"
    )


def listeners(guard: Any) -> list[str]:
    return [each["name"] for each in json.loads(envoy.files(guard)["listeners.json"])["resources"]]


def test_what_a_stack_does_not_ask_changes_nothing_of_its_guard() -> None:
    bare, with_keys = plan(stack()).guard, plan(stack(edge={"auth": {"api_keys": [{"name": "a"}]}})).guard
    assert bare
    assert with_keys
    assert "auth" not in listeners(bare)
    assert envoy.static_arguments(bare) == envoy.static_arguments(with_keys), "nothing restarts for it"


def test_the_courier_brings_keys_where_envoy_looks_for_them() -> None:
    assert envoy.IN_CONTAINER.files == CURRENT


def routers(raw: dict[str, Any]) -> dict[str, list[str]]:
    made = plan(raw)
    http = yaml.safe_load(traefik.routes_file(made.routes, made.edge))["http"]
    return {name: router["middlewares"] for name, router in http["routers"].items()}


def logins(raw: dict[str, Any], **hashes: str) -> dict[str, Any]:
    made = plan(raw)
    http: dict[str, Any] = yaml.safe_load(login_file(made.routes, made.edge.auth, hashes))["http"]
    return http


def test_every_route_has_its_own_login_or_the_pools_or_the_stacks() -> None:
    auth = {"default": "basic", "users": [{"name": "a"}], "api_keys": [{"name": "a"}], "jwt": JWT}
    pools = [voice(auth={"pool": "api_keys"}), studio(auth="jwt"), voice(name="b", routes={"path": "/b"}, auth="open")]
    made = routers(stack(*pools, edge={"auth": auth, "limits": {"concurrent": 2}}))
    assert made["voice.pool"][1:7] == [
        "edge_no-user",
        "edge_to-guard",
        "edge_keys-voice",
        "edge_shown",
        "voice.pool-limited",
        "voice.pool-busy",
    ]
    assert made["voice.1"][1:5] == ["edge_no-user", "edge_to-guard", "edge_guesses", "edge_basic"]
    assert made["studio.path"][1:5] == ["edge_no-user", "edge_to-guard", "edge_jwt", "edge_shown"]
    assert made["b.path"][1:4] == ["edge_no-user", "edge_to-guard", "b.path-limited"]


def test_what_the_edge_shows_to_the_guard_goes_to_no_instance() -> None:
    auth = {"default": "api_keys", "api_keys": [{"name": "a"}]}
    made = routers(stack(voice(), studio(auth="open", guard="none"), edge={"auth": auth}))
    assert made["voice.1"][-3:-1] == ["edge_past-guard", "voice.1-request"], "straight to it, once the guard was asked"
    assert "edge_past-guard" not in made["voice.pool"], "the guard takes it away itself"
    assert not {"edge_to-guard", "edge_past-guard"} & set(made["studio.path"]), "it is not asked"
    shown = yaml.safe_load(guard_file("the secret"))["http"]["middlewares"]
    told = {name: middleware["headers"]["customRequestHeaders"] for name, middleware in shown.items()}
    assert told == {"edge_to-guard": {EDGE_HEADER: "the secret"}, "edge_past-guard": {EDGE_HEADER: ""}}


def test_a_clients_own_name_is_taken_away_in_any_spelling() -> None:
    (middlewares,) = logins(stack(voice())).values()
    taken = middlewares["edge_no-user"]["headers"]["customRequestHeaders"]
    assert set(taken.values()) == {""}
    assert set(taken) == {USER_HEADER, *OTHER_SPELLINGS}
    assert len(taken) == 8
    assert {name.replace("_", "-") for name in taken} == {USER_HEADER}


def test_a_limit_counts_by_who_came_in_or_by_address() -> None:
    auth = {"users": [{"name": "a"}]}
    limits = {"rate": {"average": 5, "period": "1m"}, "concurrent": 3}
    middlewares = logins(
        stack(voice(auth="basic"), studio(limits=limits), edge={"auth": auth, "limits": limits}), a="$2b$10$hash"
    )["middlewares"]
    assert middlewares["edge_basic"]["basicAuth"]["users"] == ["a:$2b$10$hash"]
    assert middlewares["edge_guesses"]["rateLimit"]["average"] == 8, "at most half a core for one address"
    by_name, by_address = {"requestHeaderName": USER_HEADER}, {"ipStrategy": {"depth": 0, "ipv6Subnet": 64}}
    assert middlewares["voice.pool-rate"]["rateLimit"] == {
        "average": 5,
        "period": "60s",
        "burst": 5,
        "sourceCriterion": by_name,
    }
    assert middlewares["voice.1-busy"]["inFlightReq"] == {"amount": 3, "sourceCriterion": by_name}
    assert middlewares["studio.path-busy"]["inFlightReq"] == {"amount": 3, "sourceCriterion": by_address}


def test_behind_proxies_a_limit_counts_by_the_address_that_they_name() -> None:
    limits = {"rate": {"average": 5}, "concurrent": 3}
    edge = {"trusted_proxies": ["10.0.0.0/8", "192.0.2.1"], "auth": {"users": [{"name": "a"}]}, "limits": limits}
    middlewares = logins(stack(voice(auth="basic"), studio(limits=limits), edge=edge), a="$2b$10$hash")["middlewares"]
    by_address = {"ipStrategy": {"excludedIPs": ["10.0.0.0/8", "192.0.2.1/32"]}}
    assert middlewares["studio.path-rate"]["rateLimit"]["sourceCriterion"] == by_address
    assert middlewares["studio.path-busy"]["inFlightReq"]["sourceCriterion"] == by_address
    assert middlewares["voice.pool-busy"]["inFlightReq"]["sourceCriterion"] == {"requestHeaderName": USER_HEADER}


def test_an_engine_is_not_told_who_it_was() -> None:
    auth = {"users": [{"name": "a"}], "default": "basic"}
    made = plan(stack(voice(), studio(guard="none"), edge={"auth": auth}))
    http = yaml.safe_load(traefik.routes_file(made.routes, made.edge))["http"]["middlewares"]
    for name in ("voice.1", "studio.path"):
        assert http[f"{name}-request"]["headers"]["customRequestHeaders"][USER_HEADER] == ""
    assert USER_HEADER not in http["voice.pool-request"]["headers"]["customRequestHeaders"], "the guard logs it first"
    inner = json.loads(envoy.files(made.guard)["inner.json"])["resources"][0]["virtual_hosts"][0]["routes"]  # type: ignore[arg-type]
    assert all(USER_HEADER in route["request_headers_to_remove"] for route in inner)


# ---- resources


@pytest.mark.parametrize(("rounds", "average"), [(4, 50), (10, 8), (14, 1)])
def test_passwords_are_tried_as_often_as_checking_them_bears(rounds: int, average: int) -> None:
    hashes = ["$2b$04$hash", f"$2b${rounds:02}$hash"]
    assert guesses(hashes, []) == {
        "rateLimit": {"average": average, "burst": 200, "sourceCriterion": by_address([])},
    }
    assert guesses(hashes, ["10.0.0.0/8"])["rateLimit"]["sourceCriterion"] == by_address(["10.0.0.0/8"])


def speech(config: dict[str, Any], **secrets: str) -> dict[str, Any]:
    """Makes a whole stack on mocks; what there is to come in with."""
    outputs: dict[str, Any] = {}

    def program() -> pulumi.Output[None]:
        made = SpeechStack("tts-test", {"config": config, "secrets": dict(secrets), "preflight": False})
        return pulumi.Output.all(made.logins, made.logins.is_secret()).apply(
            lambda both: outputs.update({"logins": both[0], "secret": both[1]})
        )

    run(program)
    return outputs


def test_passwords_and_keys_are_secrets_and_only_their_hashes_reach_a_container(world: World) -> None:
    pulumi.runtime.set_mocks(
        salted := World(computed={"b64Std": "yMnKy8zNzs/Q0dLT1NXW1w=="}),
        project="pulumi-tts",
        stack="test",
        preview=False,
    )
    auth = {
        "users": [{"name": "anna", "password": {"secret": "annaPassword"}}, {"name": "bob"}],
        "api_keys": [{"name": "given", "key": {"secret": "givenKey"}, "pools": ["voice"]}, {"name": "made"}],
    }
    pools = [voice(auth="api_keys"), studio(auth="basic")]
    outputs = speech(stack(*pools, edge={"auth": auth}), annaPassword="correct horse", givenKey=GOOD_KEY)
    assert outputs["secret"]
    assert outputs["logins"] == {
        "users": {"anna": "correct horse", "bob": "generated"},
        "api_keys": {"given": GOOD_KEY, "made": "generated"},
    }
    containers = salted.inputs(CONTAINER)
    everything = json.dumps(containers, default=str)
    assert "correct horse" not in everything
    assert GOOD_KEY not in everything
    assert hashlib.sha256(GOOD_KEY.encode()).hexdigest() in str(containers["tts-test-guard-files-courier"]["uploads"])
    uploads = containers["tts-test-edge-files-courier"]["uploads"]
    assert "anna:$2b$10$" in str(uploads)
    (bobs,) = re.findall(r"bob:(\$2b\$04\$[./A-Za-z0-9]+)", str(uploads))
    assert re.search(r"admin:\$2b\$04\$", str(uploads)), "and so is the dashboard's"
    assert bcrypt.checkpw(b"generated", bobs.encode()), "quick to check: nobody guesses what is generated"
    # Marked, so that even the hashes are in no state and no diff in the clear.
    assert all(isinstance(containers[f"tts-test-{who}-files-courier"]["uploads"], dict) for who in ("edge", "guard"))


@pytest.mark.parametrize("weak", [{"annaPassword": "short"}, {"givenKey": "short"}, {"givenKey": "a" * 40}])
def test_a_weak_secret_of_somebody_elses_program_fails_it(world: World, weak: dict[str, str]) -> None:
    auth = {
        "users": [{"name": "anna", "password": {"secret": "annaPassword"}}],
        "api_keys": [{"name": "given", "key": {"secret": "givenKey"}}],
    }
    with pytest.raises(ConfigError, match="one is generated"):
        speech(stack(voice(), edge={"auth": auth}), **({"annaPassword": "correct horse", "givenKey": GOOD_KEY} | weak))


@pytest.mark.parametrize(("jwks", "out"), [({"url": "https://a.b/"}, True), ({"keys": [RSA]}, False)])
def test_the_guard_has_a_way_out_only_where_it_fetches_keys(world: World, jwks: dict[str, Any], out: bool) -> None:
    speech(stack(voice(), edge={"auth": {"jwt": JWT | {"jwks": jwks}}}))
    assert ("tts-test-hosts" in world.inputs("docker:index/network:Network")) is out
    containers = world.inputs(CONTAINER)
    joined = {who: "-hosts" in str(containers[f"tts-test-{who}"]["networksAdvanced"]) for who in ("guard", "keeper")}
    assert joined == {"guard": out, "keeper": False}, "the keeper fetches nothing"


def test_an_edge_and_a_guard_of_somebody_else_check_keys_too(world: World) -> None:
    auth = {"api_keys": [{"name": "app", "pools": ["mine"]}]}

    def program() -> pulumi.Output[Any]:
        pool = TtsPool(
            "cosy",
            {
                "network": "net",
                "images": "local",
                "pool": {"engine": "voice", "auth": "api_keys", "limits": {"concurrent": 2}, "routes": {"path": "/a"}},
            },
        )
        guard = EnvoyGuard(
            "guard", {"network": "net", "images": "local", "pools": [pool.guarded], "edge": {"auth": auth}}
        )
        mine = {"name": "mine", "host": "mine.example.com", "upstreams": ["http://mine:80"], "auth": "api_keys"}
        routes = guard.routes.apply(lambda routes: [*routes, mine])
        return TraefikEdge(
            "edge",
            {"network": "net", "images": "local", "routes": routes, "guard": "guard", "guard_token": guard.token},
        ).url

    run(program)
    containers = world.inputs(CONTAINER)
    edge = str(containers["edge-files-courier"]["uploads"])
    for wanted in ("http://guard:8082/api_keys/cosy", "http://guard:8082/api_keys/mine", "amount: 2"):
        assert wanted in edge
    assert hashlib.sha256(b"generated").hexdigest() in str(containers["guard-files-courier"]["uploads"])


def test_a_guard_or_an_edge_of_somebody_else_asks_for_the_secrets_that_it_needs(world: World) -> None:
    auth = {"api_keys": [{"name": "app", "key": {"secret": "appKey"}}]}
    with pytest.raises(ConfigError, match="'appKey' is not among the secrets that were given"):
        EnvoyGuard("guard", {"network": "net", "images": "local", "edge": {"auth": auth}})
    users = {"users": [{"name": "anna", "password": {"secret": "annaPassword"}}]}
    with pytest.raises(ConfigError, match="'annaPassword' is not among the secrets that were given"):
        TraefikEdge("edge", {"network": "net", "images": "local", "routes": [], "edge": {"auth": users}})


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        ({"bind": "0.0.0.0", "tls": {"self_signed": {}}}, "lets everybody come in, without a login, to mine"),
        ({"auth": {"users": [{"name": "anna"}, {"name": "anna"}]}}, "is also the name of edge.auth.users"),
        ({"auth": {"default": "jwt"}}, "edge.auth.default: 'jwt' lets nobody in"),
        ({"tls": {"letsencrypt": {"email": "a@b.co"}}, "bind": "127.0.0.1"}, "'mine.localhost' is no name that"),
    ],
)
def test_an_edge_of_somebody_else_is_checked_like_a_stacks(world: World, edge: dict[str, Any], said: str) -> None:
    mine = {"name": "mine", "host": "mine.localhost", "upstreams": ["http://mine:80"]}
    with pytest.raises(ConfigError, match=said):
        run(
            lambda: (
                TraefikEdge(
                    "edge", {"network": "net", "images": "local", "guard": "guard", "routes": [mine], "edge": edge}
                ).url
            )
        )


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"auth": "api_keys"}, "for which the edge asks a guard"),
        ({"limits": {"concurrent": 1}}, "for which the edge asks a guard"),
        ({"auth": "basic"}, "the edge has no users"),
    ],
)
def test_a_route_that_nobody_checks_is_refused(world: World, route: dict[str, Any], said: str) -> None:
    mine = {"name": "mine", "host": "mine.example.com", "upstreams": ["http://mine:80"], **route}
    with pytest.raises(ConfigError, match=said):
        run(lambda: TraefikEdge("edge", {"network": "net", "images": "local", "routes": [mine]}).url)


def test_a_page_is_not_held_to_what_an_api_is() -> None:
    limits = {"rate": {"average": 10}}
    edges = plan(stack(edge={"limits": limits}))
    by_name = {route.name: settled(route, edges.edge.auth) for route in edges.routes}
    assert by_name["voice.pool"].limits != LimitsPlan()
    assert by_name["studio.path"].limits == LimitsPlan(), "one page is some seventy requests"
    own = plan(stack(voice(), studio(limits=limits)))
    (page,) = [settled(route, own.edge.auth) for route in own.routes if route.name == "studio.path"]
    assert page.limits != LimitsPlan()
