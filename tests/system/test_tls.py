"""HTTPS on the real engine and the real Docker: certificates that stay what they are, whatever is replaced."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from bootstrap.pulumi import Engine
from pulumi_tts.render.traefik_tls import acme_file
from tests.loopback import free_port
from tests.system.conftest import dev_like
from tests.system.deployment import Deployment

UNREACHABLE = "https://127.0.0.1:1/directory"
"""An ACME server that is not there: what is looked at is where its account would be."""


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One instance that speaks, behind HTTPS with an authority of the stack's own."""
    config = dev_like(free_port())
    config["pools"] = [{**config["pools"][0], "instances": 1, "guard": "none"}]
    config["edge"] |= {"tls": {"self_signed": {}, "port": free_port()}, "drain": "1s"}
    deployment = Deployment("tls", config, tmp_path_factory.mktemp("tls"), engine)
    with deployment.in_place():
        deployment.up()
        yield deployment


def trusting(stack: Deployment) -> httpx.Client:
    """A client that trusts the stack's own authority, and nobody else."""
    return stack.client(verify=ssl.create_default_context(cadata=stack.outputs()["tls"]["ca"]))


def speech(stack: Deployment) -> bytes:
    """What it speaks over HTTPS."""
    with trusting(stack) as client:
        url = f"{stack.outputs()['pools']['voice']['url']}/v1/audio/speech"
        answer = client.post(url, json={"model": "voice", "input": "Hello.", "response_format": "wav"})
        assert answer.status_code == 200
        return answer.content


def test_it_speaks_to_who_trusts_its_authority_and_plain_http_leads_there(stack: Deployment) -> None:
    outputs = stack.outputs()
    assert outputs["edge_url"].startswith("https://")
    assert speech(stack)[:4] == b"RIFF"
    with stack.client() as client, pytest.raises(httpx.ConnectError, match="verify failed"):
        client.get(outputs["pools"]["voice"]["url"])
    with stack.client() as client:
        plain = client.get(f"http://voice.localhost:{stack.config['edge']['port']}/health")
        assert plain.headers["location"] == f"{outputs['pools']['voice']['url']}/health"


def test_a_second_up_and_a_refresh_find_nothing_to_do(stack: Deployment) -> None:
    stack.up(expect_no_changes=True)
    stack.refresh(expect_no_changes=True)


def test_only_the_edge_can_read_its_keys(stack: Deployment) -> None:
    code, output = stack.inside("edge", "stat", "-c", "%a %u:%g", "/files/current/tls.yml")
    assert (code, output.split()) == (0, [b"640", b"0:65532"])


def test_a_replaced_edge_keeps_what_was_given_to_it(stack: Deployment) -> None:
    authority, before = stack.outputs()["tls"]["ca"], stack.lasting_ids()
    stack.config["edge"]["drain"] = "2s"
    stack.up()
    assert stack.lasting_ids()["tts-tls-edge"] != before["tts-tls-edge"]
    assert stack.outputs()["tls"]["ca"] == authority
    assert speech(stack)[:4] == b"RIFF"


def test_what_acme_gives_is_kept_where_the_edge_alone_can_write_and_outlives_it(stack: Deployment) -> None:
    port, tls = stack.config["edge"]["port"], stack.config["edge"]["tls"]["port"]
    acme = {"email": "ops@localhost.test", "server": UNREACHABLE}
    stack.config["edge"] = {"bind": "127.0.0.1", "port": port, "tls": {"letsencrypt": acme, "port": tls}, "drain": "2s"}
    stack.up()
    look = ("stat", "-c", "%a %u:%g %i", f"/acme/{acme_file(UNREACHABLE)}")
    code, first = stack.inside("edge", *look)
    assert (code, first.split()[:2]) == (0, [b"600", b"65532:65532"]), first
    stack.config["edge"]["drain"] = "1s"
    stack.up()
    assert stack.inside("edge", *look)[1] == first
    stack.destroy()
    assert "tts-tls-edge-acme" in stack.volumes()
