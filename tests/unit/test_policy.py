"""The policy pack's rules one by one: what breaks each, and what only nearly does."""

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi_policy import EnforcementLevel
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from pulumi_tts.config import Problem
from pulumi_tts.policy import folder
from pulumi_tts.policy.document import document
from pulumi_tts.policy.pack import known, policies
from pulumi_tts.policy.resource import CONTAINER, IMAGE, NETWORK, PROVIDER, UNKNOWN, Resource
from pulumi_tts.policy.rules import RULES, Level

ROOT = Path(__file__).parents[2]
BY_NAME = {rule.name: rule for rule in RULES}

RIGHT: dict[str, Any] = {
    "image": "example.com/page:1.2",
    "capabilities": {"drops": ["ALL"]},
    "securityOpts": ["no-new-privileges:true"],
    "memory": 256.0,
    "healthcheck": {"tests": ["CMD", "true"]},
}
"""What a container of anybody's has that breaks no rule."""


def resource(
    inputs: Mapping[str, Any], kind: str = CONTAINER, *, stack: str = "dev", protected: bool = False
) -> Resource:
    """A resource of the user's own."""
    return Resource(kind, "mine", f"urn:pulumi:{stack}::project::{kind}::mine", inputs, protected)


def ours(part: str, **inputs: Any) -> Resource:
    """A container of a component of ours."""
    labels = [{"label": "pulumi-tts.part", "value": part}]
    urn = f"urn:pulumi:dev::project::tts:index:SpeechStack$tts:index:Part${CONTAINER}::tts-x"
    return Resource(CONTAINER, "tts-x", urn, RIGHT | {"labels": labels} | inputs)


def found(rule: str, of: Resource, **settings: Any) -> list[Problem]:
    """What breaks a rule."""
    return BY_NAME[rule].problems(of, settings)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_container_that_is_as_it_should_be_breaks_no_rule(rule: Any) -> None:
    assert rule.problems(resource(RIGHT, stack="prod")) == []


