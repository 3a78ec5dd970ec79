"""A login by an OpenID provider, on the real Traefik, oauth2-proxy and guard: from the first page to signing out."""

import base64
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pulumi_tts.plan import StackPlan
from pulumi_tts.plan.auth import EMAIL_HEADER, USER_HEADER
from pulumi_tts.render.discovery import discovery_file
from pulumi_tts.render.oauth2_proxy import EMAILS
from pulumi_tts.render.traefik import IN_CONTAINER
from tests.edge.edging import Edging, edging, planned
from tests.edge.provider import CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.edge.raw import Asker, exchange, head, statuses
from tests.edge.tokens import Signer
from tests.guard.guarding import key_of
from tests.loopback import Loopback, free_port
from tests.waiting import wait_for

DOMAIN = "voice.test"
ANNA = {"sub": "1", "email": "anna@example.com", "groups": ["speakers"]}
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "x" * 24,
    "Sec-WebSocket-Version": "13",
}
POOLS: list[dict[str, Any]] = [
    {
        "name": "voice",
        "auth": "oidc",
        "slots": 64,
        "routes": {"pool": "voice.{domain}", "instance": "voice1.{domain}", "path": "/voice"},
    },
    {"name": "studio", "engine": "studio", "auth": "oidc", "routes": {"path": "/studio"}},
    {"name": "bare", "auth": "oidc", "guard": "none"},
    {"name": "limited", "auth": "oidc", "limits": {"rate": {"average": 1, "period": "1h", "burst": 2}}},
    {
        "name": "anybody",
        "auth": "open",
        "routes": {"pool": "anybody.{domain}", "instance": "anybody1.{domain}", "path": "/anybody"},
    },
    {"name": "keyed", "auth": "api_keys"},
]
ASKING = [("voice", "/work"), ("voice1", "/work"), ("", "/voice/work"), ("", "/studio/work"), ("bare", "/work")]
"""By each way in to what asks for a session: the host, and a path there."""


def plan_of(provider: Provider, port: int, tls: Any, *, discovery: bool = False, **oidc: Any) -> StackPlan:
    written = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": {"secret": "ours"},
        "allowed": {"domains": ["example.com"], "emails": ["guest@elsewhere.org"], "groups": ["speakers"]},
        **oidc,
    }
    auth = {"default": "oidc", "oidc": written, "api_keys": [{"name": "app"}]}
    return planned(*POOLS, domain=DOMAIN, port=port, tls=tls, auth=auth, discovery={"enabled": discovery})


@contextmanager
def running(folder: Path, session: int = 3600, tls: Any = "off", **oidc: Any) -> Iterator["Both"]:
    with providing() as provider:
        plan = plan_of(provider, free_port(), tls, **oidc)
        assert plan.edge.auth.oidc
        provider.redirect = f"{plan.edge.auth.oidc.url}/oauth2/callback"
        # Shorter than a config may have it.
        oidc_plan = replace(plan.edge.auth.oidc, session=session)
        auth = replace(plan.edge.auth, oidc=oidc_plan)
        plan = replace(plan, edge=replace(plan.edge, auth=auth))
        with edging(folder, plan, {"ours": CLIENT_SECRET}, guarded=True) as edge:
            yield Both(edge, provider, plan)


class Both:
    """An edge, and the provider that it sends people to."""

    def __init__(self, edge: Edging, provider: Provider, plan: StackPlan) -> None:
        assert plan.edge.auth.oidc
        self.edge, self.provider, self.plan, self.cookie = edge, provider, plan, plan.edge.auth.oidc.cookie

    def at(self, host: str, path: str = "/") -> str:
        return f"http://{host}{'.' * bool(host)}{DOMAIN}:{self.edge.port}{path}"

    @contextmanager
    def signed_in(self, **claims: Any) -> Iterator[httpx.Client]:
        """The browser of somebody who has come in."""
        self.provider.signed_in = ANNA | claims
        with browser() as client:
            assert client.get(self.at("voice", "/first"), headers=PAGE).status_code == 200
            self.edge.arrived()
            yield client


def browser() -> httpx.Client:
    return httpx.Client(transport=Loopback(), follow_redirects=True, timeout=30)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with running(tmp_path_factory.mktemp("oidc")) as started:
        yield started


@pytest.fixture
def both(shared: Both) -> Iterator[Both]:
    shared.provider.signed_in = ANNA
    yield shared
    shared.provider.lies, shared.provider.signs_with = {}, None
    shared.edge.arrived()


