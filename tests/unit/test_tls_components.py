"""TLS on mocks: what an edge with certificates is made of, and where its secrets are."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from pulumi_tts.config import ConfigError
from pulumi_tts.config.pem import chain, names_of
from pulumi_tts.docker import TraefikEdge, TraefikEdgeArgs
from pulumi_tts.render.self_signed import self_signed
from tests.unit.configs import stack, voice
from tests.unit.conftest import World, run
from tests.unit.test_components import speech as stack_made

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
PASSWORD = "random:index/randomPassword:RandomPassword"
DOMAIN = "voice.example.com"
DNS = {"provider": "cloudflare", "credentials": {"CF_DNS_API_TOKEN": {"secret": "token"}}}
PAIR = self_signed("seed", DOMAIN, [f"*.{DOMAIN}"], datetime.now(UTC))


def speech(tls: dict[str, Any], **secrets: str) -> dict[str, Any]:
    """Makes a stack with TLS on mocks; its outputs."""
    return stack_made(stack(voice(), domain=DOMAIN, edge={"tls": tls, "unprotected": ["login"]}), **secrets)


def edge(world: World) -> dict[str, Any]:
    return world.inputs(CONTAINER)["tts-test-edge"]


def files(world: World) -> dict[str, str]:
    """The files that the edge gets, which are a secret, keys being among them."""
    uploads = world.inputs(CONTAINER)["tts-test-edge-files-courier"]["uploads"]
    assert is_rpc_secret(uploads)
    return {upload["file"].rpartition("/")[2]: upload["content"] for upload in unwrap_rpc_secret(uploads)}


def test_the_certificate_to_trust_is_an_output_and_signs_what_the_edge_shows(world: World) -> None:
    outputs = speech({"self_signed": {}})
    assert outputs["edge_url"] == f"https://{DOMAIN}:8443"
    assert outputs["pools"]["voice"]["url"] == f"https://voice.{DOMAIN}:8443"
    assert outputs["dashboard"]["keeper"] == f"https://dashboard.{DOMAIN}:8443/keeper/"
    (shown,) = yaml.safe_load(files(world)["tls.yml"])["tls"]["certificates"]
    (authority,) = chain(outputs["tls"]["ca"])
    (leaf,) = chain(shown["certFile"])
    leaf.verify_directly_issued_by(authority)
    assert names_of(leaf) == [f"{name}.{DOMAIN}" for name in ("dashboard", "voice", "voice1", "voice2")]


def test_its_seed_is_the_only_thing_more_that_the_state_has(world: World) -> None:
    speech({"self_signed": {}})
    with_tls = {(made.typ, made.name) for made in world.made}
    world.made.clear()
    speech({"certificates": [{"certificate": PAIR.certificate, "key": {"secret": "edgeKey"}}]}, edgeKey=PAIR.key)
    assert with_tls - {(made.typ, made.name) for made in world.made} == {(PASSWORD, "tts-test-edge-authority")}


def test_what_was_ordered_outlives_everything_and_the_edge_may_write_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    retained: dict[str, bool] = {}
    register = MockMonitor.RegisterResource

    def noted(monitor: MockMonitor, request: Any) -> Any:
        retained[request.name] = request.retainOnDelete
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(MockMonitor, "RegisterResource", noted)
    outputs = speech({"letsencrypt": {"email": "ops@example.com"}})
    assert outputs["tls"] == {}
    assert retained["tts-test-edge-acme"] is True
    assert {"label": "pulumi-tts.part", "value": "acme"} in world.inputs(VOLUME)["tts-test-edge-acme"]["labels"]
    mounts = {mount["containerPath"]: mount for mount in edge(world)["volumes"]}
    assert mounts["/acme"]["volumeName"] == "tts-test-edge-acme"
    assert not mounts["/acme"].get("readOnly")
    assert mounts["/files"]["readOnly"] is True
    courier = world.inputs(CONTAINER)["tts-test-edge-files-courier"]
    assert "/acme" in {mount["containerPath"] for mount in courier["volumes"]}
    assert 'chgrp "$(id -g)" /acme; chmod 0770 /acme' in courier["entrypoints"][2]
    assert courier["user"] == "0:65532"


def test_letsencrypt_is_on_the_webs_own_ports(world: World) -> None:
    outputs = speech({"letsencrypt": {"email": "ops@example.com"}})
    published = [(port["internal"], port["external"], port["ip"]) for port in edge(world)["ports"]]
    assert published == [(8080, 80, "0.0.0.0"), (8443, 443, "0.0.0.0")]
    assert outputs["pools"]["voice"]["instances"] == [f"https://voice{n}.{DOMAIN}" for n in (1, 2)]
    assert "--entryPoints.web.http.redirections.entryPoint.to=:443" in edge(world)["command"]


def test_a_dns_providers_secret_is_a_file_and_in_nothing_that_docker_shows(world: World) -> None:
    secret = "the provider's secret"
    tls = {"letsencrypt": {"email": "ops@example.com", "challenge": {"dns": DNS}, "wildcard": True}}
    speech(tls, token=secret)
    assert files(world)["CF_DNS_API_TOKEN"] == secret
    assert "CF_DNS_API_TOKEN_FILE=/files/current/CF_DNS_API_TOKEN" in edge(world)["envs"]
    for name, inputs in world.inputs(CONTAINER).items():
        shown = {key: value for key, value in inputs.items() if key != "uploads"}
        assert secret not in str(shown), name
    before = edge(world)["envs"]
    world.made.clear()
    speech(tls, token="another")
    assert edge(world)["envs"] != before, "Traefik reads it when it starts"


def test_a_given_key_goes_with_its_certificate_in_one_file(world: World) -> None:
    speech({"certificates": [{"certificate": PAIR.certificate, "key": {"secret": "edgeKey"}}]}, edgeKey=PAIR.key)
    (shown,) = yaml.safe_load(files(world)["tls.yml"])["tls"]["certificates"]
    assert shown == {"certFile": PAIR.certificate, "keyFile": PAIR.key}


def test_a_key_that_is_not_the_certificates_is_refused_before_it_is_used(world: World) -> None:
    other = self_signed("other", DOMAIN, [f"*.{DOMAIN}"], datetime.now(UTC))
    tls = {"certificates": [{"certificate": PAIR.certificate, "key": {"secret": "edgeKey"}}]}
    with pytest.raises(ConfigError, match="not the certificate's"):
        speech(tls, edgeKey=other.key)
    with pytest.raises(ConfigError, match="no private key in PEM form"):
        speech(tls, edgeKey="-----BEGIN")
    with pytest.raises(ConfigError, match="is not among the secrets that were given"):
        speech(tls)


def test_an_edge_of_somebody_elses_stack_is_checked_too(world: World) -> None:
    args: TraefikEdgeArgs = {"network": "net", "images": "local", "routes": [], "edge": {"bind": "0.0.0.0"}}
    with pytest.raises(ConfigError, match=r"edge\.bind"):
        run(lambda: TraefikEdge("edge", args).url)
    dns = {"tls": {"letsencrypt": {"email": "a@b.c", "challenge": {"dns": DNS}}}}
    with pytest.raises(ConfigError, match="'token' is not among the secrets"):
        run(lambda: TraefikEdge("edge", {**args, "edge": dns}).url)
