"""What nobody may ask, asked of the real edge with the real guard behind it: each refused, and nothing gets through.

Where the edge takes a strange shape, it takes it in one reading, and sends it on in the usual form: those rows say what
has to arrive.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

import pytest

from pulumi_tts.plan.auth import USER_HEADER
from pulumi_tts.plan.guard import POOL_HEADER
from pulumi_tts.plan.routes import Route
from pulumi_tts.render.traefik import WHOLE
from tests.edge.edging import Edging, edging, planned
from tests.edge.raw import Asker, exchange, head, statuses

VOICE, STUDIO, VAULT, SAFE = (f"tts-test-{pool}-1" for pool in ("voice", "studio", "vault", "safe"))
INSTANCE = "upstream"
"""Where routes that no guard is behind lead, the keeper's too."""

POOLS: list[dict[str, Any]] = [
    {
        "name": "voice",
        "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"},
        "slots": 64,
        "guard": {"upload": "16m"},
    },
    {"name": "asking", "routes": {"pool": "asking.{domain}", "encoded": ["slash", "percent"]}, "slots": 64},
    {"name": "studio", "engine": "studio", "routes": {"path": "/studio"}},
    {"name": "vault", "routes": {"path": "/vault", "pool": "vault.{domain}"}, "slots": 64, "auth": "basic"},
    {"name": "safe", "routes": {"path": "/safe"}, "auth": "api_keys"},
]
PROTECTED = ("vault", "safe", "keeper", "dashboard")
"""The routes that have a login: their names, or what those begin with."""


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    auth = {"users": [{"name": "somebody"}], "api_keys": [{"name": "app"}]}
    with edging(tmp_path_factory.mktemp("forbidden"), planned(*POOLS, auth=auth), guarded=True) as running:
        yield running


def arriving(edge: Edging, *parts: bytes, patience: float = 0.5) -> tuple[bytes, list[dict[str, Any]]]:
    """What comes back for these bytes, and the requests that came through meanwhile."""
    edge.arrived()
    answer = exchange(edge.port, *parts, patience=patience)
    # What comes after it shows that nothing of it is still on its way.
    assert statuses(exchange(edge.port, head("GET /after HTTP/1.1"))) == [200]
    return answer, [request for request in edge.arrived() if request["target"] != "/after"]


# ---- refused


@dataclass(frozen=True)
class Row:
    """A shape, what is answered to it, and why it is one to refuse."""

    shape: str
    sent: bytes
    status: int
    """0: it hangs up without an answer."""
    why: str


def path(target: str, status: int, why: str, host: str = "voice.localhost") -> Row:
    return Row(f"{host} {target!r}", head(f"GET {target} HTTP/1.1", host=host), status, why)


def header(*lines: str, status: int, why: str) -> Row:
    return Row(repr(lines)[:60], head("GET /x HTTP/1.1", *lines), status, why)


def body(line: str, sent: bytes, status: int, why: str, *, method: str = "POST /x HTTP/1.1") -> Row:
    return Row(f"{line!r} {sent[:24]!r}", head(method, line) + sent, status, why)


ENCODED = "what it stands for separates the parts of a path, and not everybody decodes it at the same time"
PATHS = [
    *(path(f"/a%{code}b", 400, ENCODED) for code in ("2f", "2F", "5c", "5C", "00", "3b", "3B", "25", "3f", "23")),
    path("/..%2fvault/x", 400, ENCODED),
    path("/%2e%2e%2fvault", 400, ENCODED),
    path("/a%252fb", 400, "decoded twice, it is a slash"),
    path("/a\\b", 400, "browsers and Windows take it for a slash"),
    path("/a#b", 400, "a fragment is never sent"),
    path("/a\x00b", 400, "ends a text in C"),
    path("/a\x7fb", 400, "is no character of a URL"),
    path("/a b", 400, "the line would have four parts"),
    path("/a%zz", 400, "is no percent-encoding"),
    path("/a%2", 400, "is half a percent-encoding"),
    path("a", 400, "a path begins with a slash"),
    path("*", 400, "is for OPTIONS alone"),
    path("/..;/vault", 400, "a dot segment to Java and to Envoy, and none to others"),
    path("/a/.;x=y/vault", 400, "likewise"),
    path("/studio/..;/vault/x", 400, "likewise, under a prefix", "localhost"),
    path("/studio/..%3b/vault/x", 400, ENCODED, "localhost"),
    *(
        path(neighbour, 404, "is not under the prefix", "localhost")
        for neighbour in ("/studio-two", "/studio;x", "/studio;/x", "/studio..", "/studio../x", "/studio%2e%2e/x")
    ),
    path("/STUDIO/x", 404, "a path's case matters", "localhost"),
    path("/studio%2fx", 404, "no prefix holds an encoded slash", "localhost"),
    path("/studio\\x", 404, "nor a backslash", "localhost"),
    path("/studio/../x", 404, "leads out of the prefix", "localhost"),
    path("/studio/%2e%2e/x", 404, "likewise, encoded", "localhost"),
    path("/studio/%2E./x", 404, "likewise, in part", "localhost"),
    path("/studio/a/../../x", 404, "likewise, by two steps", "localhost"),
]

