"""The label check: what it says, and what would be right. tests/system sets it beside the real Traefik."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_tts import command
from pulumi_tts.config import versions
from pulumi_tts.labels import Finding, Labelled, WayIn, checked
from pulumi_tts.labels.rules import RuleError, hosts, matches
from pulumi_tts.labels.table import known, parts
from tests.unit.configs import stack, voice

WAY = WayIn("tts-dev", "tts-dev-edge-admitted", frozenset({"voice.localhost"}))
ASKED = {"traefik.enable": "true", "pulumi-tts.admit": "tts-dev"}


def guest(name: str = "guest", **changes: Any) -> Labelled:
    usual: dict[str, Any] = {"labels": ASKED, "ports": ("80/tcp",), "networks": (WAY.network,)}
    return Labelled(name, **(usual | changes))


def findings(**labels: str) -> list[Finding]:
    """What is wrong with a guest's labels, written with _ for the dots."""
    written = {name.replace("_", "."): value for name, value in labels.items()}
    return checked([guest(labels={**ASKED, **written})], WAY).get("guest", [])


def only(found: list[Finding]) -> str:
    (finding,) = found
    return str(finding)


def test_a_guest_that_is_right_has_nothing_said_of_it() -> None:
    assert checked([guest()], WAY) == {}
    assert findings(traefik_http_routers_guest_rule="Host(`guest.localhost`)") == []


def test_labels_that_have_nothing_to_do_with_traefik_are_left_alone() -> None:
    assert findings(com_docker_compose_project="x", org_opencontainers_image_title="y", maintainer="z") == []


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("traefik.http.routers.x.rul", "Did you mean rule?"),
        ("traefik.http.router.x.rule", "Did you mean routers?"),
        ("traefik.htp.routers.x.rule", "Did you mean http?"),
        ("traefik.http.routers.x.entrypoint", "Did you mean entryPoints?"),
        ("traefik.http.routers.x.tls.certresolvers", "Did you mean certResolver?"),
        ("traefik.http.services.x.loadbalancer.servers.port", "Did you mean server?"),
        ("traefik.http.services.x.loadBalancer.server.prot", "Did you mean port?"),
        ("traefik.http.middlewares.x.stripprefixes.prefixes", "Did you mean stripPrefix"),
        ("traefik.http.middlewares.x.headers.customrequestheader.X-A", "Did you mean customRequestHeaders?"),
        ("traefik.docker.networks", "Did you mean network?"),
        ("traefik.enabled", "Did you mean enable?"),
        ("treafik.http.routers.x.rule", "Did you mean traefik.http.routers.x.rule?"),
        ("Traefik.enable", "Did you mean traefik.enable?"),
    ],
)
def test_a_misspelt_label_is_told_what_it_is_near(label: str, meant: str) -> None:
    found = checked([guest(labels={**ASKED, label: "80"})], WAY)["guest"]
    assert meant in " ".join(str(finding) for finding in found if finding.label == label)


def test_it_says_when_one_label_costs_all_the_others() -> None:
    assert "refuses all of the container's" in only(findings(traefik_http_routers_x_rul="Host(`a`)"))
    assert "passes over it" in only(findings(traefik_htp_routers_x_rule="Host(`a`)"))


@pytest.mark.parametrize("labels", [{}, {"traefik.enable": "true"}, {"pulumi-tts.admit": "tts-dev"}])
def test_who_does_not_ask_is_told_how(labels: dict[str, str]) -> None:
    found = " ".join(map(str, checked([guest(labels=labels)], WAY)["guest"]))
    for label, value in ASKED.items():
        assert (f"Add {label}={value}" in found) is (label not in labels)


def test_a_label_that_asks_the_wrong_way_is_named() -> None:
    said = {
        "enable": checked([guest(labels={**ASKED, "traefik.enable": "True"})], WAY),
        "admit": checked([guest(labels={**ASKED, "pulumi-tts.admit": "dev"})], WAY),
        "typo": checked([guest(labels={"traefik.enable": "true", "pulumi-tts.admitt": "tts-dev"})], WAY),
    }
    assert "traefik.enable: says 'True'" in only(said["enable"]["guest"])
    assert "Write tts-dev" in only(said["admit"]["guest"])
    assert "only pulumi-tts.admitt" in only(said["typo"]["guest"])


def test_where_a_guest_is_has_to_be_right_too() -> None:
    assert "docker network connect tts-dev-edge-admitted guest" in only(
        checked([guest(networks=("bridge",))], WAY)["guest"]
    )
    assert "not on" in only(findings(traefik_docker_network="bridge"))
    assert findings(traefik_docker_network=WAY.network) == []
    assert "docker start guest" in only(checked([guest(running=False)], WAY)["guest"])
    assert "health check" in only(checked([guest(healthy=False)], WAY)["guest"])