# ---- coming in


@pytest.mark.parametrize(("host", "path"), ASKING)
def test_who_opens_a_page_is_sent_to_the_provider_and_back_to_it(both: Both, host: str, path: str) -> None:
    page = both.at(host, f"{path}?text=a%20b&c=d%26e")
    with browser() as anna:
        answer = anna.get(page, headers=PAGE)
        assert (answer.status_code, str(answer.url)) == (200, page)
        assert [hop.url.host for hop in answer.history] == [httpx.URL(page).host, "127.0.0.1", f"login.{DOMAIN}"]
        (arrived,) = both.edge.arrived()
        assert arrived["target"].endswith("/work?text=a%20b&c=d%26e")
        # From now on nobody is asked.
        for other, there in ASKING:
            assert not anna.get(both.at(other, there), headers=PAGE).history, "one session for all"
    asked = both.provider.asked[-1]
    assert asked["scope"] == "openid email"
    assert "force" not in asked.values(), "nobody is asked for their consent again"


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(both: Both) -> None:
    with browser() as anna:
        answer = anna.get(both.at("voice", "/work"), headers=PAGE)
        (session,) = [each for each in answer.history[-1].headers.get_list("set-cookie") if "Max-Age=3600" in each]
        assert session.startswith(f"{both.cookie}=")
        assert {"Path=/", f"Domain={DOMAIN}", "HttpOnly", "SameSite=Lax"} <= set(session.split("; "))
        assert [cookie.name for cookie in anna.cookies.jar] == [both.cookie], "nothing is left of the way in"
        assert "anna" not in base64.urlsafe_b64decode(session.partition("=")[2].partition("|")[0]).decode("latin-1")


def test_several_pages_opened_at_once_all_come_in(both: Both) -> None:
    with browser() as anna:
        anna.follow_redirects = False
        first = [anna.get(both.at("voice", f"/{n}"), headers=PAGE) for n in range(3)]
        anna.follow_redirects = True
        for number, answer in reversed(list(enumerate(first))):
            back = anna.get(answer.headers["location"], headers=PAGE)
            assert (back.status_code, back.url.path) == (200, f"/{number}")


# ---- who has no session


@pytest.mark.parametrize(("host", "path"), ASKING)
@pytest.mark.parametrize(
    "asked",
    [
        ("GET", {}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "text/event-stream"}),
        ("GET", {**PAGE, **WEBSOCKET}),
        ("POST", PAGE),
        ("PUT", {}),
        ("OPTIONS", {}),
        ("GET", {USER_HEADER: "anna", EMAIL_HEADER: "anna@example.com", "X-Auth-Request-User": "1"}),
        ("GET", {"Authorization": f"Bearer {key_of('app')}"}),
        ("GET", WEBSOCKET),
    ],
    ids=str,
)
def test_what_could_follow_nobody_to_a_page_is_answered_401(
    both: Both, host: str, path: str, asked: tuple[str, dict[str, str]]
) -> None:
    method, headers = asked
    with browser() as nobody:
        nobody.follow_redirects = False
        answer = nobody.request(method, both.at(host, path), headers=headers)
    assert answer.status_code == 401
    assert both.edge.arrived() == []


def forged(session: str, how: str) -> str:
    value, stamp, signature = session.split("|")
    return {
        "another signature": f"{value}|{stamp}|{signature[:-3]}AA=",
        "a later time": f"{value}|{int(stamp) + 900}|{signature}",
        "another value": f"{value[:-8]}AAAAAAAA|{stamp}|{signature}",
        "no signature": f"{value}|{stamp}|",
        "no time": f"{value}||{signature}",
        "not three parts": value,
        "nothing": "",
        "somebody": base64.urlsafe_b64encode(b'{"email":"anna@example.com"}').decode(),
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        *("another signature", "a later time", "another value", "no signature", "no time", "not three parts"),
        *("nothing", "somebody"),
    ],
)
def test_a_session_that_we_did_not_make_is_none(both: Both, how: str) -> None:
    with both.signed_in() as anna:
        session = str(anna.cookies.get(both.cookie))
    cookie = {"Cookie": f"{both.cookie}={forged(session, how)}"}
    for host, path in ASKING:
        with browser() as forger:
            forger.follow_redirects = False
            assert forger.get(both.at(host, path), headers=cookie).status_code == 401
            assert forger.get(both.at(host, path), headers=cookie | PAGE).status_code == 302
    assert both.edge.arrived() == []