PROTECTED_PATHS = [
    *(
        path(target, 401, "comes to the login, in whatever way it is written", "localhost")
        for target in (
            *("/vault", "/vault/", "/vault/x", "//vault//x", "/./vault/x", "/studio/../vault/x"),
            *("/studio/%2e%2e/vault/x", "/x/%2E%2e/vault/x", "/%76ault/x", "/v%61ult/x", "/vault/y/../x"),
            *("/safe", "/safe/x", "//safe//x", "/studio/../safe/x", "/%73afe/%2e/x", "/safe/%2e%2e/vault/x"),
        )
    ),
    *(
        path(target, 404, "is no route", "localhost")
        for target in ("/VAULT/x", "/Vault/x", "/vault../x", "/vault;/x", "/vault%20/x", "/studio/../vault/../vaults")
    ),
    *(
        path(target, 401, "the dashboard's host has nothing without a login", "dashboard.localhost")
        for target in (
            *(
                "/",
                "/api/rawdata",
                "/keeper",
                "/keeper/",
                "/keeper/status",
                "//keeper//status",
                "/keeper../api/rawdata",
            ),
            *("/keeper/../api/rawdata", "/keeper/%2e%2e/api/rawdata", "/keeper%2e%2e/api", "/KEEPER/status"),
        )
    ),
    *(
        path(target, 400, ENCODED, "dashboard.localhost")
        for target in ("/keeper%2fstatus", "/keeper/..%2fapi/rawdata", "/keeper/..;/api", "/keeper%00/status")
    ),
]

HOSTS = [
    *(
        Row(f"Host: {host!r}", head("GET /x HTTP/1.1", host=host), status, why)
        for host, status, why in (
            ("else.localhost", 404, "is not ours"),
            ("", 404, "is no name"),
            ("voice.localhost,else.localhost", 404, "is not one name"),
            ("voice%2elocalhost", 404, "a name has no percent-encoding"),
            ("voice.localhost..", 404, "has an empty label"),
            ("[::1]", 404, "is an address"),
            ("127.0.0.1", 404, "is an address"),
            ("voice.localhost/x", 400, "has a path"),
            ("somebody@voice.localhost", 400, "has a user"),
            ("voice.localhost#x", 400, "has a fragment"),
            ("voice.localhost\\x", 400, "has a backslash"),
        )
    ),
    Row("two hosts", head("GET /x HTTP/1.1", "Host: else.localhost"), 400, "which one?"),
    Row("two hosts, the same", head("GET /x HTTP/1.1", "Host: voice.localhost"), 400, "is two all the same"),
    Row("no host", head("GET /x HTTP/1.1", host=None), 400, "HTTP/1.1 asks for one"),
    Row("no host, HTTP/1.0", head("GET /x HTTP/1.0", host=None), 404, "leads nowhere"),
    Row("absolute, of another", head("GET http://else.localhost/x HTTP/1.1"), 404, "the line goes before Host"),
    Row("opaque", head("GET http:voice.localhost HTTP/1.1"), 400, "is no URL with a path"),
]

