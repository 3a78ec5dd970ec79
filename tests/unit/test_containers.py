"""Every container of a stack with everything in it, against what others ask of containers, and against our own word.

What is not as they ask stands in a table, with the reason; what is not in it fails, and so does what is in it and not
needed any more.
"""

import importlib
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_lint.engine import run_rules
from compose_lint.models import Finding
from compose_lint.parser import loads
from google.protobuf import json_format  # type: ignore[import-untyped]

from pulumi_tts.config.engines import ENGINES, MODULES, cannot, name_of
from pulumi_tts.docker.passwords import bcrypt_hash
from pulumi_tts.policy.rules import RULES
from tests.spelled import shown
from tests.unit.composed import composed
from tests.unit.everything import NAME, SALT, Everything, everything, given, made_by

EXAMPLE = Path(__file__).parents[2] / "examples" / "beside-your-own"

ENVOY = "Envoy's release is its tag, in versions.toml; a digest would be another one for each mirror and architecture"
TRAEFIK = (
    "Traefik's release is its tag, in versions.toml; a digest would be another one for each mirror and architecture"
)
JAEGER = "Jaeger's release is its tag, in versions.toml; a digest would be another one for each mirror and architecture"
WATCHING = "Prometheus' and its parts' releases are their tags, in versions.toml, as Envoy's"
THEIRS = "an engine's release is its tag; a pool may name its image by digest"
COURIER = (
    "a fresh volume is root's, and Docker uploads into no read-only root; no network, gone in a moment (docker/files)"
)
SOCKET = "Docker's socket is what it stands before, and that is root's; it has no capability (docs/decisions/012)"
PROFILE = "its profile's CANNOT says why"
TOKEN = (
    "the hub's token is uploaded, and Docker uploads into no read-only root; it ends when all is there (docker/weights)"
)

EXPLAINED = {
    ("CL-0001", "*-socket-proxy*"): SOCKET,
    ("CL-0005", "*-edge"): "the one way in, with TLS and logins; the reference's edge is for the internet",
    ("CL-0018", "*-socket-proxy*"): SOCKET,
    ("CL-0018", "*-courier"): COURIER,
    ("CL-0007", "*-courier"): COURIER,
    ("CL-0007", "*-fill"): TOKEN,
    **{("CL-0007", f"*-of-{name}-1"): PROFILE for name, profile in ENGINES.items() if not profile.read_only},
    **{("CL-0018", f"*-of-{name}-1"): PROFILE for name, profile in ENGINES.items() if profile.user.startswith("0")},
    ("CL-0019", "*-socket-proxy*"): ENVOY,
    ("CL-0019", "*-guard*"): ENVOY,
    ("CL-0019", "*-keeper-token-courier"): ENVOY,
    ("CL-0019", "*-edge*"): TRAEFIK,
    ("CL-0019", "*-jaeger*"): JAEGER,
    **{("CL-0019", f"*-{part}*"): WATCHING for part in ("prometheus", "alertmanager", "blackbox", "node")},
    **{("CL-0019", f"*-of-{name}-1"): THEIRS for name, profile in ENGINES.items() if profile.image},
    ("CL-0019", "*-page-1"): "an image of the reference's own, as its tag",
    ("CL-0020", "*-keeper"): "KEEPER_TOKEN is where the token's file is",
    (
        "CL-0026",
        "*",
    ): "memory and processes are limited; processors are shared by weight, as a limit would leave them idle "
    "while somebody waits for speech, and how much work there is at once is limited by slots",
}
"""What compose-lint finds (rule, container), and why it stays. `compose-lint --explain CL-0001` shows a rule."""

OURS_WRITABLE = ("*-courier", "*-fill")
OURS_ROOT = ("*-courier", "*-socket-proxy*")


@pytest.fixture(scope="module")
def made() -> Everything:
    with pytest.MonkeyPatch.context() as patching:
        return everything(patching)


def found(made: Everything) -> list[Finding]:
    """What compose-lint finds, graded as it grades it."""
    text = yaml.safe_dump(composed(made.containers().values(), made.resources, made.limited))
    data, lines = loads(text, use_env=False)
    return run_rules(data, lines, on_error=_raised)


def _raised(rule: str, container: str, error: Exception) -> None:
    raise AssertionError(f"{rule} could not look at {container}") from error


def explanation(rule: str, container: str) -> tuple[str, str] | None:
    """The line of the table that a finding is explained by."""
    return next((line for line in EXPLAINED if line[0] == rule and fnmatchcase(container, line[1])), None)


def test_compose_lint_finds_nothing_that_is_not_explained(made: Everything) -> None:
    unexplained = [finding for finding in found(made) if not explanation(finding.rule_id, finding.service)]
    assert [f"{finding.rule_id} {finding.service}: {finding.message}" for finding in unexplained] == []


