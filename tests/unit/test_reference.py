"""docs/config.yaml is the reference: it is right, and nothing that can be written is missing from it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pulumi_tts.config import load_stack
from pulumi_tts.config.alerting import Alertmanager, Email, Slack, Webhook
from pulumi_tts.config.auth import ApiKey, Auth, Jwks, Jwt, RouteAuth, User
from pulumi_tts.config.edge import Dashboard, Edge
from pulumi_tts.config.fields import Strict
from pulumi_tts.config.guard import Canary, CanaryHeader, Deadlines, Ejection, Guard, GuardHealth, PoolGuard
from pulumi_tts.config.host import Gpu, Host, Mps
from pulumi_tts.config.keeper import Heal, Keeper, Restart
from pulumi_tts.config.limits import Limits, Rate
from pulumi_tts.config.observability import Observability, Prometheus, RemoteWrite, Retention, Slo
from pulumi_tts.config.pin import Pin
from pulumi_tts.config.pool import Pool, Routes
from pulumi_tts.config.profile import Health, Overrides, Profile
from pulumi_tts.config.schema import file_schema_text
from pulumi_tts.config.stack import Stack
from pulumi_tts.config.tls import Dns, GivenCertificate, LetsEncrypt, Tls
from pulumi_tts.config.tracing import Export, Keep, Tracing
from pulumi_tts.config.weights import Weights
from pulumi_tts.plan import plan_stack

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "config.yaml"
SCHEMA = ROOT / "docs" / "config.schema.json"


def written(path: Path) -> dict[str, Any]:
    """What stands under `tts:stack` in a stack's file."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())["config"]["tts:stack"]
    return config


@pytest.mark.parametrize("path", [REFERENCE, ROOT / "Pulumi.dev.yaml"], ids=lambda path: path.name)
def test_the_reference_and_the_dev_stack_are_right(path: Path) -> None:
    assert plan_stack(load_stack(written(path)), "tts-test", local_images=False).routes


@pytest.mark.parametrize("path", [REFERENCE, ROOT / "Pulumi.dev.yaml"], ids=lambda path: path.name)
def test_editors_find_them_right_too(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(SCHEMA.read_text()))


def test_editors_find_a_misspelt_key() -> None:
    wrong = {"config": {"tts:stack": written(REFERENCE) | {"poolz": []}}}
    with pytest.raises(jsonschema.ValidationError, match="poolz"):
        jsonschema.validate(wrong, json.loads(SCHEMA.read_text()))


def test_the_committed_schema_is_the_configs() -> None:
    assert SCHEMA.read_text() == file_schema_text(), "run `make schema`"


@pytest.mark.parametrize(
    ("model", "places"),
    [
        (Stack, [()]),
        (Host, [("hosts", 0), ("hosts", 1)]),
        (Gpu, [("hosts", 0, "gpus", 0)]),
        (Mps, [("hosts", 0, "gpus", 1, "mps")]),
        (Pin, [("pools", 3, "pins", 0)]),
        (Guard, [("guard",)]),
        (PoolGuard, [("pools", 0, "guard")]),
        (GuardHealth, [("pools", 0, "guard", "health")]),
        (Ejection, [("pools", 0, "guard", "ejection")]),
        (Deadlines, [("pools", 0, "guard", "deadlines")]),
        (Canary, [("pools", 0, "guard", "canary")]),
        (CanaryHeader, [("pools", 0, "guard", "canary", "header")]),
        (Edge, [("edge",)]),
        (Dashboard, [("edge", "dashboard")]),
        (Auth, [("edge", "auth")]),
        (User, [("edge", "auth", "users", 0)]),
        (ApiKey, [("edge", "auth", "api_keys", 0)]),
        (Jwt, [("edge", "auth", "jwt")]),
        (RouteAuth, [("pools", 1, "auth")]),
        (Limits, [("edge", "limits")]),
        (Rate, [("edge", "limits", "rate")]),
        (Dns, [("edge", "tls", "letsencrypt", "challenge", "dns")]),
        (Keep, [("observability", "tracing", "keep")]),
        (Keeper, [("keeper",)]),
        (Restart, [("pools", 0, "restart"), ("pools", 2, "restart")]),
        (Heal, [("pools", 0, "heal")]),
        (Routes, [("pools", 0, "routes"), ("pools", 2, "routes")]),
        (Health, [("pools", 3, "engine", "health")]),
        (Weights, [("pools", 3, "engine", "weights")]),
        (Observability, [("observability",)]),
        (Prometheus, [("observability", "prometheus")]),
        (Retention, [("observability", "prometheus", "retention")]),
        (RemoteWrite, [("observability", "prometheus", "remote_write")]),
        (Alertmanager, [("observability", "alertmanager")]),
        (Webhook, [("observability", "alertmanager", "receivers", 0, "webhook")]),
        (Email, [("observability", "alertmanager", "receivers", 1, "email")]),
        (Slack, [("observability", "alertmanager", "receivers", 2, "slack")]),
        (Slo, [("observability", "slo")]),
    ],
)
def test_the_reference_shows_every_key(model: type[Strict], places: list[tuple[str | int, ...]]) -> None:
    shown: set[str] = set()
    for place in places:
        node: Any = written(REFERENCE)
        for step in place:
            node = node[step]
        shown |= set(node)
    assert shown == set(model.model_fields)


def test_the_reference_shows_both_ways_to_the_keys_of_tokens() -> None:
    jwks = written(REFERENCE)["edge"]["auth"]["jwt"]["jwks"]
    assert set(jwks) | {"keys"} == set(Jwks.model_fields)


def test_the_reference_shows_every_key_of_tls() -> None:
    tls = written(REFERENCE)["edge"]["tls"]
    in_comments = {"self_signed", "certificates"}
    assert set(tls) | in_comments == set(Tls.model_fields)
    assert set(tls["letsencrypt"]) | {"ca"} == set(LetsEncrypt.model_fields)
    text = REFERENCE.read_text()
    assert [key for key in (*in_comments, "ca", *GivenCertificate.model_fields) if f" {key}:" not in text] == []


def test_the_reference_shows_every_key_of_tracing() -> None:
    tracing = written(REFERENCE)["observability"]["tracing"]
    assert set(tracing) | {"export"} == set(Tracing.model_fields)
    (shown,) = [line for line in REFERENCE.read_text().splitlines() if line.strip().startswith("# export:")]
    assert [key for key in Export.model_fields if f"{key}:" not in shown] == []


def test_the_reference_shows_every_key_of_a_profile_and_of_a_pool() -> None:
    pools = written(REFERENCE)["pools"]
    assert set(pools[3]["engine"]) | {"build", "slots"} == set(Profile.model_fields)
    assert "slots" in pools[0], "of an API: a UI's requests are not counted"
    own = set(Pool.model_fields) - set(Overrides.model_fields)
    assert own <= set().union(*pools)


def test_every_value_of_a_profile_can_be_replaced_in_a_pool() -> None:
    assert set(Overrides.model_fields) == set(Profile.model_fields) - {"build"}


def test_every_key_has_a_description_for_the_editor() -> None:
    definitions = json.loads(SCHEMA.read_text())["$defs"].values()
    missing = [
        f"{definition['title']}.{key}"
        for definition in definitions
        for key, schema in definition.get("properties", {}).items()
        if "description" not in schema
    ]
    assert missing == []
