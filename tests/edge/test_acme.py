"""Certificates by ACME: ordered from a real server by the real Traefik, renewed in time, and never ordered again."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pulumi_tts.config.pem import names_of
from pulumi_tts.plan import StackPlan
from pulumi_tts.render.traefik_tls import acme_file
from tests.edge.edging import Edging, edging, planned
from tests.edge.pebble import CREDENTIAL, Pebble, dns_provider, running_pebble
from tests.waiting import wait_for

DOMAIN = "voice.test"
VOICE, INSTANCE = f"voice.{DOMAIN}", f"voice2.{DOMAIN}"
POOL = {"name": "voice", "instances": 2, "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"}}
PATIENCE = 60
"""Seconds for an order of three certificates, on a machine that has other things to do."""

RENEWED_BEFORE = 20 * 60
"""Seconds before its end that Traefik renews a certificate which lasts less than a day."""


def ordered(server: Pebble, *pools: dict[str, Any], **acme: Any) -> StackPlan:
    """The plan of a stack whose certificates come from this server, where the server looks for it."""
    asked = {"email": "ops@voice.test", "server": server.directory, "ca": server.ca, **acme}
    tls = {"port": server.https, "letsencrypt": asked}
    return planned(*(pools or (POOL,)), domain=DOMAIN, port=server.http, tls=tls, unprotected=["login"])


@contextmanager
def fronting(folder: Path, plan: StackPlan, **secrets: str) -> Iterator[Edging]:
    """An edge that has the certificates of all its names."""
    with edging(folder, plan, secrets) as edge:
        try:
            wait_for(lambda: all(edge.shown(host) for host in hosts(plan)), PATIENCE)
        except AssertionError:
            print(edge.log()[-6000:])
            raise
        yield edge


def hosts(plan: StackPlan) -> set[str]:
    assert plan.edge.dashboard
    return {route.host for route in plan.routes} | {plan.edge.dashboard.host}


def kept(edge: Edging, server: Pebble) -> Path:
    """The file of what this server gave."""
    return Path(edge.layout.acme) / acme_file(server.directory)


def names(edge: Edging, host: str) -> set[str]:
    return set(names_of(certificate(edge, host)))


def certificate(edge: Edging, host: str) -> x509.Certificate:
    pem = edge.shown(host)
    assert pem
    return x509.load_pem_x509_certificate(pem.encode())


def test_it_renews_in_time_by_itself(tmp_path: Path) -> None:
    with (
        running_pebble(tmp_path, lasting=RENEWED_BEFORE + 5) as server,
        fronting(tmp_path, ordered(server, {"name": "voice"}, lasts="1h")) as edge,
    ):
        first, process = certificate(edge, VOICE).serial_number, edge.process
        account = json.loads(kept(edge, server).read_text())["acme"]["Account"]
        assert account["Email"] == "ops@voice.test"
        # Traefik looks once a minute.
        wait_for(lambda: certificate(edge, VOICE).serial_number != first, 150)
        assert edge.process is process, "the same Traefik"
        with edge.https(VOICE, ca=server.root()) as client:
            assert client.get("/echo").status_code == 200


@pytest.mark.parametrize("challenge", ["tls_alpn", "http"])
def test_each_name_gets_a_certificate_and_no_restart_or_replacement_orders_another(
    tmp_path: Path, challenge: str
) -> None:
    with running_pebble(tmp_path, challenge) as server:
        plan = ordered(server, challenge=challenge)
        with fronting(tmp_path, plan) as edge:
            assert server.orders() == 3, "the pool's, the dashboard's, and one for the instances"
            with edge.https(VOICE, ca=server.root()) as client:
                assert client.get("/echo").status_code == 200
            assert names(edge, VOICE) == {VOICE}
            assert names(edge, INSTANCE) == {f"voice1.{DOMAIN}", INSTANCE}
            assert edge.shown(f"else.{DOMAIN}") is None
            assert stat.S_IMODE(kept(edge, server).stat().st_mode) == 0o600
            before = edge.shown(VOICE)
            edge.write(plan)
            edge.stop()
            edge.start(plan)
            wait_for(lambda: edge.shown(VOICE) == before)
            # What a replaced edge is: the same volume, another of everything else.
            edge.stop()
            (edge.folder / "files" / "tls.yml").unlink()
            edge.start(plan)
            wait_for(lambda: edge.shown(VOICE) == before and edge.shown(INSTANCE) is not None)
            assert server.orders() == 3
            edge.write(ordered(server, {**POOL, "instances": 3}, challenge=challenge))
            wait_for(lambda: edge.shown(f"voice3.{DOMAIN}") is not None, PATIENCE)
            assert server.orders() == 4, "an instance more: the instances' own certificate, and no other"
            assert edge.shown(VOICE) == before


def test_another_server_gives_certificates_of_its_own_and_what_the_first_gave_is_kept(tmp_path: Path) -> None:
    """As when trials are over: who trusts the other server trusts nothing that the first one signed."""
    folders = [tmp_path / name for name in ("trial", "real", "edge")]
    for folder in folders:
        folder.mkdir()
    with running_pebble(folders[0]) as trial, running_pebble(folders[1], beside=trial) as real:
        first, then = (ordered(server, {"name": "voice"}) for server in (trial, real))
        with fronting(folders[2], first) as edge:
            before = edge.shown(VOICE)
            edge.stop()
            edge.start(then)
            wait_for(lambda: edge.shown(VOICE) not in (None, before), PATIENCE)
            with edge.https(VOICE, ca=real.root()) as client:
                assert client.get("/echo").status_code == 200
            edge.stop()
            edge.start(first)
            wait_for(lambda: edge.shown(VOICE) == before)
            assert trial.orders() == 2, "the pool's and the dashboard's, once"


def test_a_wildcard_comes_by_dns_with_a_secret_that_is_a_file(tmp_path: Path) -> None:
    with running_pebble(tmp_path, "dns") as server, dns_provider(server) as url:
        credentials = {
            "HTTPREQ_ENDPOINT": url,
            "HTTPREQ_USERNAME": "edge",
            "HTTPREQ_PASSWORD": {"secret": "dnsPassword"},
        }
        dns = {"provider": "httpreq", "credentials": credentials, "wait": "1s"}
        plan = ordered(server, challenge={"dns": dns}, wildcard=True)
        with fronting(tmp_path, plan, dnsPassword=CREDENTIAL) as edge:
            assert server.orders() == 1
            for host in (VOICE, INSTANCE, f"else.{DOMAIN}"):
                assert names(edge, host) == {DOMAIN, f"*.{DOMAIN}"}
            assert edge.process
            told = Path(f"/proc/{edge.process.pid}/environ").read_text()
            assert "HTTPREQ_PASSWORD_FILE=" in told
            assert CREDENTIAL not in told
            edge.write(ordered(server, {**POOL, "instances": 9}, challenge={"dns": dns}, wildcard=True))
            wait_for(lambda: edge.shown(f"voice9.{DOMAIN}") is not None)
            assert server.orders() == 1