def test_nothing_is_explained_that_compose_lint_does_not_find(made: Everything) -> None:
    used = {explanation(finding.rule_id, finding.service) for finding in found(made)}
    assert set(EXPLAINED) - used == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"privileged": True}, "CL-0002"),
        ({"securityOpts": []}, "CL-0003"),
        ({"capabilities": None}, "CL-0006"),
        ({"readOnly": False}, "CL-0007"),
        ({"networkMode": "host"}, "CL-0008"),
        ({"user": "0"}, "CL-0018"),
        ({"ports": [{"ip": "0.0.0.0", "external": 80.0, "internal": 80.0}]}, "CL-0005"),
        ({"envs": ["DB_PASSWORD=hunter2"]}, "CL-0020"),
        ({"mounts": [{"source": "/var/run/docker.sock", "target": "/s"}]}, "CL-0001"),
    ],
)
def test_what_would_be_wrong_is_found(change: dict[str, Any], rule: str, made: Everything) -> None:
    """The compose file that is linted says what the containers are."""
    guard = made.containers()[f"{NAME}-guard"]
    wrong = type(guard)(guard.kind, guard.name, guard.urn, {**guard.inputs, **change})
    text = yaml.safe_dump(composed([wrong], made.resources, made.limited))
    assert rule in {finding.rule_id for finding in run_rules(*loads(text, use_env=False))}


# ---- our own word


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_nothing_of_ours_breaks_a_rule_of_our_policy_pack(rule: Any, made: Everything) -> None:
    problems = [str(problem) for resource in made.resources for problem in rule.problems(resource)]
    assert problems == []


def test_the_example_breaks_none_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    program = importlib.import_module("infrastructure")
    made = made_by(lambda: program.infrastructure("local", 8090).url, monkeypatch)
    assert "example-page" in made.containers()
    assert [str(problem) for rule in RULES for resource in made.resources for problem in rule.problems(resource)] == []


def test_every_container_is_as_the_design_says(made: Everything) -> None:
    for name, container in made.containers().items():
        inputs = container.inputs
        assert inputs["capabilities"] == {"drops": ["ALL"]}, name
        assert inputs["securityOpts"] == ["no-new-privileges:true"], name
        assert inputs["memory"] == inputs["memorySwap"] > 0, name
        profile = ENGINES.get(name.removeprefix(f"{NAME}-of-").removesuffix("-1"))
        writable, root = not inputs.get("readOnly"), inputs["user"].split(":")[0] == "0"
        if profile:
            assert (writable, root) == (not profile.read_only, profile.user.split(":")[0] == "0"), name
        else:
            assert not writable or any(fnmatchcase(name, one) for one in OURS_WRITABLE), name
            assert not root or any(fnmatchcase(name, one) for one in OURS_ROOT), name


def test_every_container_that_runs_on_has_a_limit_on_its_processes(made: Everything) -> None:
    running = {name for name, container in made.containers().items() if container.inputs.get("mustRun") is not False}
    assert running - set(made.limited) == set()
    assert all(limit > 0 for limit in made.limited.values())


def test_only_engines_that_fetch_are_on_a_network_with_a_way_out(made: Everything) -> None:
    closed = {
        resource.inputs["name"]
        for resource in made.resources
        if resource.kind.endswith(":Network") and (resource.inputs.get("internal") or resource.inputs.get("options"))
    }
    for name, profile in ENGINES.items():
        joined = {one["name"] for one in made.containers()[f"{NAME}-of-{name}-1"].inputs["networksAdvanced"]}
        assert bool(joined - closed) is profile.fetches, name


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_what_an_engine_cannot_is_said_with_the_reason_and_nothing_else_is(module: Any) -> None:
    profile, reasons = module.PROFILE, cannot(module)
    less = {
        "user": profile.user.split(":")[0] == "0",
        "read_only": not profile.read_only,
        "fetches": profile.fetches,
    }
    assert set(reasons) == {key for key, is_less in less.items() if is_less}
    assert all(len(reason) > len("because") for reason in reasons.values())


# ---- secrets


@pytest.fixture(scope="module")
def secrets(made: Everything) -> dict[str, str]:
    """Every value that was generated or given, and its hashes."""
    hashed = bcrypt_hash(given()["dashboardPassword"], SALT)
    return made.generated | given() | {"dashboardPassword, hashed": hashed}


def test_there_are_secrets_to_look_for_and_each_is_used(made: Everything, secrets: dict[str, str]) -> None:
    assert {f"{NAME}-keeper-token", f"{NAME}-edge-discovery-password"} <= set(made.generated)
    uploaded = json.dumps([container.inputs.get("uploads") for container in made.containers().values()])
    assert set(shown(secrets, uploaded)) >= {
        f"{NAME}-keeper-token",
        f"{NAME}-edge-discovery-password",
        "hubToken",
        "dashboardPassword, hashed",
    }


def test_no_secret_is_in_what_docker_inspect_shows(made: Everything, secrets: dict[str, str]) -> None:
    """All that is asked of Docker for a container, but for what is uploaded into it: that is in its file system."""
    for resource in made.resources:
        inspected = {key: value for key, value in resource.inputs.items() if key != "uploads"}
        assert shown(secrets, json.dumps(inspected)) == [], resource.name


def test_no_secret_reaches_the_state_without_being_marked(made: Everything, secrets: dict[str, str]) -> None:
    """What is marked, Pulumi encrypts."""
    for name, sent in made.state.items():
        in_the_clear = json.dumps(_without_secrets(json_format.MessageToDict(sent)))
        assert shown(secrets, in_the_clear) == [], name


_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            return "(secret)"
        return {key: _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value