def test_a_guest_needs_one_port() -> None:
    assert "has no port" in only(checked([guest(ports=())], WAY)["guest"])
    assert "exposes 80, 9090, and Traefik takes 80" in only(
        checked([guest(ports=("9090/tcp", "80/tcp"))], WAY)["guest"]
    )
    chosen = {**ASKED, "traefik.http.services.guest.loadbalancer.server.port": "9090"}
    assert checked([guest(ports=("9090/tcp", "80/tcp"), labels=chosen)], WAY) == {}


def test_a_name_of_the_stacks_own_is_not_to_be_had() -> None:
    assert "is a name of the stack's own" in only(
        findings(traefik_http_routers_x_rule="host(`VOICE.localhost.`) && Path(`/a`)")
    )


def test_a_middleware_of_another_container_counts() -> None:
    one = guest("one", labels={**ASKED, "traefik.http.routers.one.middlewares": "shared"})
    other = guest("other", labels={**ASKED, "traefik.http.middlewares.shared.compress": "true"})
    assert checked([one, other], WAY) == {}
    assert "Did you mean" not in str(checked([one], WAY)["one"])
    stranger = guest("other", labels={"traefik.http.middlewares.shared.compress": "true"})
    assert "which no label defines" in str(checked([one, stranger], WAY)["one"]), "what is not admitted is not there"


def test_several_containers_may_be_the_servers_of_one_service() -> None:
    labels = {**ASKED, "traefik.http.services.shared.loadbalancer.server.port": "80"}
    assert checked([guest("one", labels=labels), guest("other", labels=labels)], WAY) == {}


def test_what_is_not_about_http_is_not_passed_on() -> None:
    for label in (
        "traefik.tcp.routers.x.rule",
        "traefik.udp.routers.x.service",
        "traefik.tls.stores.default.defaultcertificate.certfile",
    ):
        assert "is not about HTTP" in str(checked([guest(labels={**ASKED, label: "x"})], WAY)["guest"])
    assert "TLS, which ends at the edge" in only(findings(traefik_http_routers_x_tls="true"))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("Host(`a`, `b`)", "write Host(`a`) || Host(`b`)"),
        ("Hots(`a`)", "did you mean Host?"),
        ("Host(`a`", r"lacks a ')' at its end"),
        ("Host(a)", "not text between"),
        ("Host(`a`) &&", "ends too early"),
        ("Host(`a`) Path(`/`)", "where && or || should be"),
        ("", "ends too early"),
    ],
)
def test_a_rule_that_traefik_does_not_understand_is_explained(rule: str, why: str) -> None:
    with pytest.raises(RuleError) as error:
        matches(rule)
    assert why in str(error.value)


def test_the_hosts_of_a_rule_are_read_as_traefik_does() -> None:
    assert hosts('(Host(`A.b`) || !Host("c")) && PathPrefix(`/x`)') == {"a.b", "c"}


def test_a_label_is_taken_apart_at_dots_and_brackets() -> None:
    assert parts("traefik.http.routers.x.tls.domains[0].main") == [
        *("traefik", "http", "routers", "x", "tls", "domains", "[0]", "main"),
    ]


def test_the_table_is_of_the_traefik_that_is_pinned() -> None:
    heading = Path(command.__file__).with_name("labels").joinpath("known.txt").read_text().splitlines()[0]
    assert versions.images().traefik.rpartition(":")[2] in heading, "run: make labels-table"
    assert known().step("http")


# ---- the command


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "Pulumi.dev.yaml"
    config = stack(voice(), edge={"discovery": {"enabled": True}})
    path.write_text(yaml.safe_dump({"config": {"tts:stack": config}}))
    return str(path)


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], containers: list[Labelled], *arguments: str
) -> tuple[int, str]:
    """The command's exit status and output on a Docker host with these containers."""
    monkeypatch.setattr(command, "labelled_containers", lambda at, names, stack: containers)
    status = command.main(["labels", *arguments])
    return status, capsys.readouterr().out


def test_the_command_ends_well_where_all_is_well(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, [guest()], "--stack", file) == (0, "guest: ok\n")
    status, text = told(monkeypatch, capsys, [], "--stack", file)
    assert status == 0
    assert "pulumi-tts.admit=tts-dev" in text


def test_the_command_names_what_is_wrong_and_fails(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = guest(labels={**ASKED, "traefik.http.routers.x.rule": "Host(`voice2.localhost`)"})
    status, text = told(monkeypatch, capsys, [wrong], "--stack", file)
    assert status == 1
    assert text.startswith("guest: 1 problem\n  - traefik.http.routers.x.rule: asks for voice2.localhost, ")
    status, text = told(monkeypatch, capsys, [wrong], "--stack", file, "--json")
    (finding,) = json.loads(text)["containers"]["guest"]
    assert set(finding) == {"label", "reason", "remedy"}