SMUGGLED = head("GET /vault/smuggled HTTP/1.1", host="localhost", close=False)
CHUNKED = "Transfer-Encoding: chunked"
NOT_ONE = "where it ends depends on who reads it"
FRAMES = [
    *(
        body(f"Transfer-Encoding: {coding}", b"0\r\n\r\n", status, NOT_ONE)
        for coding, status in (
            *(("xchunked", 501), ("chunked, identity", 501), ("identity, chunked", 501), ("chunked, chunked", 501)),
            *(("gzip, chunked", 501), ("identity", 501), ("", 501), ("chunked;q=1", 501), ('"chunked"', 501)),
            *(("\x0bchunked", 400), ("chunked\x00", 400)),
        )
    ),
    body("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n", 501, NOT_ONE),
    body("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n", 501, NOT_ONE),
    body("Transfer-Encoding: xchunked\r\nContent-Length: 5", b"0\r\n\r\n", 501, NOT_ONE),
    body("Transfer-Encoding : chunked", b"0\r\n\r\n" + SMUGGLED, 400, "no space before a colon"),
    body("X: y\r\n\tTransfer-Encoding : chunked\r\nContent-Length : 5", b"0\r\n\r\n", 400, "nor in a folded line"),
    body("Transfer_Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n", 400, "is Transfer-Encoding to some"),
    body("Content-Length: 5\r\nContent-Length: 6", b"abcdef", 400, NOT_ONE),
    *(
        body(f"Content-Length: {length}", b"abcde", 400, "is no length")
        for length in ("5, 5", "5, 6", "+5", "-5", "-1", "0x5", "5 5", "5.0", "99999999999999999999", "", "5\x00")
    ),
    Row("obs-fold, first", b"GET /x HTTP/1.1\r\n X: y\r\nHost: voice.localhost\r\n\r\n", 400, "folds the request line"),
    header("X: a\rY: b", status=400, why="a bare CR ends a line to some"),
    header("X : a", status=400, why="no space before a colon"),
    header("X", status=400, why="has no colon"),
    header(": a", status=400, why="has no name"),
    header("X: a\x00b", status=400, why="ends a text in C"),
    header("X: a\x01b", status=400, why="a control character"),
    header("X\x00: a", status=400, why="a NUL in a name"),
    header("X\xe4: a", status=400, why="no ASCII"),
    Row("blank line first", b"\r\n" + head("GET /x HTTP/1.1"), 400, "a request begins with its line"),
    Row("tabs", b"GET\t/x\tHTTP/1.1\r\nHost: voice.localhost\r\n\r\n", 400, "spaces part the line"),
    Row("two spaces", b"GET  /x  HTTP/1.1\r\nHost: voice.localhost\r\n\r\n", 400, "one space parts it"),
    Row("HTTP/0.9", b"GET /an-address-of-some-length\r\n\r\n", 400, "has no headers, and so no host"),
    Row("http/1.1", head("GET /x http/1.1"), 400, "is written in capitals"),
    Row("HTTP/2.0", head("GET /x HTTP/2.0"), 505, "is no text"),
    header("Expect: something", status=417, why="nobody knows what"),
]

METHODS = [
    *(
        Row(f"{method} {host}", head(f"{method} {target} HTTP/1.1", host=host), status, why)
        for method, target, host, status, why in (
            ("TRACE", "/x", "voice.localhost", 405, "answers with what it was sent, secrets included"),
            ("TRACE", "/x", "voice1.localhost", 405, "where no guard is behind, too"),
            ("TRACE", "/x", "dashboard.localhost", 405, "and on the dashboard's host"),
            ("TRACE", "/x", "nowhere.localhost", 405, "and on any other"),
            ("CONNECT", "/x", "voice.localhost", 501, "asks for a tunnel"),
            ("CONNECT", "voice.localhost:80", "voice.localhost:80", 501, "asks for a tunnel"),
            ("CONNECT", "127.0.0.1:22", "127.0.0.1:22", 501, "asks for a tunnel elsewhere"),
            ("trace", "/x", "voice.localhost", 400, "is no method that Envoy knows"),
            ("FOO", "/x", "voice.localhost", 400, "likewise"),
            ("PRI", "/x", "voice.localhost", 400, "begins HTTP/2"),
        )
    ),
    Row("method with a control", head("GE\x01T /x HTTP/1.1"), 400, "is no token"),
]

ALIASES = [
    header(f"{name}: studio", status=400, why="many a program reads it as the one with hyphens")
    for name in (
        *("X_Pulumi_Tts_Pool", "X-Pulumi_Tts-Pool", "X.Pulumi.Tts.Pool", "X_Pulumi_Tts_User", "X.Pulumi.Tts.User"),
        *("X_Forwarded_For", "X.Forwarded.For", "X_Real_Ip", "Content_Length", "X+Forwarded+For", "X~Real~Ip"),
    )
]

