"""How the guard knows a key: by a SHA-256 of its own, in the real Envoy, and by nothing else."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pulumi_tts.plan.auth import USER_HEADER, ApiKeyPlan, GuardAuthPlan
from pulumi_tts.render import envoy_auth
from pulumi_tts.render.envoy_auth import auth_file
from tests.guard.guarding import AS_EDGE, NO_TLS, guarding_plan, key_of, planned_auth
from tests.waiting import wait_for

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="


def test_each_of_many_keys_is_known_by_its_hash_and_no_other_is(tmp_path: Path) -> None:
    chosen = random.Random(6)
    keys = {f"key-{length}": "".join(chosen.choices(LETTERS, k=length)) for length in range(1, 257)}
    plan = planned_auth(api_keys=[{"name": "any"}])
    auth = GuardAuthPlan(tuple(ApiKeyPlan(name, None, None) for name in keys), None)
    hashes = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in keys.items()}
    with guarding_plan(tmp_path, plan) as guard:
        guard.bring("auth.json", auth_file(auth, hashes))
        base = f"http://127.0.0.1:{guard.layout.auth_port}"
        with httpx.Client(base_url=base, headers=AS_EDGE, verify=NO_TLS) as edge:

            def who(key: str) -> str | None:
                answer = edge.get("/api_keys/voice", headers={"Authorization": f"Bearer {key}"})
                assert (answer.status_code == 200) == (USER_HEADER in answer.headers)
                found: str | None = answer.headers.get(USER_HEADER)
                return found

            wait_for(lambda: who(keys["key-32"]) == "key-32")
            assert {name: who(key) for name, key in keys.items()} == {name: name for name in keys}
            assert [who(key[:-1] + chosen.choice("!,\"{'")) for key in keys.values()] == [None] * len(keys)
            assert [who(digest) for digest in hashes.values()] == [None] * len(keys)
            assert who("".join(chosen.choices(LETTERS, k=257))) is None


def test_a_session_without_a_name_lets_nobody_in_and_cookies_are_parted_as_browsers_write_them(tmp_path: Path) -> None:
    auth = GuardAuthPlan((), None, session_cookie="tts-login-1")
    with guarding_plan(tmp_path, replace(planned_auth(api_keys=[{"name": "any"}]), auth=auth)) as guard:
        base = f"http://127.0.0.1:{guard.layout.auth_port}"
        with httpx.Client(base_url=base, headers=AS_EDGE, verify=NO_TLS) as edge:
            for names in ([], [""], ["ä"], ["anna@b.c", "bert@b.c"]):
                shown = [(b"X-Auth-Request-Email", name.encode()) for name in names]
                answer = edge.get("/session", headers=[*shown, (USER_HEADER.encode(), b"root")])
                assert (answer.status_code, USER_HEADER in answer.headers) == (401, False), names
            answer = edge.get("/session", headers={"X-Auth-Request-Email": "anna@b.c", "Cookie": "a=b"})
            assert (answer.headers[USER_HEADER], answer.headers["Cookie"]) == ("anna@b.c", "a=b")
            for sent, left in {
                ("a=b; tts-login-1=x; c=d",): "a=b; c=d",
                ("tts-login-1=x",): None,
                ("tts-login-1_0=x;tts-login-1_1=y;a=b",): "a=b",
                ("a=b", "tts-login-1=x; c=d", "tts-login-1_abc_csrf=y"): "a=b; c=d",
                ("; ;tts-login-1; =; a",): "=; a",
                ("atts-login-1=x; a=tts-login-1=y",): "atts-login-1=x; a=tts-login-1=y",
            }.items():
                answer = edge.get("/cookies", headers=[("Cookie", each) for each in sent])
                assert (answer.status_code, answer.headers.get("cookie")) == (200, left)
                assert USER_HEADER not in answer.headers
            assert "You are signed out here" in edge.get("/signed_out").text


@pytest.mark.parametrize("broken", ["local nothing = nil\n nothing.name = 1", "error('full')"])
def test_a_check_that_fails_lets_nobody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    # Envoy itself goes on with a request where its script has failed.
    monkeypatch.setattr(envoy_auth, "KEY_CHECK", f"function envoy_on_request(handle)\n {broken}\nend\n")
    with guarding_plan(tmp_path, planned_auth(api_keys=[{"name": "any"}])) as guard:
        for headers in ({}, {"X-API-Key": key_of("any")}, {USER_HEADER: "any"}):
            answer = httpx.get(
                f"http://127.0.0.1:{guard.layout.auth_port}/api_keys/voice",
                headers={**AS_EDGE, **headers},
                verify=NO_TLS,
            )
            assert (answer.status_code, USER_HEADER in answer.headers) == (403, False), headers


def test_cookies_that_cannot_be_parted_go_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy_auth, "_COOKIES", "function envoy_on_request(handle)\n error('full')\nend\n")
    auth = GuardAuthPlan((), None, session_cookie="tts-login-1")
    with guarding_plan(tmp_path, replace(planned_auth(api_keys=[{"name": "any"}]), auth=auth)) as guard:
        for path in ("/session", "/cookies"):
            url = f"http://127.0.0.1:{guard.layout.auth_port}{path}"
            answer = httpx.get(
                url, headers={**AS_EDGE, "X-Auth-Request-Email": "anna@b.c", "Cookie": "a=b"}, verify=NO_TLS
            )
            assert (answer.status_code, USER_HEADER in answer.headers) == (500, False)
