"""A config is taken whole, or refused with everything that is wrong with it."""

from typing import Any

import pytest

from pulumi_tts.config import ConfigError, Problem, load_stack
from tests.unit.configs import many, second, stack, studio, voice


def problems_of(raw: object) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        load_stack(raw)
    return list(refused.value.problems)


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (stack(voice(engine="voce")), "pools[0].engine", "Did you mean 'voice'?"),
        (stack(voice(engine="whisper")), "pools[0].engine", "Known: cosyvoice3, "),
        (stack(voice(instnaces=3)), "pools[0].instnaces", "Did you mean 'instances'?"),
        (stack(voice(routes={"pth": "/a", "pool": "a.{domain}"})), "pools[0].routes.pth", "Did you mean 'path'?"),
        (stack(egde={}), "egde", "Did you mean 'edge'?"),
        (stack(edge={"dashbord": {}}), "edge.dashbord", "Did you mean 'dashboard'?"),
        (stack(voice(), voice(routes={"path": "/b"})), "pools[1].name", "is also the name of pools[0]"),
        (stack(voice(name="edge")), "pools[0].name", "this package uses itself"),
        (stack(voice(name="Voice")), "pools[0].name", "lower-case"),
        (
            stack(voice(), voice(name="b", routes={"pool": "voice.{domain}"})),
            "pools[1].routes.pool",
            "leads to the same place as pools[0].routes.pool",
        ),
        (
            stack(voice(), voice(name="b", routes={"pool": "voice2.{domain}"})),
            "pools[1].routes.pool",
            "leads to the same place as pools[0].routes.instance",
        ),
        (
            stack(studio(), studio(name="b", routes={"path": "/studio/b"})),
            "pools[1].routes.path",
            "shadows, or is shadowed by, pools[0].routes.path",
        ),
        (
            stack(voice(routes={"pool": "dashboard.{domain}"})),
            "edge.dashboard.host",
            "leads to the same place as pools[0].routes.pool",
        ),
        (stack(voice(instances=0)), "pools[0].instances", "Use at least 1"),
        (stack(voice(instances=10_000)), "pools[0].instances", "Use at most 512"),
        (stack(voice(instances=True)), "pools[0].instances", "is not a whole number"),
        (stack(voice(instances="2")), "pools[0].instances", "without quotes"),
        (stack(edge={"port": 8080, "dashboard": {"port": 8080}}), "edge.dashboard.port", "edge's own port"),
        (stack(edge={"port": 0}), "edge.port", "Use at least 1"),
        (stack(edge={"bind": "localhost"}), "edge.bind", "IPv4"),
        (stack(domain="https://example.com"), "domain", "is not a domain name"),
        (stack(domain="exa mple.com"), "domain", "is not a domain name"),
        (stack(domain="10.0.0.1"), "domain", "is not a domain name"),
        (stack(studio(routes={"path": "studio"})), "pools[0].routes.path", "Start with '/'"),
        (stack(studio(routes={"path": "/studio/"})), "pools[0].routes.path", "end without one"),
        (stack(studio(routes={"path": "/a/../b"})), "pools[0].routes.path", "is not a path prefix"),
        (stack(studio(routes={"path": "/a b"})), "pools[0].routes.path", "is not a path prefix"),
        (
            stack(voice(routes={"instance": "voice.{domain}"})),
            "pools[0].routes.instance",
            "Put {n} into it, as in 'voice{n}.{domain}'",
        ),
        (stack(voice(routes={"pool": "v{n}.{domain}"})), "pools[0].routes.pool", "one name is shared"),
        (stack(voice(routes={})), "pools[0].routes", "has no way in"),
        (stack(voice(routes=["voice.{domain}"])), "pools[0].routes", "Write a YAML mapping"),
        (stack(pools={"voice": {}}), "pools", "Write a YAML list"),
        (stack(edge=[{"port": 80}]), "edge", "Write a YAML mapping"),
        (stack(voice(memory=512)), "pools[0].memory", "as in '512m' or '8g'"),
        (stack(voice(stop_grace="30")), "pools[0].stop_grace", "as in '30s' or '5m'"),
        (stack(voice(environment={"A": True})), "pools[0].environment.A", "Quote what is meant"),
        (stack(voice(environment={"A-B": "x"})), "pools[0].environment.A-B", "environment variable's name"),
        (stack(voice(engine={"image": "a:1", "port": 80, "memory": "1g"})), "pools[0].engine.health", "is missing"),
        (stack(voice(memory="0m")), "pools[0].memory", "Use at least 16m"),
        (stack(voice(stop_grace="0s")), "pools[0].stop_grace", "at least 1s"),
        (stack(edge={"drain": "999999h"}), "edge.drain", "at most 168h"),
        (stack(voice(health={"interval": "2s"})), "pools[0].health", "Make the timeout at most the interval"),
        (stack(voice(writable=["/outputs/tmp"])), "pools[0]", "Give each a directory of its own"),
        (stack(voice(models="/outputs/models")), "pools[0]", "Give each a directory of its own"),
        (stack(voice(models="/tmp")), "pools[0]", "Give each a directory of its own"),
        (stack(voice(image="ollama/ollama")), "pools[0].image", "with a tag or digest"),
        (stack(voice(image="Ollama:1")), "pools[0].image", "with a tag or digest"),
        (stack(voice(instances=10**5000)), "pools[0].instances", "Use at most 512"),
        (stack(voice(environment={"A": "b\0c"})), "pools[0].environment.A", "NUL"),
        (stack(voice(headers={"X-A": "1", "x-a": "2"})), "pools[0].headers", "Write it once"),
        (stack(hosts=[{"docker": "tcp://[::1"}]), "hosts[0].docker", "Write unix:///var/run/docker.sock"),
        (stack(images="lokal"), "images", "Choose 'auto', 'registry' or 'local'"),
        (stack(hosts=[{"docker": "gpu-1:2375"}]), "hosts[0].docker", "Write unix:///var/run/docker.sock"),
        (stack(hosts=[{}, {"name": "b", "docker": "ssh://b"}]), "hosts[1].address", "as in address: 10.0.0.7"),
        (stack(hosts=[{}, second(address="b.internal")]), "hosts[1].bind", "as in bind: 10.0.0.7"),
        (stack(hosts=[{}, second(address="8.8.8.8")]), "hosts[1].address", "is not a private IPv4 address"),
        (stack(hosts=[{}, second(address="127.0.0.1")]), "hosts[1].address", "is not a private IPv4 address"),
        (stack(hosts=[{}, second(bind="0.0.0.0")]), "hosts[1].bind", "is not a private IPv4 address"),
        (stack(hosts=[{}, second(address="b:80")]), "hosts[1].address", "with no port"),
        (stack(hosts=[{}, second(ports="20000")]), "hosts[1].ports", "as in '20000-20999'"),
        (stack(hosts=[{}, second(ports="20999-20000")]), "hosts[1].ports", "is not a range of ports"),
        (stack(hosts=[{}, second(ports="80-90")]), "hosts[1].ports", "is not a range of ports"),
        (stack(hosts=[{}, second(name="local")]), "hosts[1].name", "is also the name of hosts[0]"),
        (stack(hosts=[{"docker": "ssh://b"}, second()]), "hosts[1].docker", "is also the docker of hosts[0]"),
        (stack(hosts=[{}, second(), second(name="c", docker="ssh://c")]), "hosts[2].address", "of hosts[1]"),
        (
            stack(hosts=[{}, second(), second(name="c", docker="ssh://c", address="c.internal", bind="10.0.0.7")]),
            "hosts[2].bind",
            "on which hosts[1] publishes",
        ),
        (stack(hosts=[{"address": "10.0.0.1"}]), "hosts[0].address", "the edge is on it"),
        (stack(hosts=[{"bind": "10.0.0.1"}]), "hosts[0].bind", "the edge is on it"),
        (stack(hosts=[{"ports": "20000-20999"}]), "hosts[0].ports", "the edge is on it"),
        (stack(hosts=[{"docker": "ssh://a", "certificates": "/c"}]), "hosts[0]", "an endpoint without TLS"),
        (stack(hosts=[{"docker": "tcp://a:1", "certificates": "c"}]), "hosts[0].certificates", "Write it as in"),
        (stack(hosts=[{}, *many(64)]), "hosts", "Give at most 64"),
        (
            stack(studio(routes={"path": "/studio", "pool": "studio.{domain}"})),
            "pools[0].routes",
            "is told to the engine as its path prefix",
        ),
    ],
)
def test_bad_input_is_refused_where_it_stands_with_what_would_be_right(raw: object, path: str, said: str) -> None:
    problems = problems_of(raw)
    assert [problem.path for problem in problems] == [path], "one mistake is one problem, at its own place"
    assert said in str(problems[0])


