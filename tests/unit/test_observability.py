"""What watches a stack: its config, its plan, and what becomes of them."""

from typing import Any

import pytest
import yaml

from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.observability import ObservabilityPlan
from pulumi_tts.render import alertmanager, blackbox, envoy, prometheus, rules, traefik
from pulumi_tts.render.pace import Pace
from tests.unit.configs import stack
from tests.unit.conftest import World, run

HOOK = {"name": "hook", "webhook": {"url": "https://alerts.example.com/hook"}}
CONTAINER = "docker:index/container:Container"


def plan(**changes: Any) -> StackPlan:
    return plan_stack(load_stack(stack(**{"observability": {}, **changes})), "tts-test", local_images=True)


def test_nothing_watches_a_stack_that_does_not_ask_for_it() -> None:
    unwatched = plan_stack(load_stack(stack()), "tts-test", local_images=True)
    assert unwatched.observability is None
    assert not [told for told in traefik.static_arguments(unwatched.edge, "/files") if "metrics" in told]


def test_an_edge_that_is_watched_tells_of_a_millisecond_and_of_45_minutes() -> None:
    told = traefik.static_arguments(plan().edge, "/files")
    assert "--entryPoints.metrics.address=:8083" in told
    (buckets,) = [each.partition("=")[2].split(",") for each in told if each.startswith("--metrics.prometheus.buckets")]
    bounds = [float(each) for each in buckets]
    assert bounds == sorted(set(bounds))
    assert (bounds[0], bounds[-1]) == (0.001, 45 * 60)


def test_no_client_reaches_the_edges_metrics(world: World) -> None:
    run(lambda: SpeechStack("tts-test", {"config": stack(observability={}), "preflight": False}).edge_url)
    edge = world.inputs(CONTAINER)["tts-test-edge"]
    assert [port["internal"] for port in edge["ports"]] == [8080]


def test_edge_guard_and_keeper_are_on_the_network_of_what_watches_them(world: World) -> None:
    run(lambda: SpeechStack("tts-test", {"config": stack(observability={}), "preflight": False}).edge_url)
    containers = world.inputs(CONTAINER)
    for name in ("edge", "guard", "keeper"):
        joined = {network["name"] for network in containers[f"tts-test-{name}"]["networksAdvanced"]}
        assert "tts-test-observe" in joined
    assert world.inputs("docker:index/network:Network")["tts-test-observe"]["internal"] is True


def test_a_page_is_below_its_path_behind_the_login() -> None:
    dashboard = plan().edge.dashboard
    assert dashboard
    http = yaml.safe_load(traefik.dashboard_file(dashboard, "$2a$10$hash"))["http"]
    for page in dashboard.pages:
        router = http["routers"][page.name]
        assert (
            router["middlewares"][: len(http["routers"]["dashboard"]["middlewares"])]
            == (http["routers"]["dashboard"]["middlewares"])
        )
        assert (f"{page.name}-strip" in router["middlewares"]) is page.strip


# ---- what is refused


def problems(observability: Any) -> dict[str, str]:
    """What is said of a config, by path."""
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(observability=observability))
    return {problem.path.removeprefix("observability."): str(problem) for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("written", "path", "told"),
    [
        ({"slo": {"availability": 100}}, "slo.availability", "is not an objective"),
        ({"slo": {"availability": 101.5}}, "slo.availability", "less than 100, as in 99.9"),
        ({"slo": {"availability": "99.9"}}, "slo.availability", "is not a percentage"),
        ({"slo": {"pools": {"voices": 99}}}, "slo.pools.voices", "Did you mean 'voice'?"),
        ({"prometheus": {"retention": {"size": "11g"}}}, "prometheus", "keeps up to 11g (retention.size)"),
        ({"prometheus": {"disk": "4g", "retention": {"size": "4g"}}}, "prometheus", "Use at most 3276m"),
        ({"prometheus": {"retention": {"time": "2h"}}}, "prometheus.retention.time", "is too small"),
        ({"prometheus": {"labels": {"pool": "x"}}}, "prometheus.labels", "used already"),
        ({"prometheus": {"remote_write": {"url": "https://a.example/w"}}}, "prometheus.remote_write.secret", "missing"),
        (
            {"prometheus": {"remote_write": {"url": "https://u:p@a.example", "secret": {"secret": "k"}}}},
            "prometheus.remote_write.url",
            "without a user or password",
        ),
        ({"alertmanager": {"receivers": [{"name": "a"}]}}, "alertmanager.receivers[0]", "says not how"),
        (
            {"alertmanager": {"receivers": [{**HOOK, "slack": {"url": {"secret": "s"}}}]}},
            "alertmanager.receivers[0]",
            "is told by webhook and slack",
        ),
        ({"alertmanager": {"receivers": [HOOK, HOOK]}}, "alertmanager.receivers[1].name", "also the name"),
        (
            {"alertmanager": {"receivers": [{"name": "s", "slack": {}}]}},
            "alertmanager.receivers[0].slack.url",
            "missing",
        ),
        (
            {"alertmanager": {"receivers": [{"name": "s", "slack": {"url": "https://hooks.slack.com/x"}}]}},
            "alertmanager.receivers[0].slack.url",
            "is a secret in the clear. Write {secret: slackUrl}",
        ),
        (
            {
                "alertmanager": {
                    "receivers": [
                        {
                            "name": "m",
                            "email": {"to": ["a@b.c"], "sender": "a@b.c", "server": "smtp.b.c:587", "user": "a"},
                        }
                    ]
                }
            },
            "alertmanager.receivers[0].email",
            "has a user without a password",
        ),
        (
            {"alertmanager": {"receivers": [{**HOOK, "severities": ["bad"]}]}},
            "alertmanager.receivers[0].severities[0]",
            "choices",
        ),
        ({"prometeus": {}}, "prometeus", "Did you mean 'prometheus'?"),
    ],
)
def test_what_would_not_do_is_refused_with_what_would(written: Any, path: str, told: str) -> None:
    found = problems(written)
    assert told in found[path]
    assert "hooks.slack.com" not in str(found)