SIZES = [
    header(f"X: {'a' * 40_000}", status=431, why="more than 32 KiB of headers"),
    Row("a long path", head(f"GET /{'a' * 40_000} HTTP/1.1"), 431, "more than 32 KiB with its line"),
    Row("5 000 headers", head("GET /x HTTP/1.1", *["a: b"] * 5_000), 431, "more than 32 KiB of headers"),
    Row("120 headers", head("GET /x HTTP/1.1", *[f"X-{n}: a" for n in range(120)]), 431, "the guard takes 100"),
    # The guard hears of it once the edge has as much as it reads ahead.
    body(f"Content-Length: {17 * 1024 * 1024}", b"x" * 2 * WHOLE, 413, "more than the pool's guard.upload"),
    Row(
        "17 MiB in chunks",
        head("POST /x HTTP/1.1", CHUNKED) + b"100000\r\n%s\r\n" % (b"x" * 0x100000) * 17 + b"0\r\n\r\n",
        413,
        "more than the pool's guard.upload, told by counting",
    ),
]

UPGRADES = [
    header("Connection: Upgrade", f"Upgrade: {protocol}", status=403, why="only WebSockets")
    for protocol in ("foo", "TLS/1.0", "websocket/13")
]

REFUSED = [*PATHS, *PROTECTED_PATHS, *HOSTS, *FRAMES, *METHODS, *ALIASES, *SIZES, *UPGRADES]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.shape)
def test_it_is_refused_and_nothing_arrives(edge: Edging, row: Row) -> None:
    answer, arrived = arriving(edge, row.sent)
    assert statuses(answer)[:1] == ([row.status] if row.status else []), f"{row.why}: {answer[:300]!r}"
    assert arrived == [], row.why


BROKEN = [
    (b"5;a\nabcde\r\n0\r\n\r\n", "an extension that ends in a bare LF"),
    (b"5;a\rb\r\nabcde\r\n0\r\n\r\n", "an extension with a bare CR"),
    (b"5;" + b"a" * 20_000 + b"\r\nabcde\r\n0\r\n\r\n", "an extension of 20 000 characters"),
    (b"5\nabcde\n0\n\n", "bare LFs"),
    (b"5\r\nabcdeXX0\r\n\r\n", "more than it says"),
    (b"-5\r\nabcde\r\n0\r\n\r\n", "a negative size"),
    (b"0x5\r\nabcde\r\n0\r\n\r\n", "a size in C"),
    (b" 5\r\nabcde\r\n0\r\n\r\n", "a space before the size"),
    (b"\r\nabcde\r\n0\r\n\r\n", "no size"),
    (b"zz\r\nabcde\r\n0\r\n\r\n", "no number"),
    (b"FFFFFFFFFFFFFFFFFF\r\nabcde\r\n0\r\n\r\n", "a size of more than 64 bits"),
]


@pytest.mark.parametrize(("sent", "what"), BROKEN, ids=[what for _, what in BROKEN])
def test_a_chunk_that_is_none_ends_the_request_and_no_engine_has_it_whole(edge: Edging, sent: bytes, what: str) -> None:
    # Uploads pass as they come, so the engine has seen the request begin; what it never sees is its end.
    answer, arrived = arriving(edge, head("POST /x HTTP/1.1", CHUNKED, close=False) + sent + SMUGGLED)
    assert statuses(answer) in ([500], [400]), f"{what}, and nothing after it is read"
    assert arrived == []


# ---- taken, in one reading


@dataclass(frozen=True)
class Taken:
    """A shape that the edge takes, and what has to arrive of it: at whom, method, target, bytes of body."""

    shape: str
    sent: bytes
    statuses: tuple[int, ...]
    arrives: tuple[tuple[str, str, str, int], ...]
    why: str