def way_in(both: Both, client: httpx.Client) -> tuple[str, dict[str, str]]:
    """Up to where the provider would send somebody back: that address, and what it says."""
    client.follow_redirects = False
    at_provider = client.get(both.at("voice", "/work"), headers=PAGE).headers["location"]
    back = client.get(at_provider).headers["location"]
    return back.partition("?")[0], {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


def test_a_way_in_that_began_elsewhere_ends_nowhere(both: Both) -> None:
    """Who lures somebody with a link of their own would have them sign in as another."""
    with browser() as attacker, browser() as victim:
        callback, said = way_in(both, attacker)
        victim.follow_redirects = False
        assert victim.get(callback, params=said).status_code == 403, "without the cookie of a beginning"
        way_in(both, victim)
        assert victim.get(callback, params=said).status_code == 403, "with that of another one"
        for state in ("", "x", said["state"][1:], f"x{said['state']}"):
            assert attacker.get(callback, params=said | {"state": state}).status_code in (403, 500)
        assert both.cookie not in victim.cookies
        assert both.cookie not in attacker.cookies
        good = attacker.get(callback, params=said)
        assert (good.status_code, good.headers["location"]) == (302, both.at("voice", "/work"))
        again = attacker.get(callback, params=said)
        assert again.status_code in (403, 500), "and a second time"


def test_nobody_is_sent_on_to_another_site(both: Both) -> None:
    with browser() as victim:
        callback, said = way_in(both, victim)
        nonce = said["state"].partition(":")[0]
        answer = victim.get(callback, params=said | {"state": f"{nonce}:https://evil.example/"})
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
    for path in ("/oauth2/sign_out?rd=https://evil.example/", "/oauth2/sign_out?rd=//evil.example/"):
        with browser() as victim:
            victim.follow_redirects = False
            answer = victim.get(both.at("login", path), headers=PAGE)
            assert (answer.status_code, answer.headers["location"]) == (302, "/")


@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://else.example/"},
        {"aud": "other-service"},
        {"exp": 1_700_000_000},
        {"nonce": "of another way in"},
        {"email_verified": False},
        {"email": None},
    ],
    ids=str,
)
def test_what_the_provider_says_is_looked_at(both: Both, lies: dict[str, Any]) -> None:
    both.provider.lies = lies
    with browser() as anna:
        assert anna.get(both.at("voice", "/work"), headers=PAGE).status_code in (403, 500)
        assert both.cookie not in anna.cookies
    assert both.edge.arrived() == []


def test_who_signs_with_another_key_is_not_the_provider(both: Both) -> None:
    both.provider.signs_with = Signer()
    with browser() as anna:
        assert anna.get(both.at("voice", "/work"), headers=PAGE).status_code in (403, 500)
    assert both.edge.arrived() == []


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"email": "Bob@Example.com"}, 200),
        ({"email": "guest@elsewhere.org"}, 200),
        ({"email": "anna@elsewhere.org"}, 403),
        ({"email": "anna@example.com.evil.org"}, 403),
        ({"email": "anna@notexample.com"}, 403),
        ({"email": "anna@evil.org@example.com"}, 403),
        ({"groups": ["listeners"]}, 403),
        ({"groups": []}, 403),
        ({"groups": ["listeners", "speakers"]}, 200),
    ],
    ids=str,
)
def test_of_those_whom_the_provider_knows_only_some_are_let_in(both: Both, who: dict[str, Any], status: int) -> None:
    both.provider.signed_in = ANNA | who
    with browser() as somebody:
        answer = somebody.get(both.at("voice", "/work"), headers=PAGE)
        assert answer.status_code == status
        assert (both.cookie in somebody.cookies) == (status == 200)
    assert len(both.edge.arrived()) == (status == 200)


# ---- what nobody may ask, beside test_forbidden.py