def test_problems_of_what_watches_show_beside_others() -> None:
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(domain="-", observability={"slo": {"pools": {"voices": 99}}}))
    assert {problem.path for problem in refused.value.problems} == {"domain", "observability.slo.pools.voices"}


# ---- what follows


def watching(**observability: Any) -> ObservabilityPlan:
    planned = plan(observability=observability).observability
    assert planned
    return planned


def test_it_keeps_what_its_disk_has_room_for() -> None:
    assert (watching().prometheus.size, watching().prometheus.time) == (8192, 15 * 86_400)
    arguments = prometheus.static_arguments(watching(prometheus={"disk": "5g"}).prometheus)
    assert "--storage.tsdb.retention.size=4096MB" in arguments


def test_only_what_tells_somebody_outside_has_a_way_out(world: World) -> None:
    assert watching().outside is None
    config = stack(observability={"alertmanager": {"receivers": [HOOK]}})
    run(lambda: SpeechStack("tts-test", {"config": config, "preflight": False}).edge_url)
    out = {
        name
        for name, inputs in world.inputs(CONTAINER).items()
        if "tts-test-observe-outside" in {network["name"] for network in inputs.get("networksAdvanced") or []}
    }
    assert out == {"tts-test-alertmanager"}


def test_secrets_reach_files_and_no_command(world: World) -> None:
    receiver = {"name": "s", "slack": {"url": {"secret": "slackUrl"}}}
    write = {"url": "https://metrics.example.com/write", "secret": {"secret": "writeToken"}}
    config = stack(observability={"alertmanager": {"receivers": [receiver]}, "prometheus": {"remote_write": write}})
    secrets = {"slackUrl": "https://hooks/very-secret", "writeToken": "very-secret-too"}
    args: Any = {"config": config, "secrets": secrets, "preflight": False}
    run(lambda: SpeechStack("tts-test", args).edge_url)
    containers = world.inputs(CONTAINER)
    uploaded = {
        upload["file"].rpartition("/")[2]: upload["content"]
        for name in ("prometheus", "alertmanager")
        for upload in containers[f"tts-test-{name}-files-courier"]["uploads"]["value"]
    }
    assert uploaded["secret-of-s"] == secrets["slackUrl"]
    assert uploaded["remote-write-secret"] == secrets["writeToken"]
    assert "very-secret" not in uploaded["alertmanager.yml"] + uploaded["prometheus.yml"]
    assert "very-secret" not in str([containers[f"tts-test-{name}"] for name in ("prometheus", "alertmanager")])


def test_a_probe_goes_the_first_way_of_its_pool_and_knows_whether_a_login_is_asked_for() -> None:
    planned = plan(edge={"auth": {"users": [{"name": "anna"}], "default": "basic"}}).observability
    assert planned
    assert planned.blackbox
    assert [(probe.host, probe.path, probe.login) for probe in planned.blackbox.probes] == [
        ("voice.localhost", "/health", True),
        ("localhost", "/studio/config", True),
    ]
    modules = yaml.safe_load(blackbox.blackbox_file(planned.blackbox))["modules"]
    assert modules["login"]["http"]["valid_status_codes"] == [401]


