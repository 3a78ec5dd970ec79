"""Who may come in, on the real Traefik and the real guard: what is refused reaches no engine."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.edge.edging import Edging, edging, planned
from tests.edge.tokens import AUDIENCE, ISSUER, Signer
from tests.guard.guarding import key_of
from tests.waiting import wait_for

SIGNER, STRANGER = Signer("first"), Signer("first")
TOKENS = {
    "issuer": ISSUER,
    "audiences": [AUDIENCE, "other-service"],
    "jwks": {"keys": [SIGNER.public]},
    "skew": "5m",
    "claims": {"scope": "tts", "realm.roles": "speaker"},
}
USERS: list[dict[str, Any]] = [{"name": "anna"}, {"name": "bob"}]
KEYS: list[dict[str, Any]] = [{"name": "app-1"}, {"name": "app-2", "pools": ["other"]}]
AUTH = {"users": USERS, "api_keys": KEYS, "jwt": TOKENS}
POOLS: list[dict[str, Any]] = [
    {
        "name": "voice",
        "auth": "api_keys",
        "routes": {"pool": "voice.{domain}", "instance": "voice1.{domain}", "path": "/voice"},
    },
    {"name": "other", "auth": {"pool": "api_keys"}},
    {"name": "bare", "auth": "api_keys", "guard": "none"},
    {"name": "people", "auth": "basic"},
    {"name": "tokens", "auth": "jwt"},
    {"name": "anybody", "routes": {"pool": "anybody.{domain}", "instance": "anybody1.{domain}"}},
]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    with edging(tmp_path_factory.mktemp("login"), planned(*POOLS, auth=AUTH), guarded=True) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def basic(user: str, password: str = "secret") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def token(alg: str = "RS256", **claims: Any) -> dict[str, str]:
    return bearer(SIGNER.token(alg, **claims))


Headers = dict[str, str] | list[tuple[str, str]]
KEY = key_of("app-1")
NOW = int(time.time())

REFUSED: dict[str, tuple[str, str, Headers, int]] = {
    "no key": ("voice", "/work", {}, 401),
    "no key, an instance": ("voice1", "/work", {}, 401),
    "no key, no guard": ("bare", "/work", {}, 401),
    "a wrong key": ("voice", "/work", bearer(key_of("nobody")), 401),
    "a wrong key, an instance": ("voice1", "/work", {"X-API-Key": key_of("nobody")}, 401),
    "most of a key": ("voice", "/work", bearer(KEY[:-1]), 401),
    "a key and more": ("voice", "/work", bearer(KEY + "0"), 401),
    "a key in other letters": ("voice", "/work", bearer(KEY.upper()), 401),
    "a bearer of two spaces": ("voice", "/work", {"Authorization": "Bearer  x"}, 401),
    "a bearer alone": ("voice", "/work", {"Authorization": "Bearer"}, 401),
    "an empty key": ("voice", "/work", {"X-API-Key": ""}, 401),
    "a key without its scheme": ("voice", "/work", {"Authorization": KEY}, 401),
    "a key in another scheme": ("voice", "/work", {"Authorization": f"Basic {KEY}"}, 401),
    "a hash in the place of its key": ("voice", "/work", bearer(Signer.sha256(KEY)), 401),
    "a key of 4 KiB": ("voice", "/work", bearer("a" * 4096), 401),
    "two Authorizations": ("voice", "/work", [("Authorization", f"Bearer {KEY}"), ("Authorization", "Bearer x")], 401),
    "two the same": ("voice", "/work", [("Authorization", f"Bearer {KEY}")] * 2, 401),
    "two keys": ("voice", "/work", [("X-API-Key", KEY), ("X-API-Key", KEY)], 401),
    "a key twice": ("voice", "/work", {"X-API-Key": KEY, **bearer(KEY)}, 401),
    "a key in the query": ("voice", f"/work?api_key={KEY}&key={KEY}&access_token={KEY}", {}, 401),
    "a key in a cookie": ("voice", "/work", {"Cookie": f"api_key={KEY}; X-API-Key={KEY}; Authorization={KEY}"}, 401),
    "a key for the next hop alone": ("voice", "/work", {"Connection": "Authorization", **bearer(KEY)}, 401),
    "a key with underscores": ("voice", "/work", {"X_API_Key": KEY}, 400),
    "another pool's key": ("voice", "/work", bearer(key_of("app-2")), 403),
    "another pool's key, an instance": ("voice1", "/work", bearer(key_of("app-2")), 403),
    "a token for a key": ("voice", "/work", token(), 401),
    "a name for a key": ("voice", "/work", {"X-Pulumi-Tts-User": "app-1"}, 401),
    "a user for a key": ("voice", "/work", basic("anna"), 401),
    "the path of another pool": ("voice", "/api_keys/other", bearer(key_of("app-2")), 403),
    "no password": ("people", "/work", {}, 401),
    "a wrong password": ("people", "/work", basic("anna", "Secret"), 401),
    "no such user": ("people", "/work", basic("carla"), 401),
    "an empty user": ("people", "/work", basic("", ""), 401),
    "a key for a password": ("people", "/work", bearer(KEY), 401),
    "a name for a password": ("people", "/work", {"X-Pulumi-Tts-User": "anna"}, 401),
    "no token": ("tokens", "/work", {}, 401),
    "an expired token": ("tokens", "/work", token(exp=NOW - 3600), 401),
    "a token that never expires": ("tokens", "/work", token(exp=None), 401),
    "a token of tomorrow": ("tokens", "/work", token(nbf=NOW + 86_400), 401),
    "a token for another": ("tokens", "/work", token(aud="elsewhere"), 403),
    "a token for nobody": ("tokens", "/work", token(aud=None), 403),
    "a token of another": ("tokens", "/work", token(iss="https://evil.example.com/"), 401),
    "a token of nobody": ("tokens", "/work", token(iss=None), 401),
    "alg none": ("tokens", "/work", token("none"), 401),
    "alg None": ("tokens", "/work", token("None"), 401),
    "signed with the public key": ("tokens", "/work", token("HS256"), 401),
    "signed by a stranger": ("tokens", "/work", bearer(STRANGER.token()), 401),
    "with the body of another": ("tokens", "/work", bearer(Signer.spliced(SIGNER.token(), sub="root")), 401),
    "without a claim": ("tokens", "/work", token(scope=None), 403),
    "with another claim": ("tokens", "/work", token(scope="ttsx"), 403),
    "without a claim inside": ("tokens", "/work", token(realm={"roles": []}), 403),
    "a token of no one": ("tokens", "/work", token(sub=None), 403),
    "a token of an empty name": ("tokens", "/work", token(sub=""), 403),
    "a name of two lines": ("tokens", "/work", token(sub="a\r\nX-Other: b"), 403),
    "a token in the query": ("tokens", f"/work?access_token={SIGNER.token()}", {}, 401),
    "a token in a cookie": ("tokens", "/work", {"Cookie": f"access_token={SIGNER.token()}"}, 401),
    "two tokens": ("tokens", "/work", [("Authorization", "Bearer " + SIGNER.token())] * 2, 401),
    "a key for a token": ("tokens", "/work", bearer(KEY), 401),
    "a name for a token": ("tokens", "/work", {"X-Pulumi-Tts-User": "carla"}, 401),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_reaches_no_engine(edge: Edging, case: str) -> None:
    host, path, headers, status = REFUSED[case]
    edge.arrived()
    with edge.client(f"{host}.localhost") as client:
        answer = client.get(path, headers=headers)
    assert answer.status_code == status
    assert edge.arrived() == []
    assert "127.0.0.1" not in str(answer.headers), "where the guard is, is nobody's business"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "this needs an API key: Authorization: Bearer KEY"),
        (bearer(key_of("nobody")), "this API key is not known here"),
        (bearer("a" * 4096), "this API key is not known here"),
        ({"X-API-Key": key_of("nobody")}, "this API key is not known here"),
        (bearer(KEY) | {"X-API-Key": KEY}, "this was shown two API keys, and takes one"),
        (basic("anna"), "this needs an API key as Authorization: Bearer KEY, and was shown something else"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_is_refused_is_told_why(edge: Edging, headers: dict[str, str], said: str) -> None:
    with edge.client("voice.localhost") as client:
        answer = client.get("/work", headers=headers)
    assert answer.json() == {"error": {"message": said, "code": "unauthorized", "type": "login"}}


def test_a_path_is_refused_like_a_host(edge: Edging) -> None:
    edge.arrived()
    with edge.client() as client:
        assert client.get("/voice/work").status_code == 401
        assert client.get("/voice/work", headers=bearer(key_of("app-2"))).status_code == 403
    assert edge.arrived() == []


FALSE_NAME = {"X-Pulumi-Tts-User": "anna"}
GOOD: dict[str, tuple[str, Headers, str]] = {
    "a key": ("voice", bearer(KEY), "app-1"),
    "a key as the scheme is written too": ("voice", {"Authorization": f"bearer {KEY}"}, "app-1"),
    "a key in its own header": ("voice", {"X-API-Key": KEY}, "app-1"),
    "a key, an instance": ("voice1", bearer(KEY), "app-1"),
    "a key, no guard": ("bare", bearer(KEY), "app-1"),
    "a key for its pool": ("other", bearer(key_of("app-2")), "app-2"),
    "a key and a false name": ("voice", {**bearer(KEY), **FALSE_NAME}, "app-1"),
    "a password": ("people", basic("anna"), "anna"),
    "a password and a false name": ("people", {**basic("bob"), **FALSE_NAME}, "bob"),
    "a token": ("tokens", token(), "carla"),
    "a token for several": ("tokens", token(aud=["x", AUDIENCE]), "carla"),
    "a token of a while ago": ("tokens", token(exp=NOW - 30), "carla"),
    "a token and a false name": ("tokens", {**token(sub="dora"), **FALSE_NAME}, "dora"),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_is_good_comes_in_and_the_engine_sees_nothing_of_it(edge: Edging, case: str) -> None:
    host, headers, user = GOOD[case]
    edge.arrived()
    with edge.client(f"{host}.localhost") as client:
        assert client.post("/work", headers=headers, content=b"text").status_code == 200
    (reached,) = edge.arrived()
    assert reached["body"] == 4
    assert "authorization" not in reached["headers"]
    assert "x-api-key" not in reached["headers"]
    assert not [name for name in reached["headers"] if name.replace("_", "-") == "x-pulumi-tts-user"]
    assert f'"ClientUsername":"{user}"' in edge.log().splitlines()[-1]


def test_the_guard_logs_who_it_was(edge: Edging) -> None:
    assert edge.guard
    with edge.client("voice.localhost") as client:
        # A client may not have it taken away either, as what is said of the connection alone is.
        answer = client.get("/work?who=1", headers={**bearer(KEY), "Connection": "X-Pulumi-Tts-User"})
    mine = answer.headers["x-request-id"]
    wait_for(lambda: any(line["request_id"] == mine for line in edge.guard.log()))  # type: ignore[union-attr]
    assert next(line["tenant"] for line in edge.guard.log() if line["request_id"] == mine) == "app-1"


@pytest.mark.parametrize("host", ["anybody", "anybody1"])
def test_nobody_says_who_they_are_where_nobody_is_asked(edge: Edging, host: str) -> None:
    assert edge.guard
    for name in ("X-Pulumi-Tts-User", "x-pulumi-tts-user", "X-PULUMI-TTS-USER"):
        edge.arrived()
        with edge.client(f"{host}.localhost") as client:
            assert client.get("/work", headers={name: "anna", "Authorization": "Bearer mine"}).status_code == 200
        (reached,) = edge.arrived()
        assert not [seen for seen in reached["headers"] if seen.replace("_", "-") == "x-pulumi-tts-user"], name
        assert reached["headers"]["authorization"] == "Bearer mine", "an engine's own, where the edge asks for none"
    for name in ("X_Pulumi_Tts_User", "X-Pulumi_Tts-User", "x-pulumi-tts_user"):
        with edge.client(f"{host}.localhost") as client:
            assert client.get("/work", headers={name: "anna"}).status_code == 400, "not even looked at"
    assert edge.arrived() == []
    time.sleep(1.2)  # the guard's log is written every second
    assert {line["tenant"] for line in edge.guard.log() if line["pool"] == "anybody"} <= {None}, "nor in a log"


def test_a_stream_and_a_websocket_are_asked_once_and_then_left_alone(edge: Edging) -> None:
    with (
        edge.client("voice.localhost") as client,
        client.stream("GET", "/work?chunks=5&pace=0.2", headers=bearer(KEY)) as answer,
    ):
        arrived = [time.monotonic() for _ in answer.iter_raw()]
    assert arrived[-1] - arrived[0] > 0.5, "as it comes, not at once in the end"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x" * 24,
        "Sec-WebSocket-Version": "13",
    }
    with edge.client("voice.localhost") as client:
        assert client.get("/work", headers=upgrade).status_code == 401
        with client.stream("GET", "/work", headers={**upgrade, **bearer(KEY)}) as answer:
            assert answer.status_code == 101


def test_without_its_guard_the_edge_lets_nobody_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    with edging(tmp_path_factory.mktemp("alone"), planned(*POOLS, auth=AUTH), guarded=True) as edge:
        assert edge.guard
        edge.guard.kill()
        for host, headers in (("voice1", bearer(KEY)), ("bare", bearer(KEY))):
            with edge.client(f"{host}.localhost") as client:
                assert client.get("/work", headers=headers).status_code == 500
        assert edge.arrived() == []


def test_users_and_keys_come_and_go_while_requests_are_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    def with_auth(**auth: Any) -> Any:
        return planned(*POOLS, auth=AUTH | auth)

    with edging(tmp_path_factory.mktemp("live"), with_auth(), guarded=True) as edge:
        assert edge.guard
        process = edge.process, edge.guard.process

        def status(host: str, headers: dict[str, str]) -> int:
            with edge.client(f"{host}.localhost") as client:
                return client.get("/work", headers=headers).status_code

        def both(*expected: int) -> bool:
            # Who was let in before, is let in all the time.
            assert (status("people", basic("anna")), status("voice", bearer(KEY))) == (200, 200)
            return (status("people", basic("dora")), status("voice", bearer(key_of("app-3")))) == expected

        assert both(401, 401)
        more = with_auth(users=[*USERS, {"name": "dora"}], api_keys=[*KEYS, {"name": "app-3"}])
        edge.guard.write(more.guard)
        edge.write(more)
        wait_for(lambda: both(200, 200))
        edge.guard.write(with_auth().guard)
        edge.write(with_auth())
        wait_for(lambda: both(401, 401))
        assert (edge.process, edge.guard.process) == process


def test_the_keys_of_tokens_are_fetched_and_a_new_one_is_taken(tmp_path_factory: pytest.TempPathFactory) -> None:
    with SIGNER.published() as published:
        auth = {"jwt": TOKENS | {"jwks": {"url": published.url, "cache": "1s"}}}
        with edging(tmp_path_factory.mktemp("fetched"), planned(POOLS[4], auth=auth), guarded=True) as edge:

            def status(signer: Signer) -> int:
                with edge.client("tokens.localhost") as client:
                    return client.get("/work", headers=bearer(signer.token())).status_code

            wait_for(lambda: status(SIGNER) == 200)
            second = Signer("second")
            assert status(second) == 401
            published.keys = [second.public]
            wait_for(lambda: status(second) == 200)
            # The provider is away: what was fetched goes on.
            published.away = True
            time.sleep(2)
            assert status(second) == 200
            assert httpx.get(published.url).status_code == 503
