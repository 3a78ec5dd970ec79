"""HTTPS at the real Traefik: who gets which certificate, what clients have to speak, and where plain HTTP leads."""

import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bootstrap.test_tools import sslyze
from pulumi_tts.plan import StackPlan
from pulumi_tts.render.self_signed import self_signed
from tests.edge.edging import Edging, edging, planned
from tests.loopback import free_port
from tests.waiting import wait_for

MOZILLA = Path(__file__).with_name("mozilla")
DAY = 86_400


def secured(**tls: Any) -> StackPlan:
    """The plan of a stack with TLS, on ports that are free."""
    kind: dict[str, Any] = {} if {"certificates", "letsencrypt"} & set(tls) else {"self_signed": {}}
    return planned(domain="voice.test", port=free_port(), tls={"port": free_port(), **kind, **tls})


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edging]:
    """An edge with certificates of its own authority, as far as nothing else is said."""
    with edging(tmp_path_factory.mktemp("edge"), secured(hsts="730d")) as edge:
        wait_for(lambda: edge.shown("voice.voice.test") is not None)
        yield edge


def test_who_trusts_the_authority_reaches_a_pool_and_the_dashboard(edge: Edging) -> None:
    with edge.https("voice.voice.test") as client:
        answer = client.get("/echo")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == f"max-age={730 * DAY}"
    with edge.https("dashboard.voice.test", auth=("admin", "secret")) as client:
        assert client.get("/dashboard/").status_code == 200
    with edge.https("dashboard.voice.test") as client:
        assert client.get("/dashboard/").status_code == 401


def test_who_does_not_trust_it_is_told(edge: Edging) -> None:
    other = self_signed("another seed", "voice.test", ["voice.voice.test"], datetime.now(UTC)).ca
    with edge.https("voice.voice.test", ca=other) as client, pytest.raises(httpx.ConnectError, match="verify failed"):
        client.get("/echo")


@pytest.mark.parametrize("host", ["else.voice.test", "voice.test", "voice.voice.test.evil.test", "127.0.0.1", ""])
def test_a_name_that_is_not_ours_gets_no_certificate(edge: Edging, host: str) -> None:
    assert edge.shown(host) is None


def test_a_request_cannot_ask_for_another_host_than_its_handshake_did_not_name(edge: Edging) -> None:
    with edge.https("voice.voice.test") as client:
        assert client.get("/echo", headers={"Host": "else.voice.test"}).status_code in (404, 421)


@pytest.mark.parametrize("path", ["/", "/echo?a=b", "/v1/audio/speech"])
def test_plain_http_only_leads_to_https(edge: Edging, path: str) -> None:
    with edge.client("voice.voice.test") as client:
        answer = client.get(path)
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://voice.voice.test:{edge.layout.websecure}{path}"
        assert client.post(path).status_code == 308, "a POST stays one"
        assert "strict-transport-security" not in answer.headers


def test_http_3_is_not_offered(edge: Edging) -> None:
    with edge.https("voice.voice.test") as client:
        assert "alt-svc" not in client.get("/echo").headers


def test_no_session_can_be_read_later_with_a_key_that_was_kept(edge: Edging) -> None:
    context = ssl.create_default_context(cadata=edge.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = handshake(edge, context).session
    assert session is None or not session.has_ticket


def test_http_2_is_spoken(edge: Edging) -> None:
    context = ssl.create_default_context(cadata=edge.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(edge, context).selected_alpn_protocol() == "h2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("profile", "spoken", "found"),
    [
        ("intermediate", {"TLSv1_2", "TLSv1_3"}, set()),
        # How long a certificate lasts is for who signs it to say; the stack's own authority gives it a year.
        ("modern", {"TLSv1_3"}, {"maximum_certificate_lifespan"}),
    ],
)
def test_a_profile_is_as_mozilla_says(tmp_path: Path, profile: str, spoken: set[str], found: set[str]) -> None:
    with edging(tmp_path, secured(profile=profile)) as edge:
        wait_for(lambda: edge.shown("voice.voice.test") is not None)
        assert findings(edge, tmp_path, profile) == found
        assert {version.name for version in versions(edge)} == spoken


def test_certificates_keys_and_profile_change_while_it_runs(tmp_path: Path) -> None:
    plan = secured()
    with edging(tmp_path, plan) as edge:
        wait_for(lambda: edge.shown("voice.voice.test") is not None)
        assert edge.shown("more.voice.test") is None
        before, process = edge.shown("voice.voice.test"), edge.process
        ports = {"port": plan.edge.http_port, "tls": {"self_signed": {}, "port": plan.edge.port, "hsts": "1h"}}
        edge.write(planned({"name": "voice"}, {"name": "more"}, domain="voice.test", **ports))
        wait_for(lambda: edge.shown("more.voice.test") is not None)
        assert edge.shown("voice.voice.test") != before
        with edge.https("more.voice.test") as client:
            assert client.get("/echo").headers["strict-transport-security"] == "max-age=3600"
        assert edge.process is process
        assert process
        assert process.poll() is None


def test_given_certificates_are_shown_each_for_its_names(tmp_path: Path) -> None:
    made = {
        host: self_signed(host, "voice.test", [host], datetime.now(UTC))
        for host in ("voice.voice.test", "dashboard.voice.test")
    }
    secrets = {f"key{at}": pair.key for at, pair in enumerate(made.values())}
    given = [{"certificate": pair.certificate, "key": {"secret": f"key{at}"}} for at, pair in enumerate(made.values())]
    with edging(tmp_path, secured(certificates=given), secrets) as edge:
        wait_for(lambda: edge.shown("voice.voice.test") is not None)
        for host, pair in made.items():
            assert edge.shown(host) == pair.certificate
        with edge.https("voice.voice.test", ca=made["voice.voice.test"].ca) as client:
            assert "strict-transport-security" in client.get("/echo").headers


def handshake(edge: Edging, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", edge.layout.websecure), timeout=5)
    return context.wrap_socket(plain, server_hostname="voice.voice.test")


def versions(edge: Edging) -> set[ssl.TLSVersion]:
    """The versions of TLS that it speaks."""
    spoken = set()
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cadata=edge.ca)
        context.minimum_version = context.maximum_version = version
        try:
            handshake(edge, context).close()
        except ssl.SSLError:
            continue
        spoken.add(version)
    return spoken


def findings(edge: Edging, folder: Path, profile: str) -> set[str]:
    """What sslyze finds that is not as Mozilla's guideline says, version 6.0."""
    authority = folder / "ca.pem"
    authority.write_text(edge.ca)
    command = [sys.executable, "-m", "sslyze", "--sni", "voice.voice.test", "--certinfo_ca_file", str(authority)]
    command += ["--custom_tls_config", str(MOZILLA / f"{profile}.json"), f"127.0.0.1:{edge.layout.websecure}"]
    environment = {**os.environ, "PYTHONPATH": str(sslyze())}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    _, _, verdict = said.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    if "OK - Compliant" in verdict:
        return set()
    assert "FAILED - Not compliant" in verdict, said[-3000:]
    return set(re.findall(r"^ +\* (\w+):", verdict, re.MULTILINE))
