"""The label check beside the real Traefik: what it finds is what Traefik refuses or passes over, and nothing else."""

from importlib.resources import files

import pytest

from pulumi_tts.labels import Labelled, WayIn, checked
from tests.system.asked_traefik import NETWORK, Made, Opinion, opinion
from tests.system.label_table import HEADING, table

WAY = WayIn("tts-asked", NETWORK)
RULE = "Host(`{n}.example.com`)"

RIGHT = [
    {},
    {"http.routers.{n}.rule": RULE},
    {"HTTP.Routers.{n}.RULE": RULE},
    {"http.routers.{n}.rule": "Host(`{n}`) && (Path(`/a`) || PathPrefix(`/a/`)) && !Header(`X-A`, `b`)"},
    {"http.routers.{n}.rule": 'host("{n}") || HOST(`b{n}`) || Hostregexp(`^{n}c$`) || !(Query(`q`) && Method(`get`))'},
    {"http.routers.{n}.rule": "ClientIP(`10.0.0.0/8`) && QueryRegexp(`a`, `b.*`) && HeaderRegexp(`a`, `b`)"},
    {"http.routers.{n}.entrypoints": "web", "http.routers.{n}.priority": "-5"},
    {"http.services.{n}.loadbalancer.server.port": "8080", "http.routers.{n}.service": "{n}"},
    {"http.services.{n}.loadbalancer.server.port": "80", "http.routers.{n}.service": "{n}@docker"},
    {"http.services.{n}.loadbalancer.server.url": "http://10.0.0.1:80"},
    {"http.services.{n}.loadbalancer.sticky.cookie": "true", "http.services.{n}.loadbalancer.server.port": "80"},
    {"http.services.{n}.loadbalancer.healthcheck.interval": "10"},
    {"http.services.{n}.loadbalancer.responseforwarding.flushinterval": "1m30.5s"},
    {"http.routers.{n}.middlewares": "{n}-a, {n}-b", "http.middlewares.{n}-a.compress": "true",
     "http.middlewares.{n}-b.headers.customrequestheaders.X-Some.Thing": "x"},
    {"http.routers.{n}.middlewares": "{n}", "http.middlewares.{n}.ipallowlist.sourcerange": "10.0.0.0/8, 1.2.3.4"},
    {"http.routers.{n}.middlewares": "{n}", "http.middlewares.{n}.stripprefix.prefixes": "/a,/b"},
    {"http.routers.{n}.observability.accesslogs": "F"},
]  # fmt: skip
"""Traefik takes these as they are meant."""

REFUSED = [
    {"http.routers.{n}.rul": RULE},
    {"http.router.{n}.rule": RULE},
    {"http.routers.{n}.rule.": RULE},
    {"http.routers": "x"},
    {"https.routers.{n}.rule": RULE},
    {"enabled": "true"},
    {"docker.netwrk": "x"},
    {"http.routers.{n}.priority": "high"},
    {"http.routers.{n}.observability.metrics": "yes"},
    {"http.routers.{n}.rule": "Hst(`a`)"},
    {"http.routers.{n}.rule": "Host(a)"},
    {"http.routers.{n}.rule": "Host('a')"},
    {"http.routers.{n}.rule": "Host(`a`, `b`)"},
    {"http.routers.{n}.rule": "Host(`a`"},
    {"http.routers.{n}.rule": "Host(`a`) and Path(`/b`)"},
    {"http.routers.{n}.rule": "Host(`a`) Path(`/b`)"},
    {"http.routers.{n}.rule": "Host(`a`) &&"},
    {"http.routers.{n}.rule": "hOST(`a`)"},
    {"http.routers.{n}.rule": "Host(``)"},
    {"http.routers.{n}.rule": "Host()"},
    {"http.routers.{n}.rule": "Host:a"},
    {"http.routers.{n}.rule": "PathPrefix(`a`)"},
    {"http.routers.{n}.rule": "Host(`ä`)"},
    {"http.routers.{n}.rule": "ClientIP(`10.0.0.300`)"},
    {"http.routers.{n}.rule": "HostSNI(`a`)"},
    {"http.routers.{n}.middlewares": "nobody-defines-it"},
    {"http.routers.{n}.middlewares": "nobody@file"},
    {"http.routers.{n}.service": "nobody-defines-it"},
    {"http.routers.{n}.entrypoints": "websecure"},
    {"http.services.{n}.loadbalancer.server.port": "abc"},
    {"http.services.{n}.loadbalancer.server.url": "http://a", "http.services.{n}.loadbalancer.server.port": "80"},
    {"http.services.{n}.loadbalancer.healthcheck.interval": "often"},
    {"http.services.{n}.loadbalancer.passhostheader": "on"},
    {"http.services.{n}.weighted.sticky.cookie": "true"},
    {"http.services.{n}.loadbalancers.server.port": "80"},
    {"http.services.{n}.loadbalancer.server": "80"},
    {"http.services.{n}.loadbalancer.sticky.cookie.secure": ""},
    {"http.services.{n}a.loadbalancer.server.port": "80", "http.services.{n}b.loadbalancer.server.port": "81",
     "http.routers.{n}.rule": RULE},
    {"http.middlewares.{n}.headers": "true"},
    {"http.middlewares.{n}.ratelimit.average": "ten"},
    {"http.middlewares.{n}.compress": "true", "http.middlewares.{n}.stripprefix.prefixes": "/a",
     "http.routers.{n}.middlewares": "{n}"},
]  # fmt: skip
"""Of these Traefik says something in its log or its API, where few look."""