SHAPES: list[tuple[str, str, list[str], int]] = [
    *(
        ("", target, [], 401)
        for target in (
            *("/voice", "/voice/", "/voice/x", "//voice//x", "/./voice/x", "/anybody/../voice/x", "/%76oice/x"),
            *("/anybody/%2e%2e/voice/x", "/x/%2E%2e/voice/x", "/voice/oauth2/callback?code=x&state=x:/", "/studio/x"),
        )
    ),
    *(
        ("", target, [], 404)
        for target in ("/VOICE/x", "/voice;/x", "/voice../x", "/anybody/../x", "/oauth2/auth", "/voice%2fx")
    ),
    *(("", target, [], 400) for target in ("/voice/..%2fx", "/voice/..;/x", "/voice/%00", "/voice/a%2fb")),
    *(
        ("voice", target, [], 401)
        for target in ("/oauth2/auth", "/oauth2/callback?code=x&state=x:/", "/oauth2/sign_in", "/ping", "/ready")
    ),
    *(
        ("voice", "/x", [header], status)
        for header, status in (
            *(("X_Auth_Request_Email: anna@example.com", 400), ("X.Auth.Request.Email: anna@example.com", 400)),
            *(("X_Pulumi_Tts_User: anna", 400), ("X-Forwarded-Email: anna@example.com", 401)),
            *(("X-Forwarded-User: anna", 401), ("GAP-Auth: anna@example.com", 401)),
            *(("X-Forwarded-Uri: /ping", 401), ("X-Forwarded-Uri: /oauth2/callback", 401)),
            *(("X-Original-Url: /anybody", 401), ("X-Forwarded-Prefix: /anybody", 401)),
            *(("X-Forwarded-Host: anybody.voice.test", 401), ("User-Agent: GoogleHC/1.0", 401)),
            *(("Connection: X-Forwarded-Host, Cookie", 401), ("Cookie: x", 401), ("Cookie: =;;=; ,", 401)),
        )
    ),
    ("login", "/oauth2/../signed_out", [], 404),
    ("login", "/oauth2/%2e%2e/session", [], 404),
    ("login", "/session", [], 404),
    ("login", "/cookies", [], 404),
    ("login", "/oauth2/static/..%2fauth", [], 400),
    ("login", "/oauth2/static/../auth", [], 404),
]


@pytest.mark.parametrize(("host", "target", "headers", "status"), SHAPES, ids=str)
def test_it_is_refused_and_nothing_arrives(both: Both, host: str, target: str, headers: list[str], status: int) -> None:
    named = f"{host}{'.' * bool(host)}{DOMAIN}"
    answer = exchange(both.edge.port, head(f"GET {target} HTTP/1.1", *headers, host=named))
    assert statuses(answer) == [status]
    assert both.edge.arrived() == []


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-Host: evil.example", "X-Forwarded-Uri: //evil.example/", "X-Forwarded-Proto: evil"),
        *("X-Auth-Request-Redirect: https://evil.example/", "Forwarded: host=evil.example", "X-Forwarded-Port: 666"),
    ],
)
@pytest.mark.parametrize(("host", "path"), [("voice", "/x?rd=https://evil.example/"), ("login", "/oauth2/sign_in")])
def test_nobody_is_told_to_come_back_to_another_site(both: Both, header: str, host: str, path: str) -> None:
    page = head(f"GET {path} HTTP/1.1", header, "Accept: text/html", host=f"{host}.{DOMAIN}:{both.edge.port}")
    answer = exchange(both.edge.port, page).decode()
    (location,) = [line.partition(": ")[2] for line in answer.splitlines() if line.lower().startswith("location")]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    back = asked["state"].partition(":")[2]
    assert location.startswith(both.provider.issuer)
    assert asked["redirect_uri"] == both.provider.redirect
    assert back in ("/", both.at("voice", "/x?rd=https://evil.example/"))


def test_of_thousands_of_paths_none_comes_in_without_a_session(both: Both) -> None:
    drawn = random.Random(6)
    parts = [
        *("/", "//", "/./", "/../", "/%2e%2e/", "/..;/", "/%2f", "%2f", "\\", ";", "?", "#", "%00", "%5c", "."),
        *("voice", "VOICE", "%76oice", "voice.", "voice;", "studio", "studi", "anybody", "oauth2", "auth", "callback"),
        *(
            "sign_in",
            "sign_out",
            "static",
            "ping",
            "ready",
            "session",
            "x",
            "http://anybody.voice.test",
            "//voice.test",
        ),
    ]
    hosts = ["", "", "voice.", "voice1.", "bare.", "anybody.", "login.", "VOICE."]
    asker, answered = Asker(both.edge.port), dict[int, int]()
    for number in range(2000):
        target = "/" + "".join(drawn.choices(parts, k=drawn.randint(1, 7)))
        accept = ["Accept: text/html"] if number % 2 else []
        said, _ = asker.ask(head(f"GET {target} HTTP/1.1", *accept, host=f"{drawn.choice(hosts)}{DOMAIN}", close=False))
        answered[said] = answered.get(said, 0) + 1
    asker.close()
    arrived = both.edge.arrived()
    assert min(answered[401], answered[302], len(arrived)) > 100, f"too few to say anything: {answered}"
    open_to_all = ("anybody.voice.test", "voice.test")
    for request in arrived:
        assert request["headers"]["host"] in open_to_all, request
        assert request["at"] in ("tts-test-anybody-1", "upstream"), request