@pytest.mark.parametrize(
    ("rule", "inputs", "path", "value"),
    [
        ("published-ports", {"ports": [{"internal": 80.0, "external": 8443.0}]}, "ports[0]", "0.0.0.0:8443 -> 80"),
        ("published-ports", {"ports": [{"internal": 80, "ip": "127.0.0.1"}]}, "ports[0]", "127.0.0.1:(any) -> 80"),
        ("published-ports", {"publishAllPorts": True}, "publishAllPorts", "true"),
        ("no-privileged", {"privileged": True}, "privileged", "true"),
        ("no-added-capabilities", {"capabilities": {"adds": ["CAP_NET_ADMIN"]}}, "capabilities.adds", "NET_ADMIN"),
        ("all-capabilities-dropped", {"capabilities": None}, "capabilities.drops", "(none)"),
        ("all-capabilities-dropped", {"capabilities": {"drops": ["MKNOD"]}}, "capabilities.drops", "MKNOD"),
        ("no-host-namespaces", {"networkMode": "host"}, "networkMode", "host"),
        ("no-host-namespaces", {"pidMode": "host"}, "pidMode", "host"),
        ("no-host-namespaces", {"ipcMode": "host"}, "ipcMode", "host"),
        ("no-host-namespaces", {"usernsMode": "host"}, "usernsMode", "host"),
        ("no-new-privileges", {"securityOpts": []}, "securityOpts", "(none)"),
        ("no-new-privileges", {"securityOpts": ["no-new-privileges:false"]}, "securityOpts", "no-new-privileges=false"),
        (
            "no-new-privileges",
            {"securityOpts": ["no-new-privileges", "seccomp:unconfined"]},
            "securityOpts",
            "seccomp=unconfined",
        ),
        (
            "no-docker-socket",
            {"mounts": [{"type": "bind", "source": "/var/run/docker.sock", "readOnly": True}]},
            "mounts",
            "/var/run/docker.sock",
        ),
        (
            "no-docker-socket",
            {"volumes": [{"hostPath": "/run/user/0/../../docker.sock"}]},
            "volumes",
            "/run/docker.sock",
        ),
        ("no-docker-socket", {"volumes": [{"hostPath": "/var/run/"}]}, "volumes", "/var/run"),
        ("no-sensitive-paths", {"volumes": [{"hostPath": "/"}]}, "volumes", "/"),
        ("no-sensitive-paths", {"volumes": [{"hostPath": "/etc/ssl/private"}]}, "volumes", "/etc/ssl/private"),
        ("no-sensitive-paths", {"mounts": [{"type": "bind", "source": "/root/.ssh"}]}, "mounts", "/root/.ssh"),
        ("no-sensitive-paths", {"devices": [{"hostPath": "/dev/sda1"}]}, "devices", "/dev/sda1"),
        ("memory-limits", {"memory": None}, "memory", "(none)"),
        ("memory-limits", {"memory": 0.0}, "memory", "(none)"),
        ("health-checks", {"healthcheck": None}, "healthcheck", "(none)"),
        ("health-checks", {"healthcheck": {"tests": ["NONE"]}}, "healthcheck", "(none)"),
        ("no-secrets-in-sight", {"envs": ["A=b", "DB_PASSWORD=hunter2"]}, "envs.DB_PASSWORD", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["PGPASSWORD=x9"]}, "envs.PGPASSWORD", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["clientSecret=x9"]}, "envs.clientSecret", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["HF_TOKEN=x9"]}, "envs.HF_TOKEN", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["OPENAI_API_KEY=x9"]}, "envs.OPENAI_API_KEY", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["DB=postgres://me:hunter2@db/x"]}, "envs.DB", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["X=hf_" + 34 * "a"]}, "envs.X", "(hidden)"),
        ("no-secrets-in-sight", {"envs": ["X=-----BEGIN RSA PRIVATE KEY-----\nMII"]}, "envs.X", "(hidden)"),
        (
            "no-secrets-in-sight",
            {"labels": [{"label": "traefik.http.middlewares.a.basicauth.users", "value": "me:$2y$10$abc"}]},
            "labels.traefik.http.middlewares.a.basicauth.users",
            "(hidden)",
        ),
        ("no-secrets-in-sight", {"command": ["serve", "--token=x9"]}, "command.--token", "(hidden)"),
        ("no-secrets-in-sight", {"command": ["serve", "--api-key", "x9"]}, "command.--api-key", "(hidden)"),
    ],
)
def test_what_breaks_a_rule_is_said_with_its_place_its_reason_and_what_would_be_right(
    rule: str, inputs: dict[str, Any], path: str, value: str
) -> None:
    (problem,) = found(rule, resource(RIGHT | inputs))
    assert (problem.path, problem.value) == (f"mine.{path}", value)
    assert problem.reason
    assert problem.remedy.endswith(".")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("rule", "inputs"),
    [
        ("published-ports", {"publishAllPorts": False, "ports": []}),
        ("no-privileged", {"privileged": False}),
        ("no-privileged", {"privileged": UNKNOWN}),
        ("no-added-capabilities", {"capabilities": {"adds": [], "drops": ["NET_RAW"]}}),
        ("all-capabilities-dropped", {"capabilities": {"drops": ["cap_all"]}}),
        ("all-capabilities-dropped", {"capabilities": UNKNOWN}),
        ("no-host-namespaces", {"networkMode": "none", "pidMode": "container:abc", "ipcMode": "private"}),
        ("no-new-privileges", {"securityOpts": ["no-new-privileges=true", "apparmor=mine"]}),
        ("no-new-privileges", {"securityOpts": UNKNOWN}),
        ("no-new-privileges", {"securityOpts": [UNKNOWN]}),
        ("no-docker-socket", {"mounts": [{"type": "volume", "source": "docker.sock"}]}),
        ("no-docker-socket", {"volumes": [{"hostPath": "/srv/docker.sock.d"}, {"volumeName": "run"}]}),
        ("no-sensitive-paths", {"volumes": [{"hostPath": "/etc/localtime"}, {"hostPath": "/srv/page"}]}),
        ("no-sensitive-paths", {"volumes": [{"hostPath": "/etcetera"}, {"hostPath": "/var/lib/page"}]}),
        ("no-sensitive-paths", {"devices": [{"hostPath": "/dev/nvidia0"}, {"hostPath": "/dev/dri"}]}),
        ("memory-limits", {"memory": UNKNOWN}),
        ("health-checks", {"healthcheck": None, "mustRun": False}),
        ("health-checks", {"healthcheck": {"tests": UNKNOWN}}),
        ("health-checks", {"healthcheck": UNKNOWN}),
        ("no-secrets-in-sight", {"envs": ["DB_PASSWORD_FILE=/run/secrets/db", "DB_PASSWORD=/run/secrets/db"]}),
        ("no-secrets-in-sight", {"envs": ["MAX_TOKENS=4096", "maxTokens=4096", "TOKENIZER=fast", "USE_TOKEN=true"]}),
        ("no-secrets-in-sight", {"envs": ["PUBLIC_KEY=abc", "SECRET_NAME=db", "URL=https://example.com/a@b"]}),
        ("no-secrets-in-sight", {"envs": [UNKNOWN], "command": ["--token-file", "/run/token"]}),
        ("no-secrets-in-sight", {"envs": ["HF_TOKEN="], "labels": [{"label": "a", "value": "a $5 note"}]}),
    ],
)
def test_what_only_nearly_breaks_a_rule_does_not(rule: str, inputs: dict[str, Any]) -> None:
    assert found(rule, resource(RIGHT | inputs)) == []