TAKEN = [
    Taken(
        "CL.TE",
        head("POST /x HTTP/1.1", f"Content-Length: {5 + len(SMUGGLED)}", CHUNKED, close=False)
        + b"0\r\n\r\n"
        + SMUGGLED,
        (200, 401),
        ((VOICE, "POST", "/x", 0),),
        "chunks count; what comes after them is a request of its own, and comes to the login",
    ),
    Taken(
        "TE.CL",
        head("POST /x HTTP/1.1", "Content-Length: 4", CHUNKED) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
        (200,),
        ((VOICE, "POST", "/x", len(SMUGGLED)),),
        "chunks count, and what is in one is no request",
    ),
    Taken(
        "TE in HTTP/1.0",
        head("POST /x HTTP/1.0", "Connection: keep-alive", CHUNKED, "Content-Length: 5", close=False)
        + b"0\r\n\r\n"
        + SMUGGLED,
        (200, 401),
        ((VOICE, "POST", "/x", 5),),
        "HTTP/1.0 has no chunks; again what comes after is a request of its own",
    ),
    Taken(
        "Content-Length twice, the same",
        head("POST /x HTTP/1.1", "Content-Length: 5", "Content-Length: 5") + b"abcde",
        (200,),
        ((VOICE, "POST", "/x", 5),),
        "RFC 9110, 8.6, lets one be taken for both",
    ),
    Taken(
        "GET with a body",
        head("GET /x HTTP/1.1", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
        (200,),
        ((VOICE, "GET", "/x", len(SMUGGLED)),),
        "a body is a body, and no request",
    ),
    Taken(
        "bare LF",
        b"GET /x HTTP/1.1\nHost: voice.localhost\nX: a\nConnection: close\n\n",
        (200,),
        ((VOICE, "GET", "/x", 0),),
        "RFC 9112, 2.2, lets it end a line of the head; it goes on with CRLF",
    ),
    Taken(
        "obs-fold",
        b"GET /x HTTP/1.1\r\nHost: voice.localhost\r\nX: a\r\n b: c\r\nConnection: close\r\n\r\n",
        (200,),
        ((VOICE, "GET", "/x", 0),),
        "RFC 9112, 5.2, lets it be one line, which it is when it goes on",
    ),
    Taken(
        "chunk extension",
        head("POST /x HTTP/1.1", CHUNKED) + b"5;a=b\r\nabcde\r\n0\r\n\r\n",
        (200,),
        ((VOICE, "POST", "/x", 5),),
        "is no part of the body, and does not go on",
    ),
    Taken(
        "trailers",
        head("POST /x HTTP/1.1", CHUNKED, f"Trailer: {POOL_HEADER}") + b"0\r\n%s: vault\r\n\r\n" % POOL_HEADER.encode(),
        (200,),
        ((VOICE, "POST", "/x", 0),),
        "come after the choice of the pool, and change nothing",
    ),
    Taken(
        "HTTP/1.0 keep-alive",
        head("GET /x HTTP/1.0", "Connection: keep-alive", close=False) + head("GET /y HTTP/1.0"),
        (200, 200),
        ((VOICE, "GET", "/x", 0), (VOICE, "GET", "/y", 0)),
        "two requests are two",
    ),
    Taken(
        "h2c upgrade",
        head(
            "GET /x HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
            close=False,
        )
        + SMUGGLED,
        (200, 401),
        ((VOICE, "GET", "/x", 0),),
        "is answered in HTTP/1.1: no tunnel past the routes",
    ),
    Taken(
        "absolute, Host of another",
        head("GET http://voice.localhost/x HTTP/1.1", host="vault.localhost"),
        (200,),
        ((VOICE, "GET", "/x", 0),),
        "the line goes before Host (RFC 9112, 3.2.2), for the route and for the engine",
    ),
    Taken(
        "absolute, of nobody",
        head("GET http:///x HTTP/1.1"),
        (200,),
        ((VOICE, "GET", "/x", 0),),
        "Host says whose it is, for the route and for the engine",
    ),
    *(
        Taken(
            f"Host: {host!r}",
            head("GET /x HTTP/1.1", host=host),
            (200,),
            ((VOICE, "GET", "/x", 0),),
            "is the same name, and the same route",
        )
        for host in ("voice.localhost:1", "VOICE.localhost", "voice.localhost.", " voice.localhost ")
    ),
    *(
        Taken(
            f"path {written!r}",
            head(f"GET {written} HTTP/1.1", host="localhost"),
            (200,),
            ((STUDIO, "GET", arrives, 0),),
            "is made plain before a route is looked for, so that what was matched is what arrives",
        )
        for written, arrives in (
            ("//studio//x", "/x"),
            ("/studio/./x", "/x"),
            ("/vault/../studio/x", "/x"),
            ("/%73tudio/x", "/x"),
            ("/studio/x/%2e%2e/y", "/y"),
            ("/studio/;x", "/;x"),
        )
    ),
    Taken(
        "what a route asks for",
        head("GET /a%2Fb%25c HTTP/1.1", host="asking.localhost"),
        (200,),
        (("tts-test-asking-1", "GET", "/a%2Fb%25c", 0),),
        "arrives as it was, at the guard's instance too",
    ),
]


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.shape)
def test_it_is_taken_in_one_reading(edge: Edging, row: Taken) -> None:
    answer, arrived = arriving(edge, row.sent)
    assert tuple(statuses(answer)) == row.statuses, row.why
    got = [(request["at"], request["method"], request["target"], request["body"]) for request in arrived]
    assert tuple(got) == row.arrives, row.why
    for request in arrived:
        # One frame, in which nothing of the client's is left to be read in another way.
        assert not {"content-length", "transfer-encoding"} <= set(request["headers"])
        assert not {"te", "upgrade", "http2-settings", "keep-alive", POOL_HEADER.lower()} & set(request["headers"])
        assert request["headers"]["host"].strip().casefold().startswith(("voice", "localhost", "asking"))