def test_a_secret_in_the_clear_is_refused_and_not_repeated() -> None:
    (problem,) = problems_of(stack(edge={"dashboard": {"password": "hunter2"}}))
    assert problem.path == "edge.dashboard.password"
    assert "secret in the clear" in str(problem)
    assert "hunter2" not in str(problem), "an error message ends up in terminals and CI logs"


def test_a_secret_under_a_misspelt_key_is_not_repeated_either() -> None:
    (problem,) = problems_of(stack(edge={"dashboard": {"pasword": "x", "passwort": "hunter2"}}))[1:]
    assert "hunter2" not in str(problem)


def test_a_secret_in_a_mapping_under_a_misspelt_key_is_not_repeated_either() -> None:
    for wrong in ({"egde": {"password": "hunter2"}}, {"edge": [{"password": "hunter2"}]}):
        assert "hunter2" not in str(problems_of(stack(**wrong)))


def test_one_wrong_template_is_one_problem_however_many_instances_it_is_for() -> None:
    long = "x" * 60 + "{n}.{domain}"
    problems = problems_of(
        stack(voice(instances=512, routes={"instance": long}), domain="d" * 63 + ".example.com" * 16)
    )
    assert len(problems) == 1


def test_all_problems_are_reported_at_once_also_those_between_parts() -> None:
    raw = stack(
        voice(instances=0),
        studio(),
        studio(name="b", routes={"path": "/studio"}),
        edge={"dashboard": {"port": 8080}},
        domian="x.example.com",
    )
    assert {problem.path for problem in problems_of(raw)} == {
        "pools[0].instances",
        "domian",
        "pools[2].routes.path",
        "edge.dashboard.port",
    }