# ---- ports


def port(ip: Any) -> list[dict[str, Any]]:
    """One published port."""
    return [{"internal": 8000, "external": 20000} | ({"ip": ip} if ip else {})]


def test_the_edge_may_publish_and_nobody_else_may_say_to_be_it() -> None:
    assert found("published-ports", ours("edge", ports=port("0.0.0.0"))) == []
    pretender = resource(RIGHT | {"labels": [{"label": "pulumi-tts.part", "value": "edge"}], "ports": port(None)})
    assert found("published-ports", pretender)


@pytest.mark.parametrize("part", ["instance", "socket-proxy"])
def test_what_the_edge_reaches_on_other_hosts_is_published_on_private_addresses_only(part: str) -> None:
    for private in ("10.0.0.7", "192.168.1.2", "172.31.0.1", "100.64.0.9", "fd00::7"):
        assert found("published-ports", ours(part, ports=port(private))) == []
    for public in (None, "0.0.0.0", "203.0.113.7", "172.32.0.1", "::"):
        (problem,) = found("published-ports", ours(part, ports=port(public)))
        assert "passes by the edge's login" in problem.reason
    assert found("published-ports", ours(part, ports=port("203.0.113.7")), private=["203.0.113.0/24"]) == []


def test_other_parts_of_ours_publish_nothing() -> None:
    assert found("published-ports", ours("guard", ports=port("10.0.0.7")))


WEB = ["--entryPoints.web.address=:8000"]


@pytest.mark.parametrize(
    ("command", "ip", "broken"),
    [
        (WEB, "0.0.0.0", True),
        (WEB, None, True),
        (WEB, "203.0.113.7", True),
        (WEB, UNKNOWN, False),
        (WEB, "127.0.0.1", False),
        (WEB, "10.1.2.3", False),
        ([*WEB, "--entryPoints.web.http.tls=true"], "0.0.0.0", False),
        ([*WEB, "--entrypoints.web.http.tls.certResolver=le"], "0.0.0.0", False),
        ([*WEB, "--entryPoints.web.http.tls=false"], "0.0.0.0", True),
        ([*WEB, "--entryPoints.other.http.tls=true"], "0.0.0.0", True),
        ([*WEB, "--entryPoints.web.http.redirections.entryPoint.to=websecure"], "0.0.0.0", False),
        (["--entryPoints.web.address=:9000", "--entryPoints.web.http.tls=true"], "0.0.0.0", True),
    ],
)
def test_a_public_edge_speaks_tls_on_each_of_its_ports(command: list[str], ip: Any, broken: bool) -> None:
    assert bool(found("tls-on-public-binds", ours("edge", command=command, ports=port(ip)))) is broken


# ---- Docker's socket, and what of ours is an exception