# ---- who has one


@pytest.mark.parametrize(("host", "path"), ASKING)
def test_with_a_session_every_kind_of_request_passes(both: Both, host: str, path: str) -> None:
    with both.signed_in() as anna:
        assert anna.post(both.at(host, path), content=b"x" * 10_000).status_code == 200
        assert anna.get(both.at(host, path), headers={"Accept": "application/json"}).status_code == 200
        with anna.stream("GET", both.at(host, path), headers=WEBSOCKET) as answer:
            assert answer.status_code == 101
            raw = answer.extensions["network_stream"]
            raw.write(b"hello")
            assert raw.read(5, timeout=10) == b"hello"
        stream = both.at(host, f"{path}?chunks=5&pace=0.2")
        with anna.stream("GET", stream, headers={"Accept": "text/event-stream"}) as answer:
            arrived = [time.monotonic() for _ in answer.iter_raw()]
        assert arrived[-1] - arrived[0] > 0.5, "as it comes, not at once in the end"
    assert len(both.edge.arrived()) == 4


def everywhere() -> list[tuple[str, str, dict[str, str]]]:
    key = {"X-API-Key": key_of("app")}
    opened = [("anybody", "/work"), ("anybody1", "/work"), ("", "/anybody/work")]
    dashboard = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}
    ours = ("dashboard", "/keeper/work", dashboard)
    return [*((*way, {}) for way in (*ASKING, *opened)), ("keyed", "/work", key), ours]


@pytest.mark.parametrize(("host", "path", "more"), everywhere())
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_an_engine_gets_nothing_of_the_session_and_all_other_cookies(
    both: Both, host: str, path: str, more: dict[str, str], accept: str
) -> None:
    with both.signed_in() as anna:
        name, session = both.cookie, str(anna.cookies.get(both.cookie))
        spoofed = {
            USER_HEADER: "root",
            **({EMAIL_HEADER: "root@example.com"} if (host, path) in ASKING else {}),
            "Accept": accept,
            "Cookie": f'{name}_0=x; theme=dark; {name}={session}; a="b, c"; {name}_ab_csrf=y; s=1=2',
            **more,
        }
        # What it sets itself goes beside what is sent here.
        anna.cookies.clear()
        assert anna.get(both.at(host, path), headers=spoofed).status_code == 200
        (arrived,) = both.edge.arrived()
    # No page of the dashboard's needs one, and the guard need not be there for them.
    assert arrived["headers"].get("cookie") == (None if host == "dashboard" else 'theme=dark; a="b, c"; s=1=2')
    told = " ".join(f"{name}: {value}" for name, value in arrived["headers"].items())
    assert session[:20] not in told
    assert name not in told
    assert "example.com" not in told, "nor who it is"
    assert "root" not in told


def test_without_other_cookies_an_engine_gets_none(both: Both) -> None:
    with both.signed_in() as anna:
        for host, path in [("voice", "/work"), ("voice1", "/work"), ("bare", "/work"), ("anybody1", "/work")]:
            assert anna.get(both.at(host, path)).status_code == 200
            (arrived,) = both.edge.arrived()
            assert "cookie" not in arrived["headers"]


def test_who_it_is_is_in_the_logs_and_what_limits_count_by(both: Both) -> None:
    with both.signed_in(email="anna@example.com") as anna, both.signed_in(email="bert@example.com") as bert:
        assert anna.get(both.at("voice", "/logged"), headers={USER_HEADER: "bert@example.com"}).status_code == 200
        assert [anna.get(both.at("limited", "/work")).status_code for _ in range(3)] == [200, 200, 429]
        assert bert.get(both.at("limited", "/work")).status_code == 200
    assert both.edge.guard
    log = both.edge.guard.log
    wait_for(lambda: any(line["path"] == "/logged" for line in log()))
    assert [line["tenant"] for line in log() if line["path"] == "/logged"] == ["anna@example.com"]
    assert '"ClientUsername":"anna@example.com"' in both.edge.log()


