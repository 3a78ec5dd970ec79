"""Traces: the config, the plan, and what edge, guard, engines and Jaeger are told."""

import json
from typing import Any

import pytest
import yaml

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.render import discovery, envoy, jaeger, traefik
from tests.unit.configs import stack, voice
from tests.unit.conftest import World, run

CONTAINER = "docker:index/container:Container"
EXPORT = {"endpoint": "https://otlp.example.com:4318/", "headers": {"Authorization": {"secret": "otlpToken"}}}


def planned(tracing: dict[str, Any] | None, **changes: Any) -> StackPlan:
    watched = {"observability": {"tracing": tracing}} if tracing is not None else {"observability": {}}
    return plan_stack(load_stack(stack(**{**watched, **changes})), "tts-test", local_images=True)


def refusals(**tracing: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        planned(tracing)
    return [str(problem) for problem in refused.value.problems]


def settings(plan: StackPlan) -> dict[str, Any]:
    assert plan.jaeger
    read: dict[str, Any] = json.loads(jaeger.settings_file(plan.jaeger))
    return read


def managers(plan: StackPlan) -> dict[str, dict[str, Any]]:
    """The connection managers of the guard, by their listener."""
    assert plan.guard
    listeners = json.loads(envoy.files(plan.guard)["listeners.json"])["resources"]
    return {each["name"]: each["filter_chains"][0]["filters"][0]["typed_config"] for each in listeners}


def test_nothing_is_traced_where_nobody_asks_for_it() -> None:
    plan = planned(None)
    assert plan.jaeger is None
    assert not [told for told in traefik.static_arguments(plan.edge, "/files") if "tracing" in told]
    assert "untraced" not in traefik.routes_file(plan.routes, plan.edge)
    assert not [name for name, manager in managers(plan).items() if "tracing" in manager]
    assert "traces" not in managers(plan)
    assert not [instance for pool in plan.pools for instance in pool.instances if instance.environment]


def test_edge_guard_and_engines_send_to_one_collector() -> None:
    plan = planned({"ratio": 0.25})
    told = traefik.static_arguments(plan.edge, "/files")
    assert "--tracing.sampleRate=0.25" in told
    assert "--tracing.otlp.http.endpoint=http://tts-test-jaeger:4318/v1/traces" in told
    for name in ("guard", "guard_inner"):
        tracing = managers(plan)[name]["tracing"]
        assert tracing["random_sampling"] == {"value": 25}
        http = tracing["provider"]["typed_config"]["http_service"]["http_uri"]
        assert http["uri"] == "http://tts-test-jaeger:4318/v1/traces"
    for pool in plan.pools:
        for instance in pool.instances:
            environment = dict(instance.environment)
            assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://tts-test-guard:4318"
            assert environment["OTEL_SERVICE_NAME"] == pool.resource_name


def test_no_span_of_edge_or_guard_has_a_query_or_a_header_that_nobody_named() -> None:
    plan = planned({})
    told = traefik.static_arguments(plan.edge, "/files")
    assert [each for each in told if "captured" in each.lower()] == [
        "--tracing.capturedResponseHeaders=X-Request-Id,X-Pulumi-Tts-Instance"
    ]
    assert not [each for each in told if "safeQueryParams" in each]
    assert {managers(plan)[name]["tracing"]["max_path_tag_length"] for name in ("guard", "guard_inner")} == {0}
    deleted = {each["key"] for each in settings(plan)["processors"]["attributes"]["actions"]}
    assert {"url.query", "url.full"} <= deleted


def test_a_trace_of_a_clients_is_taken_away_on_every_route_unless_it_is_to_be_followed() -> None:
    plan = planned({}, edge={"discovery": {"enabled": True}})
    assert plan.edge.discovery
    for text in (
        traefik.routes_file(plan.routes, plan.edge),
        discovery.discovery_file(plan.edge.discovery, plan.edge),
    ):
        http = yaml.safe_load(text)["http"]
        usual = {name: router for name, router in http["routers"].items() if not name.endswith("_untraced")}
        for name, router in usual.items():
            other = http["routers"][f"{name}_untraced"]
            assert other["rule"] == f"({router['rule']}) && HeaderRegexp(`traceparent`, `.`)"
            assert other["middlewares"] == ["edge_untraced", *router["middlewares"]]
            assert other["observability"] == {"tracing": False}
            assert (other["service"], other["entryPoints"]) == (router["service"], router["entryPoints"])
            assert ("priority" in other) == ("priority" in router)
    taken = yaml.safe_load(traefik.routes_file(plan.routes, plan.edge))["http"]["middlewares"]["edge_untraced"]
    assert taken == {"headers": {"customRequestHeaders": {"traceparent": "", "tracestate": ""}}}
    followed = planned({"follow_clients": True})
    assert "untraced" not in traefik.routes_file(followed.routes, followed.edge)


def test_engines_that_do_not_understand_it_or_are_elsewhere_or_unguarded_are_told_nothing() -> None:
    hosts = [{"name": "here"}, {"name": "there", "docker": "ssh://there", "address": "10.0.0.7"}]
    pools = [
        {"name": "voice", "engine": "voice", "instances": 2, "routes": {"pool": "voice.{domain}"},
         "pins": [{"instance": 1, "host": "here"}, {"instance": 2, "host": "there"}]},
        {"name": "bare", "engine": "voice", "guard": "none", "routes": {"pool": "bare.{domain}"}},
        {"name": "own", "engine": "voice", "traces": False, "routes": {"pool": "own.{domain}"}},
    ]  # fmt: skip
    plan = planned({}, hosts=hosts, pools=pools)
    told = {instance.name: bool(instance.environment) for pool in plan.pools for instance in pool.instances}
    assert told["tts-test-voice-1"]
    assert [name for name, is_told in told.items() if is_told] == ["tts-test-voice-1"]


def test_who_fetches_by_a_proxy_sends_its_spans_past_it() -> None:
    def told(**changes: Any) -> dict[str, str]:
        pool = planned({}, pools=[voice(**changes)]).pools[0]
        # As a container gets them: what an instance is told comes after what all of its pool are.
        return dict(pool.container.environment) | dict(pool.instances[0].environment)

    collector = "tts-test-guard"
    fetching = told(fetches_from=["a.test"])
    assert fetching["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{collector}:4318"
    for name in ("NO_PROXY", "no_proxy"):
        assert fetching[name] == f"localhost,127.0.0.1,0.0.0.0,::1,{collector}", "the proxy would refuse them"
    own = told(fetches_from=["a.test"], environment={"NO_PROXY": "mine"})
    assert own["NO_PROXY"] == "mine"
    assert own["no_proxy"].endswith(collector)
    assert not [name for name in told(fetches_from="any") if "proxy" in name.lower()]


def test_what_the_guard_passes_on_for_engines_is_spans_and_nothing_else() -> None:
    (host,) = managers(planned({}))["traces"]["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["match"]["path"] == "/v1/traces"
    assert route["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "POST"}}]


def test_all_traces_are_kept_at_once_unless_a_share_is_asked_for() -> None:
    assert "tail_sampling" not in settings(planned({}))["processors"]
    some = settings(planned({"keep": {"ratio": 0.1, "slow": "800ms"}, "memory": "1g"}))
    sampling = some["processors"]["tail_sampling"]
    assert sampling["decision_wait"] == "30s"
    assert sampling["num_traces"] == 40 * 1024
    assert [policy["name"] for policy in sampling["policies"]] == ["failed", "slow", "under-way", "rest"]
    assert "> 800" in sampling["policies"][1]["ottl_condition"]["span"][0]
    assert sampling["policies"][3]["probabilistic"] == {"sampling_percentage": 10}
    assert some["service"]["pipelines"]["traces"]["processors"] == [
        "memory_limiter", "attributes", "tail_sampling", "batch",
    ]  # fmt: skip
    assert some["processors"]["memory_limiter"]["limit_mib"] == 768


def test_traces_are_kept_for_as_long_as_the_config_says() -> None:
    kept = settings(planned({"retention": "14d"}))["extensions"]["jaeger_storage"]["backends"]["kept"]["badger"]
    assert (kept["ttl"], kept["ephemeral"]) == ({"spans": "1209600s"}, False)


def test_traces_go_to_a_collector_of_ones_own_and_its_secret_stays_in_a_file() -> None:
    plan = planned({"export": EXPORT})
    written = settings(plan)
    assert written["service"]["pipelines"]["traces"]["exporters"] == ["otlphttp"]
    assert written["exporters"]["otlphttp"] == {
        "endpoint": "https://otlp.example.com:4318",
        "headers": {"Authorization": "${file:/files/current/Authorization}"},
    }
    assert written["service"]["extensions"] == ["healthcheckv2"], "no page, and nothing on a disk"
    assert plan.edge.dashboard
    assert "jaeger" not in [page.name for page in plan.edge.dashboard.pages]


def test_the_page_is_behind_the_dashboards_login() -> None:
    dashboard = planned({}).edge.dashboard
    assert dashboard
    http = yaml.safe_load(traefik.dashboard_file(dashboard, "$2a$10$hash"))["http"]
    assert "dashboard-login" in http["routers"]["jaeger"]["middlewares"]
    assert settings(planned({}))["extensions"]["jaeger_query"]["base_path"] == "/jaeger"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"ratio": 0}, "observability.tracing.ratio"),
        ({"ratio": 1.5}, "observability.tracing.ratio"),
        ({"keep": {"ratio": -1}}, "observability.tracing.keep.ratio"),
        ({"retention": "3"}, "observability.tracing.retention"),
        ({"retention": "3d", "export": EXPORT}, "Give either retention or export"),
        ({"export": {"endpoint": "otlp.example.com"}}, "is not the address of a collector"),
        ({"export": {"endpoint": "https://user:word@otlp.example.com"}}, "is not the address of a collector"),
        ({"export": {**EXPORT, "headers": {"Authorization": "Bearer x"}}}, "is a secret in the clear"),
        ({"sampling": 1}, "observability.tracing.sampling"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(written: dict[str, Any], said: str) -> None:
    (problem,) = refusals(**written)
    assert said in problem


def test_jaeger_is_confined_and_keeps_traces_in_a_volume_that_stays(world: World) -> None:
    config = stack(observability={"tracing": {}})
    run(lambda: SpeechStack("tts-test", {"config": config, "preflight": False}).edge_url)
    container = world.inputs(CONTAINER)["tts-test-jaeger"]
    assert {network["name"] for network in container["networksAdvanced"]} == {"tts-test-observe"}
    assert "ports" not in container
    assert container["readOnly"]
    mounted = {volume["containerPath"]: volume["volumeName"] for volume in container["volumes"]}
    assert mounted["/traces"] == "tts-test-jaeger-traces"


def test_only_a_jaeger_that_sends_traces_on_has_a_way_out(world: World) -> None:
    config = stack(observability={"tracing": {"export": EXPORT}})
    secrets = {"otlpToken": "Bearer of what nobody else knows"}
    run(lambda: SpeechStack("tts-test", {"config": config, "secrets": dict(secrets), "preflight": False}).edge_url)
    container = world.inputs(CONTAINER)["tts-test-jaeger"]
    networks = {network["name"] for network in container["networksAdvanced"]}
    assert networks == {"tts-test-observe", "tts-test-jaeger-outside"}
    assert "/traces" not in {volume["containerPath"] for volume in container["volumes"]}
    assert secrets["otlpToken"] not in json.dumps(container)


def digest(world: World, secret: str = "", **tracing: Any) -> str:
    """What a container says of all that it reads when it starts."""
    world.made.clear()
    config = stack(observability={"tracing": tracing})
    secrets: dict[str, Any] = {"otlpToken": secret}
    run(lambda: SpeechStack("tts-test", {"config": config, "secrets": secrets, "preflight": False}).edge_url)
    labels = world.inputs(CONTAINER)["tts-test-jaeger"]["labels"]
    return next(str(label["value"]) for label in labels if label["label"] == "pulumi-tts.settings")


def test_other_settings_are_another_container(world: World) -> None:
    assert digest(world) == digest(world) != digest(world, retention="7d")


def test_another_secret_for_a_collector_is_another_container_too(world: World) -> None:
    old, same, new = (digest(world, f"Bearer {secret}", export=EXPORT) for secret in ("old", "old", "new"))
    assert old == same != new


def test_prometheus_asks_jaeger_how_it_is() -> None:
    watching = planned({}).observability
    assert watching
    assert ("tts-test-jaeger", 8888) in [(job.container, job.port) for job in watching.jobs]