def test_the_socket_is_the_socket_proxys_alone() -> None:
    socket = [{"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}]
    assert found("no-docker-socket", ours("socket-proxy", mounts=socket)) == []
    assert found("no-docker-socket", ours("keeper", mounts=socket))


def test_tidy_has_no_health_check() -> None:
    assert found("health-checks", ours("tidy", healthcheck=None)) == []
    assert found("health-checks", ours("keeper", healthcheck=None))


# ---- images


@pytest.mark.parametrize(
    ("reference", "broken"),
    [
        ("nginx", True),
        ("nginx:latest", True),
        ("localhost:5000/nginx", True),
        ("nginx:1.29", False),
        ("localhost:5000/nginx:1.29", False),
        (f"nginx@sha256:{64 * '0'}", False),
        (f"nginx:latest@sha256:{64 * '0'}", False),
        (f"sha256:{64 * '0'}", False),
        (UNKNOWN, False),
    ],
)
def test_a_protected_stack_has_images_with_a_version(reference: Any, broken: bool) -> None:
    for kind, key in ((CONTAINER, "image"), (IMAGE, "name")):
        assert bool(found("pinned-images", resource({key: reference}, kind, stack="prod"))) is broken


def test_protected_is_by_name_or_by_pulumis_protect() -> None:
    latest = {"image": "nginx:latest"}
    assert found("pinned-images", resource(latest)) == []
    assert found("pinned-images", resource(latest, protected=True))
    assert found("pinned-images", resource(latest, stack="eu-prod"))
    assert found("pinned-images", resource(latest, stack="product")) == []
    assert found("pinned-images", resource(latest, stack="product"), protected=["product"])
    assert found("pinned-images", resource(latest, stack="prod"), protected=["product"]) == []


def test_an_image_that_is_built_is_nobody_elses() -> None:
    assert found("pinned-images", resource({"name": "mine", "build": {"context": "."}}, IMAGE, stack="prod")) == []


# ---- hosts and networks


@pytest.mark.parametrize(
    ("inputs", "broken"),
    [
        ({"host": "tcp://10.0.0.7:2376"}, True),
        ({"host": "tcp://10.0.0.7:2376", "certPath": "/home/me/.docker"}, False),
        ({"host": "tcp://10.0.0.7:2376", "certMaterial": UNKNOWN}, False),
        ({"host": "tcp://127.0.0.1:2375"}, False),
        ({"host": "ssh://me@10.0.0.7"}, False),
        ({"host": "unix:///var/run/docker.sock"}, False),
        ({"host": UNKNOWN}, False),
        ({}, False),
    ],
)
def test_a_docker_host_on_the_network_wants_certificates(inputs: dict[str, Any], broken: bool) -> None:
    assert bool(found("docker-over-tls", resource(inputs, PROVIDER))) is broken


@pytest.mark.parametrize(("driver", "broken"), [("macvlan", True), ("host", True), ("bridge", False), (None, False)])
def test_networks_are_behind_their_host(driver: str | None, broken: bool) -> None:
    assert bool(found("no-open-networks", resource({"driver": driver}, NETWORK))) is broken


# ---- the pack


def test_a_rule_is_asked_of_its_own_kinds_and_not_of_its_exceptions() -> None:
    assert found("no-privileged", resource({"privileged": True}, NETWORK)) == []
    excepted = {"except": ["mi*"]}
    assert found("no-privileged", resource({"privileged": True}), **excepted) == []
    assert found("no-privileged", resource({"privileged": True}), **{"except": ["other"]})


def test_every_rule_is_a_policy_that_can_be_set() -> None:
    by_name = {policy.name: policy for policy in policies()}
    assert set(by_name) == set(BY_NAME)
    for name, policy in by_name.items():
        assert policy.enforcement_level == EnforcementLevel(BY_NAME[name].level.value)
        assert policy.description.endswith(".")
        assert policy.config_schema
        assert {"except", *BY_NAME[name].settings} == set(policy.config_schema.properties)
        json.dumps(policy.config_schema.properties)


def test_the_committed_page_is_the_rules() -> None:
    assert (ROOT / "docs" / "policy.md").read_text() == document(), "run `make policy-doc`"


def test_what_cannot_be_known_from_inputs_only_warns() -> None:
    assert {rule.name for rule in RULES if rule.level is Level.advisory} == {
        "all-capabilities-dropped",
        "health-checks",
        "docker-over-tls",
    }


def test_values_that_only_an_up_will_tell_are_no_violation() -> None:
    """Of one that cannot be known in a preview, a policy of Pulumi's would otherwise only say that it could not run."""
    given = {"memory": UNKNOWN_STRING_VALUE, "envs": ["A=b", UNKNOWN_STRING_VALUE], "capabilities": {"drops": ["ALL"]}}
    inputs = known(unknown_checking_proxy(given))
    assert inputs == {"memory": UNKNOWN, "envs": ["A=b", UNKNOWN], "capabilities": {"drops": ["ALL"]}}


# ---- where it is


def test_the_command_says_where_the_pack_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/somewhere/{program}")
    pack = yaml.safe_load((folder.pack_folder() / "PulumiPolicy.yaml").read_text())
    assert f"pulumi-analyzer-policy-{pack['runtime']}" == folder.PROGRAM, "by this name Pulumi looks for it"


def test_the_pack_has_the_packages_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pack = yaml.safe_load((Path(folder.__file__).parent / "PulumiPolicy.yaml").read_text())
    assert pack["version"] == project["version"]
    assert folder.PROGRAM in project["scripts"]


def test_what_the_pack_lacks_is_said_before_pulumi_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(folder.NotRunnable, match="put that folder on PATH"):
        folder.pack_folder()
    monkeypatch.setattr(folder, "find_spec", lambda _: None)
    with pytest.raises(folder.NotRunnable, match=r"pip install 'pulumi-tts\[policy\]'"):
        folder.pack_folder()


@pytest.mark.parametrize(
    "urn",
    [
        f"urn:pulumi:dev::project::{CONTAINER}::tts:index:x",
        f"urn:pulumi:dev::project::acme-tts:index:Thing${CONTAINER}::x",
        f"urn:pulumi:dev::tts:index:project::{CONTAINER}::x",
    ],
)
def test_a_name_that_looks_like_ours_is_not(urn: str) -> None:
    label = {"label": "pulumi-tts.part", "value": "edge"}
    assert Resource(CONTAINER, "x", urn, {"labels": [label]}).part == ""
