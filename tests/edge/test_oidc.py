"""A login by an OpenID provider, on the real Traefik, oauth2-proxy and guard: from the first page to signing out."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_tts.plan import StackPlan
from tests.edge.edging import Edging, edging, planned
from tests.edge.provider import CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.loopback import Loopback, free_port

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
POOLS: list[dict[str, Any]] = [
    {
        "name": "voice",
        "auth": "oidc",
        "slots": 64,
        "routes": {"pool": "voice.{domain}", "instance": "voice1.{domain}", "path": "/voice"},
    },
    {"name": "studio", "engine": "studio", "auth": "oidc", "routes": {"path": "/studio"}},
    {"name": "bare", "auth": "oidc", "guard": "none"},
    {"name": "anybody", "routes": {"pool": "anybody.{domain}", "instance": "anybody1.{domain}"}},
    {"name": "keyed", "auth": "api_keys"},
]
DOMAIN = "voice.test"


def plan_of(provider: Provider, port: int, **oidc: Any) -> StackPlan:
    written = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": {"secret": "ours"},
        "allowed": {"domains": ["example.com"], "emails": ["guest@elsewhere.org"]},
        **oidc,
    }
    auth = {"oidc": written, "api_keys": [{"name": "app"}]}
    return planned(*POOLS, domain=DOMAIN, port=port, auth=auth)


@contextmanager
def running(folder: Path, **oidc: Any) -> Iterator[tuple[Edging, Provider]]:
    with providing() as provider:
        port = free_port()
        provider.redirect = f"http://login.{DOMAIN}:{port}/oauth2/callback"
        with edging(folder, plan_of(provider, port, **oidc), {"ours": CLIENT_SECRET}, guarded=True) as edge:
            yield edge, provider


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Edging, Provider]]:
    with running(tmp_path_factory.mktemp("oidc")) as started:
        yield started


def browser(**options: Any) -> httpx.Client:
    return httpx.Client(transport=Loopback(), follow_redirects=True, headers=PAGE, timeout=30, **options)


def at(edge: Edging, host: str, path: str = "/") -> str:
    return f"http://{host}.{DOMAIN}:{edge.port}{path}" if host else f"http://{DOMAIN}:{edge.port}{path}"


def test_who_opens_a_page_is_sent_to_the_provider_and_back_to_it(both: tuple[Edging, Provider]) -> None:
    edge, provider = both
    edge.arrived()
    with browser() as anna:
        answer = anna.get(at(edge, "voice", "/work?text=a%20b&x=1"))
        print([(r.url, r.status_code) for r in answer.history], answer.text[:300])
        assert answer.status_code == 200
        assert str(answer.url) == at(edge, "voice", "/work?text=a%20b&x=1")
        (arrived,) = edge.arrived()
        print(arrived)
        print(list(anna.cookies.jar))