PASSED_OVER = [
    {"htp.routers.{n}.rule": RULE},
    {"tls.options.default.minversion": "VersionTLS13"},
    {"tls.stores.mine.defaultcertificate.certfile": "x"},
    {"http.serverstransports.{n}.insecureskipverify": "true"},
    {"http.middlewares.{n}.compress": "false"},
    {"swarm.network": "x"},
    {"http.routers.{n}": RULE},
]
"""Of these it says nothing at all."""

CASES = [*RIGHT, *REFUSED, *PASSED_OVER]


def made(number: int, labels: dict[str, str]) -> Made:
    name = f"case-{number}"
    written = {f"traefik.{key}".replace("{n}", name): value.replace("{n}", name) for key, value in labels.items()}
    return Made(name, {**WAY.asked, **written})


MADE = [made(number, labels) for number, labels in enumerate(CASES)]


@pytest.fixture(scope="module")
def said() -> Opinion:
    """What Traefik says of all cases at once."""
    return opinion(MADE)


def complains(said: Opinion, container: Made) -> list[str]:
    """All that Traefik says of a container, wherever it says it."""
    parts = [item for kind in ("routers", "services", "middlewares") for item in said.taken[kind].items()]
    about = [part for name, part in parts if name.partition("@")[0] in _names(container)]
    return [*said.errors.get(container.name, []), *(str(error) for part in about for error in part.get("error", []))]


def _names(container: Made) -> set[str]:
    return {container.name} | {f"{container.name}{end}" for end in ("a", "b", "-a", "-b")}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(labels) for labels in CASES])
def test_the_check_finds_what_traefik_does_not_take(said: Opinion, number: int) -> None:
    container = MADE[number]
    labelled = Labelled(container.name, container.labels, tuple(container.ports), tuple(container.networks))
    found = checked([labelled], WAY)
    complaints = complains(said, container)
    if CASES[number] in RIGHT:
        assert (found, complaints) == ({}, [])
        assert [name for name in said.taken["routers"] if name.startswith(container.name)]
    else:
        assert found, f"Traefik says: {complaints}"
        assert bool(complaints) is (CASES[number] in REFUSED), complaints


def test_two_containers_that_mean_different_things_by_one_name(said: Opinion) -> None:
    one = {"traefik.http.routers.same.rule": "Host(`a`)"}
    other = {"traefik.http.routers.same.rule": "Host(`b`)"}
    twice = [Made("one", {**WAY.asked, **one}), Made("other", {**WAY.asked, **other})]
    assert "same@docker" not in opinion(twice).taken["routers"]
    labelled = [Labelled(made.name, made.labels, tuple(made.ports), tuple(made.networks)) for made in twice]
    assert "takes neither" in str(checked(labelled, WAY)["other"])


def test_the_lowest_of_several_ports_is_taken() -> None:
    several = Made("several", WAY.asked, ports=("9090/tcp", "8080/tcp"))
    assert "8080" in str(opinion([several]).taken["services"]["several@docker"])


def test_the_table_is_what_this_traefik_knows() -> None:
    """Every field name that is in its program was tried at every place."""
    committed = files("pulumi_tts.labels").joinpath("known.txt").read_text()
    assert committed == HEADING + "\n".join(table()) + "\n", "run: make labels-table"
