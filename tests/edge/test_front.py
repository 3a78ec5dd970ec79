"""Whom the edge believes, and that HTTP/2 is the same front door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.edging import Edging, edging, planned
from tests.edge.http2 import ask
from tests.edge.raw import exchange, head, statuses

CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        (CLIENT, CLIENT),
        (f"198.51.100.6, {CLIENT}", CLIENT),  # what the client said itself comes before what the proxy saw
        (f"10.9.9.9, {CLIENT}", CLIENT),
    ],
)
def test_a_proxy_that_is_trusted_says_who_asks(tmp_path: Path, told: str, client: str) -> None:
    with edging(tmp_path, planned(trusted_proxies=["127.0.0.0/8"]), guarded=True) as edge:
        edge.arrived()
        sent = head("GET /x HTTP/1.1", f"X-Forwarded-For: {told}", "X-Forwarded-Proto: https")
        assert statuses(exchange(edge.port, sent)) == [200]
        (request,) = edge.arrived()
        assert request["headers"]["x-forwarded-for"].startswith(told)
        assert request["headers"]["x-forwarded-proto"] == "https"
        guard = edge.guard
        assert guard
        edge.wait_until(lambda _: any(entry["path"] == "/x" for entry in guard.log()))
        (entry,) = [entry for entry in guard.log() if entry["path"] == "/x"]
        assert entry["client_ip"] == client


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    with edging(tmp_path_factory.mktemp("http2"), planned(), guarded=True) as running:
        yield running


USUAL = [(":method", "GET"), (":scheme", "http"), (":authority", "voice.localhost"), (":path", "/x")]


def changed(**to: str) -> list[tuple[str, str]]:
    return [(name, to.get(name.strip(":"), value)) for name, value in USUAL]


def test_http2_is_let_in_as_the_usual_request_is(edge: Edging) -> None:
    edge.arrived()
    assert ask(edge.port, USUAL) == 200, "so that the others mean something"
    (request,) = edge.arrived()
    assert (request["method"], request["target"], request["headers"]["host"]) == ("GET", "/x", "voice.localhost")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (changed(path="/a%2fb"), 400),
        (changed(path="/a%00b"), 400),
        (changed(path="/a\\b"), 400),
        (changed(path="/..;/b"), 400),
        (changed(method="TRACE"), 405),
        (changed(authority="else.localhost"), 404),
        ([*USUAL, ("x_forwarded_for", "203.0.113.9")], 400),
        ([*USUAL, ("x.forwarded.for", "203.0.113.9")], 400),
        ([*USUAL, ("x", "a" * 40_000)], None),
        # What HTTP/1.1 would take for another request, were it let through to where HTTP/1.1 is spoken.
        ([*USUAL, ("x", "a\r\nHost: vault.localhost")], None),
        ([*USUAL, ("x\r\nhost: vault.localhost", "a")], None),
        ([*USUAL, ("x", "a\nb")], None),
        ([*USUAL, ("x", "a\0b")], None),
        ([*USUAL, ("X", "a")], None),
        ([*USUAL, ("x y", "a")], None),
        ([*USUAL, ("transfer-encoding", "chunked")], None),
        ([*USUAL, ("connection", "x-pulumi-tts-pool")], None),
        ([*USUAL, ("upgrade", "websocket")], None),
        ([*USUAL, (":path", "/y")], None),
        ([*USUAL, (":authority", "else.localhost")], None),
        ([*USUAL[:3], ("x", "a"), USUAL[3]], None),
        (changed(path="/x HTTP/1.1\r\nHost: vault.localhost"), None),
        (changed(path="x"), None),
        (changed(path=""), None),
        (changed(method="GET /y HTTP/1.1\r\nX:"), None),
        (changed(authority="voice.localhost\r\nX: y"), None),
        (USUAL[1:], None),
    ],
    ids=repr,
)
def test_what_is_refused_is_refused_in_http2_too(
    edge: Edging, headers: list[tuple[str, str]], status: int | None
) -> None:
    edge.arrived()
    answered = ask(edge.port, headers)
    assert answered == status if status else answered in (None, 400, 404), answered
    assert edge.arrived() == []