def test_a_route_that_asked_for_some_characters_has_no_others(edge: Edging) -> None:
    for code in ("00", "5c", "3b", "3f", "23"):
        answer, arrived = arriving(edge, head(f"GET /a%{code} HTTP/1.1", host="asking.localhost"))
        assert statuses(answer) == [400]
        assert arrived == []


LEGITIMATE = [
    "/gradio_api/file=/tmp/gradio/0a1b2c/audio.wav",
    "/gradio_api/file=/tmp/gradio/0a1b2c/what%20a%20name%20(1).wav",
    "/gradio_api/queue/data?session_hash=abc123",
    "/gradio_api/upload_progress?upload_id=x1",
    "/theme.css?v=0123456789abcdef",
    "/assets/index-B2c_-4.js",
    "/static/fonts/IBMPlexMono/IBMPlexMono-Regular.woff2",
    "/gradio_api/proxy=x?url=https%3A%2F%2Fexample.com%2F..%2Fa%3Bb&a=b&a=c",
    "/v1/audio/speech?text=%E4%BD%A0%E5%A5%BD%2C%20[n%C7%90]",
    "/%E5%A3%B0%E9%9F%B3.wav",
    "/a,b;c=d/e:f@g!h$i&j'k(l)m*n+o~p_q-r.s",
    "/v1/models/voice",
]
"""What pages of Gradio and clients of OpenAI's API ask for."""


@pytest.mark.parametrize("target", LEGITIMATE)
def test_what_pages_and_clients_ask_for_arrives_as_it_was(edge: Edging, target: str) -> None:
    for line, host, at in (
        (target, "voice.localhost", VOICE),
        (target, "voice1.localhost", INSTANCE),
        (f"/studio{target}", "localhost", STUDIO),
    ):
        answer, (request,) = arriving(edge, head(f"GET {line} HTTP/1.1", host=host))
        assert statuses(answer) == [200]
        assert (request["at"], request["target"]) == (at, target)


def test_a_semicolon_in_a_text_does_not_end_it(edge: Edging) -> None:
    _, (request,) = arriving(edge, head("GET /speak?text=one;two&voice=x HTTP/1.1"))
    assert request["target"] == "/speak?text=one%3Btwo&voice=x", "some take it for what parts parameters, & for others"


# ---- headers by which programs are told who asks, and for what


TOLD = [
    *(
        "X-Forwarded-For",
        "X-Real-Ip",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
    ),
    *("X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Scheme", "Forwarded"),
    *("X-Forwarded-Tls-Client-Cert", "X-Original-Url", "X-Rewrite-Url", "Proxy", "X-Request-Id"),
    USER_HEADER,
]
TOLD_ENVOY = ["X-Envoy-Original-Path", "X-Envoy-External-Address", "X-Envoy-Max-Retries", "X-Envoy-Internal"]


@pytest.mark.parametrize("host", ["voice.localhost", "voice1.localhost", "localhost"])
def test_what_a_client_says_of_itself_reaches_no_engine(edge: Edging, host: str) -> None:
    line = "GET /studio/x HTTP/1.1" if host == "localhost" else "GET /x HTTP/1.1"
    told = [*TOLD, *(TOLD_ENVOY if host != "voice1.localhost" else [])]
    sent = head(line, *[f"{name}: told-by-the-client" for name in told], f"{POOL_HEADER}: vault", host=host)
    answer, (request,) = arriving(edge, sent)
    assert statuses(answer) == [200]
    assert request["at"] == {"voice.localhost": VOICE, "voice1.localhost": INSTANCE, "localhost": STUDIO}[host]
    assert not [name for name, value in request["headers"].items() if "told-by-the-client" in value]
    assert POOL_HEADER.lower() not in request["headers"] or host == "voice1.localhost"
    assert request["headers"]["x-forwarded-host"] == host
    assert request["headers"]["x-forwarded-proto"] == "http"
    assert request["headers"]["x-forwarded-for"].startswith("127.0.0.1")
    assert request["headers"]["x-real-ip"] == "127.0.0.1"