def test_over_tls_the_session_is_for_tls_alone(tmp_path: Path) -> None:
    with running(tmp_path, tls={"self_signed": {}, "port": free_port()}) as both:
        both.provider.signed_in = ANNA
        with both.edge.https(f"voice.{DOMAIN}", follow_redirects=True, headers=PAGE) as anna:
            answer = anna.get("/work?a=b")
            assert (answer.status_code, answer.url.scheme, answer.url.raw_path) == (200, "https", b"/work?a=b")
            (session,) = anna.cookies.jar
            assert (session.name, session.secure) == (both.cookie, True)
            page = anna.get(f"https://login.{DOMAIN}:{both.edge.layout.websecure}/oauth2/sign_out")
            assert "You are signed out here" in page.text


# ---- the end of it


def test_who_signs_out_is_out(both: Both) -> None:
    with both.signed_in() as anna:
        page = anna.get(both.at("login", "/oauth2/sign_out"), headers=PAGE)
        assert (page.status_code, page.url.path) == (200, "/")
        assert "You are signed out here" in page.text
        assert both.cookie not in anna.cookies
        assert anna.get(both.at("voice", "/work")).status_code == 401
    assert both.edge.arrived() == []


def test_the_logins_host_has_nothing_else(both: Both) -> None:
    with both.signed_in() as anna:
        for path in ("/x", "/oauth2/auth", "/oauth2/userinfo", "/oauth2/start", "/ping", "/ready", "/signed_out"):
            assert anna.get(both.at("login", path)).status_code == 404
    assert both.edge.arrived() == []


def test_a_session_that_is_over_is_none_and_the_next_page_makes_another(tmp_path: Path) -> None:
    with running(tmp_path, session=2, user="sub", allowed="anybody") as both, both.signed_in() as anna:
        kept = {"Cookie": f"{both.cookie}={anna.cookies.get(both.cookie)}"}
        assert anna.get(both.at("voice", "/work")).status_code == 200
        time.sleep(2.5)
        with browser() as later:
            assert later.get(both.at("voice", "/work"), headers=kept).status_code == 401, "though it was kept"
        page = anna.get(both.at("voice", "/work"), headers=PAGE)
        assert page.status_code == 200
        assert len(page.history) == 3, "without a page of the provider's"
        both.provider.signed_in = None
        time.sleep(2.5)
        assert anna.get(both.at("voice", "/work"), headers=PAGE).text == "a page that asks for a password"


def test_who_is_no_longer_let_in_is_out_at_once(tmp_path: Path) -> None:
    """Addresses are a file that oauth2-proxy reads again when another one is moved into its place."""
    two = {"emails": ["anna@example.com", "bert@example.com"]}
    with (
        running(tmp_path, allowed=two) as both,
        both.signed_in() as anna,
        both.signed_in(email="bert@example.com") as bert,
    ):
        (tmp_path / "emails").write_text("bert@example.com\n")
        (tmp_path / "emails").replace(tmp_path / "oidc" / EMAILS)
        wait_for(lambda: anna.get(both.at("voice", "/work")).status_code == 401)
        assert bert.get(both.at("voice", "/work")).status_code == 200


def test_what_is_discovered_serves_no_page_where_people_sign_in(tmp_path: Path) -> None:
    """A container's label may claim any host name; a page at the login's would be taken for the login."""
    with running(tmp_path, discovery=True) as both, browser() as anna:
        guests = both.plan.edge.discovery
        assert guests
        there, here = f"{guests.name}:{IN_CONTAINER.web}", f"127.0.0.1:{both.edge.upstream.port}"
        (tmp_path / "discovery.yml").write_text(discovery_file(guests, both.plan.edge).replace(there, here))
        (tmp_path / "discovery.yml").replace(tmp_path / "files" / "discovery.yml")
        wait_for(lambda: anna.get(both.at("guest", "/page")).status_code == 200)
        both.edge.arrived()
        for path in ("/page", "/oauth2", "/sign-in", "/oauth2/../page"):
            assert anna.get(both.at("login", path), headers=PAGE).status_code == 404, path
        assert both.edge.arrived() == []


def test_without_the_guard_nobody_comes_in(tmp_path: Path) -> None:
    with running(tmp_path) as both, both.signed_in() as anna:
        assert both.edge.guard
        both.edge.guard.kill()
        both.edge.arrived()
        for host in ("voice1", "bare", "anybody1"):
            assert anna.get(both.at(host, "/work")).status_code == 500
        assert both.edge.upstream.seen()["begun"] == 0