@pytest.mark.parametrize("raw", [None, [], 3, "stack", {}, {"pools": []}, {"pools": [None]}])
def test_what_is_no_config_at_all_is_refused_in_words(raw: object) -> None:
    for problem in problems_of(raw):
        assert problem.remedy, "a refusal says what would be right"


def test_the_report_names_the_file_and_says_that_nothing_was_touched() -> None:
    with pytest.raises(ConfigError) as refused:
        load_stack(stack(voice(instances=0), images="x"))
    report = refused.value.report("Pulumi.dev.yaml")
    assert report.startswith("Pulumi.dev.yaml: 2 problems; nothing was touched.")


def test_a_pools_own_values_replace_those_of_its_engine() -> None:
    pool = load_stack(stack(voice(memory="2g", image="mine:1", environment={"VOICE_SLOTS": 4}))).pools[0]
    assert pool.profile.memory == 2048
    assert (pool.profile.image, pool.profile.build) == ("mine:1", None)
    assert pool.profile.environment["VOICE_SLOTS"] == "4"
    assert pool.profile.port == 8000, "what is not replaced stays the engine's"


def test_one_value_of_a_health_check_can_be_replaced_alone() -> None:
    health = load_stack(stack(voice(health={"startup": "10m"}))).pools[0].profile.health
    assert (health.startup, health.path) == (600, "/health")


@pytest.mark.parametrize(
    "image",
    ["ollama/ollama:0.12.0", "MyReg.example.com:5000/a/b_c:1", "a@sha256:" + "0" * 64, "a:1@sha256:" + "0" * 64],
)
def test_an_image_reference_is_one_that_docker_takes(image: str) -> None:
    assert load_stack(stack(voice(image=image))).pools[0].profile.image == image


def test_an_engine_of_ones_own_is_a_mapping() -> None:
    own: dict[str, Any] = {
        "image": "mine:1",
        "port": 9000,
        "memory": "1g",
        "health": {"command": ["true"], "path": "/up", "startup": "10m"},
    }
    pool = load_stack(stack(voice(engine=own))).pools[0]
    assert (pool.engine_name, pool.profile.port, pool.profile.health.startup) == ("custom", 9000, 600)