def test_the_guards_log_has_the_client_that_the_edge_saw(edge: Edging) -> None:
    arriving(edge, head("GET /who-asks HTTP/1.1", "X-Forwarded-For: 203.0.113.7", "X-Real-Ip: 203.0.113.7"))
    assert edge.guard
    edge.wait_until(lambda _: any(entry["path"] == "/who-asks" for entry in edge.guard.log()))  # type: ignore[union-attr]
    (entry,) = [entry for entry in edge.guard.log() if entry["path"] == "/who-asks"]
    assert entry["client_ip"] == "127.0.0.1"


HOP_BY_HOP = [
    POOL_HEADER,
    f"keep-alive, {POOL_HEADER}, X-Request-Id, X-Forwarded-For, X-Forwarded-Host, X-Real-Ip",
    f"close, {POOL_HEADER.lower()}",
    f"keep-alive, {USER_HEADER}",
    f"Upgrade, {POOL_HEADER}",
    "Host, Content-Length, Transfer-Encoding, Authorization",
]


@pytest.mark.parametrize("named", HOP_BY_HOP)
def test_naming_the_edges_headers_as_hop_by_hop_takes_none_away(edge: Edging, named: str) -> None:
    upgrade = ["Upgrade: websocket"] if "Upgrade" in named else []
    sent = head("GET /x HTTP/1.1", f"Connection: {named}", f"{POOL_HEADER}: vault", *upgrade, close=False)
    answer, (request,) = arriving(edge, sent)
    assert statuses(answer) == [101 if upgrade else 200]
    assert request["at"] == VOICE, "the pool is the route's, whatever the client says"
    assert request["headers"]["x-forwarded-for"].startswith("127.0.0.1")
    assert request["headers"]["x-request-id"]


def test_a_user_cannot_have_the_identity_taken_away_or_replaced(edge: Edging) -> None:
    login, guard = "Authorization: Basic c29tZWJvZHk6c2VjcmV0", edge.guard
    assert guard
    for at, told in enumerate(
        [
            [f"{USER_HEADER}: root"],
            [f"Connection: close, {USER_HEADER}", f"{USER_HEADER}: root"],
            [f"Connection: {USER_HEADER}"],
            [f"{USER_HEADER}: root", f"{USER_HEADER.upper()}: admin"],
        ]
    ):
        answer, (request,) = arriving(edge, head(f"GET /vault/as/{at} HTTP/1.1", login, *told, host="localhost"))
        assert statuses(answer) == [200]
        assert request["at"] == VAULT
        assert not {USER_HEADER.lower(), "authorization"} & set(request["headers"]), "are no business of an engine's"
    edge.wait_until(lambda _: any(entry["path"] == "/as/3" for entry in guard.log()))
    assert {entry["tenant"] for entry in guard.log() if str(entry["path"]).startswith("/as/")} == {"somebody"}


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Port"])
def test_a_redirect_leads_where_it_always_does(edge: Edging, name: str) -> None:
    for value in ("evil.example.com", "//evil.example.com", "https"):
        for target, host, credentials, location in (
            ("/studio", "localhost", "", b"/studio/"),
            ("/studio?a=//b", "localhost", "", b"/studio/?a=//b"),
            ("//studio", "localhost", "", b"/studio/"),
            ("/keeper", "dashboard.localhost", "Authorization: Basic YWRtaW46c2VjcmV0", b"/keeper/"),
            ("/", "dashboard.localhost", "Authorization: Basic YWRtaW46c2VjcmV0", b"/dashboard/"),
        ):
            sent = head(
                f"GET {target} HTTP/1.1", f"{name}: {value}", *([credentials] if credentials else []), host=host
            )
            answer = exchange(edge.port, sent)
            assert re.search(rb"\r\nLocation: ([^\r]*)\r\n", answer)[1] == location, answer[:300]  # type: ignore[index]


def test_every_answer_says_what_the_front_door_says_and_nothing_of_what_is_behind(edge: Edging) -> None:
    for target, host in (("/x", "voice.localhost"), ("/vault/x", "localhost"), ("/studio", "localhost")):
        answer = exchange(edge.port, head(f"GET {target} HTTP/1.1", host=host)).partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nx-content-type-options: nosniff" in answer
        assert b"\r\nx-frame-options: sameorigin" in answer
        assert b"\r\nreferrer-policy: strict-origin-when-cross-origin" in answer
        assert b"\r\nserver:" not in answer
        assert b"\r\nx-powered-by:" not in answer


# ---- and whatever else one may write