@pytest.mark.parametrize(
    ("tls", "https", "tls_config"),
    [
        ("off", False, None),
        ({"self_signed": {}}, True, {"ca_file": "/files/current/authority.pem"}),
        ({"letsencrypt": {"email": "a@example.com"}}, True, None),
        ({"letsencrypt": {"email": "a@example.com", "staging": True}}, True, {"insecure_skip_verify": True}),
    ],
)
def test_a_probe_believes_whom_clients_believe(tls: Any, https: bool, tls_config: Any) -> None:
    planned = plan(domain="voice.example.com", edge={"tls": tls, "bind": "127.0.0.1"}).observability
    assert planned
    assert planned.blackbox
    modules = yaml.safe_load(blackbox.blackbox_file(planned.blackbox))["modules"]
    assert modules["open"]["http"].get("tls_config") == tls_config
    scheme = "https://tts-test-edge:8443" if https else "http://tts-test-edge:8080"
    jobs = yaml.safe_load(prometheus.prometheus_file(planned))["scrape_configs"]
    (probes,) = [job for job in jobs if job["job_name"] == "probe"]
    assert all(entry["targets"][0].startswith(f"{scheme}/") for entry in probes["static_configs"])


def test_a_certificate_that_lasts_for_days_is_not_spoken_of_all_the_time() -> None:
    def before(lasts: str) -> int:
        tls = {"letsencrypt": {"email": "a@example.com", "lasts": lasts}}
        planned = plan(domain="voice.example.com", edge={"tls": tls, "bind": "127.0.0.1"}).observability
        assert planned
        return planned.certificate

    assert before("90d") == 14 * 86_400
    assert before("6d") == 86_400


def test_each_pool_has_its_own_promise() -> None:
    text = rules.rules_file(watching(slo={"availability": 99.0, "pools": {"studio": 99.9}}))
    found = {
        rule["expr"]
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if rule.get("labels", {}).get("window") == "1h"
    }
    assert found == {
        'pool:errors:ratio_rate1h{pool="voice"} > 0.144 and pool:errors:ratio_rate5m{pool="voice"} > 0.144',
        'pool:errors:ratio_rate1h{pool="studio"} > 0.0144 and pool:errors:ratio_rate5m{pool="studio"} > 0.0144',
    }


def test_every_alert_says_what_to_do_and_how_soon() -> None:
    for group in yaml.safe_load(rules.rules_file(watching()))["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["labels"]["severity"] in ("critical", "warning")
                assert rule["annotations"]["summary"]
                assert len(rule["annotations"]["description"].split()) >= 12


def test_a_receiver_is_told_of_its_severities_alone() -> None:
    tree = yaml.safe_load(
        alertmanager.alertmanager_file(
            watching(alertmanager={"receivers": [{**HOOK, "severities": ["critical"]}]}).alertmanager
        )
    )
    (route,) = tree["route"]["routes"]
    assert (route["receiver"], route["matchers"], route["continue"]) == ("hook", ['severity=~"critical"'], True)
    assert tree["route"]["receiver"] == "nobody"


def test_the_guard_counts_in_the_edges_steps() -> None:
    guard = plan().guard
    assert guard
    (settings,) = envoy.bootstrap(guard, envoy.IN_CONTAINER)["stats_config"]["histogram_bucket_settings"]
    assert (settings["buckets"][0], settings["buckets"][-1]) == (1, 45 * 60 * 1000)


def test_time_can_pass_faster() -> None:
    assert [Pace()(seconds) for seconds in (300, 90, 86_400, 0)] == ["5m", "90s", "1d", "1ms"]
    assert Pace(40)(300) == "7500ms"


def test_its_parts_can_be_left_out() -> None:
    less = watching(probes=False, node=False)
    assert less.blackbox is None
    assert less.node is None
    assert {job.name for job in less.jobs} == {"prometheus", "alertmanager", "edge", "guard", "keeper"}


def test_without_a_dashboard_it_is_there_and_nobody_sees_its_pages() -> None:
    planned = plan(edge={"dashboard": {"enabled": False}})
    assert planned.observability
    assert planned.observability.prometheus.page == "http://tts-test-prometheus:9090/prometheus/"


def test_what_watches_an_unguarded_stack_asks_no_guard() -> None:
    pools = [{"name": "voice", "engine": "voice", "guard": "none", "routes": {"pool": "voice.{domain}"}}]
    planned = plan(pools=pools).observability
    assert planned
    assert not {"guard", "keeper"} & {job.name for job in planned.jobs}