PARTS = [
    *("/", "/", "/", "//", "\\", "%2f", "%2F", "%5c", "%00", ";", "%3b", ";x=y", "?", "#", "%23", "%3f", "%25", "%09"),
    *(".", "..", "../", "/..", "/../", "/./", "%2e", "%2E%2e", "%2e%2e/", "..;", "..;/", ".;/", "%252e", "%c0%ae"),
    *("vault", "VAULT", "Vault", "%76ault", "v%61ult", "vault%20", "vault.", "vault..", "vault;", "vaul", "vaults"),
    *("safe", "Safe", "%73afe", "safe..", "safe;", "safe%2fx"),
    *(
        "keeper",
        "dashboard",
        "api",
        "rawdata",
        "status",
        "studio",
        "studio-two",
        "STUDIO",
        "x",
        "@",
        ":",
        "*",
        "~",
        "%",
    ),
    *("http://vault.localhost", "http://localhost", "//vault.localhost", "http://dashboard.localhost"),
]
ASKED_HOSTS = [
    *("localhost", "localhost", "voice.localhost", "dashboard.localhost", "DASHBOARD.localhost.", "vault.localhost"),
    *("vault.localhost.", "VAULT.LOCALHOST:1", "voice1.localhost", "localhost:80"),
]
HOW_MANY = 4000


def generated() -> Iterator[tuple[str, str]]:
    """Targets and hosts, the same in every run."""
    drawn = random.Random(6)
    for _ in range(HOW_MANY):
        parts = drawn.choices(PARTS, k=drawn.randint(1, 7))
        begins = "" if parts[0].startswith(("http:", "/")) else "/"
        yield begins + "".join(parts), drawn.choice(ASKED_HOSTS)


def test_of_thousands_of_paths_none_reaches_a_protected_route_without_its_login(edge: Edging) -> None:
    edge.arrived()
    asker = Asker(edge.port)
    answered: dict[int, int] = {}
    for target, host in generated():
        status, said = asker.ask(head(f"GET {target} HTTP/1.1", host=host, close=False))
        answered[status] = answered.get(status, 0) + 1
        # Traefik's own dashboard is no upstream that could say what reached it.
        assert status in (400, 401, 404) or b"traefik" not in said.lower(), (target, host)
    asker.close()
    arrived = edge.arrived()
    assert len(arrived) > HOW_MANY / 20, f"too few get through to say anything: {answered}"
    assert answered[401] > HOW_MANY / 20, f"too few come to a login: {answered}"
    for request in arrived:
        assert request["at"] not in (VAULT, SAFE), request
        assert not request["headers"]["host"].casefold().startswith(("dashboard", "vault")), request
        assert any(_leads_to(route, request) for route in edge.routes if not route.name.startswith(PROTECTED)), request


def _leads_to(route: Route, request: dict[str, Any]) -> bool:
    """Whether a request that has arrived is one for this route, and plain."""
    host = request["headers"]["host"].partition(":")[0].rstrip(".").casefold()
    target = request["target"].partition("?")[0]
    plain = target == "/" or normpath(target) == target.rstrip("/").replace("//", "/")
    at = {"voice.1": INSTANCE}.get(route.name, f"tts-test-{route.name.partition('.')[0]}-1")
    return bool(host == route.host and request["at"] == at and plain)


def test_what_a_protected_route_gives_to_those_who_have_its_login(edge: Edging) -> None:
    answer, (request,) = arriving(
        edge, head("GET /vault/x HTTP/1.1", "Authorization: Basic c29tZWJvZHk6c2VjcmV0", host="localhost")
    )
    assert statuses(answer) == [200], "so that all the others mean something"
    assert (request["at"], request["target"]) == (VAULT, "/x")


def test_a_file_of_the_edges_that_is_not_right_does_not_open_the_door(edge: Edging, tmp_path: Path) -> None:
    """The front door's file is one of several; without it, routes that count on it are shut rather than open."""
    front = edge.folder / "files" / "front.yml"
    front.replace(tmp_path / "front.yml")
    try:
        edge.wait_until(lambda client: client.get("/x", headers={"Host": "voice.localhost"}).status_code == 404)
        edge.arrived()
        assert statuses(exchange(edge.port, head("GET /a%2fb HTTP/1.1"))) == [404]
        assert edge.arrived() == []
    finally:
        (tmp_path / "front.yml").replace(front)
        edge.wait_until(lambda client: client.get("/x", headers={"Host": "voice.localhost"}).status_code == 200)
