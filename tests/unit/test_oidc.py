"""A login by an OpenID provider: from the config to what the edge, the guard and oauth2-proxy are told."""

import json
import re
from typing import Any

import pytest
import yaml

from bootstrap.go_programs import PROGRAMS
from bootstrap.paths import CHECKOUT
from pulumi_tts.config import ConfigError, Problem, load_stack, versions
from pulumi_tts.config.auth_checks import secret_problems
from pulumi_tts.docker import SpeechStack, TraefikEdge
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.oidc import OidcPlan
from pulumi_tts.render import discovery, envoy, oauth2_proxy, traefik
from pulumi_tts.render.traefik_auth import login_file
from tests.unit.configs import stack, studio, voice
from tests.unit.conftest import World, run

OIDC: dict[str, Any] = {
    "issuer": "https://id.example.com/realms/speech",
    "client_id": "voice",
    "client_secret": {"secret": "oidcSecret"},
    "allowed": {"domains": ["example.com"]},
}
TLS: dict[str, Any] = {"tls": {"self_signed": {}}}
CONTAINER = "docker:index/container:Container"


def asking(*pools: dict[str, Any], domain: str = "voice.test", edge: Any = None, **oidc: Any) -> dict[str, Any]:
    """A stack whose first pool asks for a session; None takes a line out of the provider's."""
    written = {name: value for name, value in (OIDC | oidc).items() if value is not None}
    own = pools or (voice(auth="oidc"),)
    return stack(*own, domain=domain, edge={"auth": {"oidc": written}, **(edge or {})})


def problems_of(raw: object) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        load_stack(raw)
    return list(refused.value.problems)


def plan(raw: dict[str, Any]) -> StackPlan:
    return plan_stack(load_stack(raw), "tts-test", local_images=True)


def oidc_plan(raw: dict[str, Any]) -> OidcPlan:
    found = plan(raw).edge.auth.oidc
    assert found
    return found


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (asking(issuer=None), "edge.auth.oidc.issuer", "is missing"),
        (asking(issuer="id.example.com"), "edge.auth.oidc.issuer", "as in 'https://login.example.com'"),
        (asking(issuer="https://id.example.com/?a=b"), "edge.auth.oidc.issuer", "no issuer has"),
        (asking(issuer="https://id.example.com/a b"), "edge.auth.oidc.issuer", "is not an issuer"),
        (asking(issuer="https://id.example.com:70000"), "edge.auth.oidc.issuer", "is not an issuer"),
        (asking(issuer="http://id.example.com"), "edge.auth.oidc.issuer", "in the clear"),
        (asking(issuer="http://8.8.8.8"), "edge.auth.oidc.issuer", "Write https://"),
        (asking(client_id=None), "edge.auth.oidc.client_id", "is missing"),
        (asking(client_id="a,b"), "edge.auth.oidc.client_id", "is not written as expected"),
        (asking(client_secret=None), "edge.auth.oidc.client_secret", "is missing"),
        (asking(client_secret="hunter2"), "edge.auth.oidc.client_secret", "Write {secret: oidcSecret} here"),
        (asking(allowed=None), "edge.auth.oidc.allowed", "is missing"),
        (asking(allowed="everybody"), "edge.auth.oidc.allowed", "Choose 'anybody'"),
        (asking(allowed={}), "edge.auth.oidc.allowed", "Give emails, domains or groups; or write anybody"),
        (asking(allowed={"emails": []}), "edge.auth.oidc.allowed.emails", "Give at least 1"),
        (asking(allowed={"email": ["a@b.c"]}), "edge.auth.oidc.allowed.email", "Did you mean 'emails'?"),
        (asking(allowed={"emails": ["anna"]}), "edge.auth.oidc.allowed.emails[0]", "is not written as expected"),
        (asking(allowed={"emails": ["Anna@b.c"]}), "edge.auth.oidc.allowed.emails[0]", "is not written as expected"),
        (asking(allowed={"emails": ["#a@b.c"]}), "edge.auth.oidc.allowed.emails[0]", "is not written as expected"),
        (asking(allowed={"domains": ["*"]}), "edge.auth.oidc.allowed.domains[0]", "is not a domain name"),
        (asking(allowed={"groups": ["a,b"]}), "edge.auth.oidc.allowed.groups[0]", "is not written as expected"),
        (asking(user="sub"), "edge.auth.oidc", "allowed.domains and user: sub"),
        (asking(user="name"), "edge.auth.oidc.user", "Choose 'email' or 'sub'"),
        (asking(scopes=["email"]), "edge.auth.oidc.scopes", "Add openid"),
        (asking(scopes=["openid email"]), "edge.auth.oidc.scopes[0]", "is not written as expected"),
        (asking(session="1m"), "edge.auth.oidc.session", "Use at least 5m"),
        (asking(session="8"), "edge.auth.oidc.session", "Write a whole number with s, m or h"),
        (asking(host="login{n}.{domain}"), "edge.auth.oidc.host", "there is one login"),
        (asking(host="login.else.test"), "edge.auth.oidc.host", "Use a name in it, as 'login.voice.test'"),
        (asking(host="voice.{domain}"), "edge.auth.oidc.host", "leads to the same place as pools[0].routes.pool"),
        (asking(host="dashboard.{domain}"), "edge.auth.oidc.host", "leads to the same place as edge.dashboard.host"),
        (asking(domain="localhost"), "domain", "Use a domain of two labels or more"),
        (
            asking(voice(auth="oidc", routes={"pool": "speech.else.test"})),
            "pools[0].routes.pool",
            "is not in voice.test, whose names share one session",
        ),
        (
            asking(voice(auth={"instance": "oidc"}, routes={"path": "/a", "instance": "v{n}.else.test"}, instances=1)),
            "pools[0].routes.instance",
            "or, for a route, another login than oidc",
        ),
        (
            asking(edge={"bind": "0.0.0.0", "unprotected": ["tls", "login"]}),
            "edge.auth.oidc",
            "over a public address without TLS",
        ),
    ],
)
def test_bad_input_is_refused_where_it_stands_with_what_would_be_right(raw: object, path: str, said: str) -> None:
    (problem,) = problems_of(raw)
    assert problem.path == path
    assert said in str(problem)
    assert "hunter2" not in str(problem), "an error message ends up in terminals and CI logs"


def test_what_the_provider_gave_is_taken_as_it_is_but_for_a_line_that_was_copied_too() -> None:
    edge = load_stack(asking()).edge
    assert load_stack(asking()).secret_references == [("edge.auth.oidc.client_secret.secret", "oidcSecret")]
    assert list(secret_problems(edge, {"oidcSecret": "short"})) == []
    (problem,) = secret_problems(edge, {"oidcSecret": "GOCSPX-abc\n"})
    assert problem.path == "edge.auth.oidc.client_secret.secret"
    assert "GOCSPX" not in str(problem)
    assert "Set it as the provider shows it" in str(problem)


def test_the_stacks_default_and_each_route_may_be_a_session() -> None:
    raw = asking(voice(auth={"instance": "open"}), studio(), edge={})
    raw["edge"]["auth"]["default"] = "oidc"
    made = plan(raw)
    http = yaml.safe_load(traefik.routes_file(made.routes, made.edge))["http"]["routers"]
    assert {name for name in http if name.endswith("_page")} == {"voice.pool_page", "studio.path_page"}
    assert http["voice.pool"]["middlewares"][2:5] == ["edge_to-guard", "session_asked", "session_user"]
    assert http["voice.pool_page"]["middlewares"][2:5] == ["edge_to-guard", "session_asked-page", "session_user"]
    assert http["voice.1"]["middlewares"][2:5] == ["edge_to-guard", "session_none", "edge_past-guard"]
    page, rest = http["studio.path_page"], http["studio.path"]
    assert {**page, "rule": "", "middlewares": []} == {
        **rest,
        "rule": "",
        "middlewares": [],
        "priority": len(rest["rule"]) + 1,
    }, "the same but for who has no session; and no longer rule than its own stands behind it"


def test_where_there_is_no_such_login_nothing_is_asked_for_it() -> None:
    bare = plan(stack(edge={"auth": {"api_keys": [{"name": "a"}]}}))
    said = login_file(bare.routes, bare.edge.auth, {}) + traefik.routes_file(bare.routes, bare.edge)
    assert "session" not in said
    assert bare.guard
    assert "/session" not in "".join(envoy.files(bare.guard).values())
    assert bare.edge.own_routes == plan(stack()).edge.own_routes


def test_guests_get_no_session_either() -> None:
    made = plan(asking(edge={"discovery": {"enabled": True}}))
    assert made.edge.discovery
    router = json.loads(discovery.discovery_file(made.edge.discovery, made.edge))["http"]["routers"]["edge_discovery"]
    assert router["middlewares"][1:5] == ["edge_no-user", "edge_to-guard", "session_none", "edge_past-guard"]


def test_guests_serve_no_page_where_people_sign_in() -> None:
    for dashboard, reserved in (
        ({}, ["login.voice.test"]),
        ({"port": 9000}, ["dashboard.voice.test", "login.voice.test"]),
    ):
        made = plan(asking(edge={"discovery": {"enabled": True}, "dashboard": dashboard}))
        assert made.edge.discovery
        http = json.loads(discovery.discovery_file(made.edge.discovery, made.edge))["http"]
        assert {tuple(re.findall(r"!Host\(`(.+?)`\)", each["rule"])) for each in http["routers"].values()} == {
            tuple(reserved)
        }


def test_the_logins_host_has_a_certificate_and_its_callback_is_where_clients_find_it() -> None:
    made = plan(asking(edge={**TLS, "dashboard": {"enabled": False}}))
    assert [route.host for route in made.edge.own_routes] == ["login.voice.test"]
    told = oauth2_proxy.arguments(oidc_plan(asking(edge=TLS)))
    assert "--redirect-url=https://login.voice.test:8443/oauth2/callback" in told
    assert "--cookie-secure=true" in told
    told = oauth2_proxy.arguments(oidc_plan(asking()))
    assert "--redirect-url=http://login.voice.test:8080/oauth2/callback" in told
    assert "--cookie-secure=false" in told


def test_who_is_let_in() -> None:
    def told(allowed: Any, **oidc: Any) -> tuple[set[str], dict[str, str]]:
        made = oidc_plan(asking(allowed=allowed, **oidc))
        wanted = ("--email-domain", "--authenticated", "--allowed", "--oidc-email")
        arguments = {each for each in oauth2_proxy.arguments(made) if each.startswith(wanted)}
        return arguments, oauth2_proxy.files(made, "theirs", "ours")

    secrets = {"client_secret": "theirs", "cookie_secret": "ours"}
    everybody = {"--email-domain=*", "--oidc-email-claim=email"}
    by_file = {"--authenticated-emails-file=/files/current/emails.csv", "--oidc-email-claim=email"}
    assert told("anybody") == (everybody, secrets)
    assert told({"groups": ["a b", "c"]}) == (everybody | {"--allowed-group=a b", "--allowed-group=c"}, secrets)
    assert told("anybody", user="sub")[0] == {"--email-domain=*", "--oidc-email-claim=sub"}
    emails = {"emails.csv": "a@b.c\nb@b.c\n"}
    assert told({"emails": ["b@b.c", "a@b.c"]}) == (by_file, secrets | emails)
    none = {"emails.csv": ""}
    assert told({"domains": ["b.c"]}) == (by_file | {"--email-domain=b.c"}, secrets | none)


def test_two_clients_of_a_provider_have_two_sessions_and_the_guard_knows_which() -> None:
    names = {oidc_plan(raw).cookie for raw in (asking(), asking(client_id="other"), asking(host="in.{domain}"))}
    assert len(names) == 3
    made = plan(asking())
    assert made.guard
    assert made.guard.auth
    assert made.edge.auth.oidc
    assert made.guard.auth.session_cookie == made.edge.auth.oidc.cookie


# ---- the component


def speech(raw: dict[str, Any], secret: str = "theirs") -> None:
    secrets: dict[str, Any] = {"oidcSecret": secret}
    run(lambda: SpeechStack("tts-test", {"config": raw, "secrets": secrets, "preflight": False}).edge_url)


def test_it_is_beside_the_edge_where_no_engine_is_and_no_secret_shows(world: World) -> None:
    speech(asking() | {"images": "registry"})
    containers = world.inputs(CONTAINER)
    login, edge, voice_1 = (containers[f"tts-test-{name}"] for name in ("edge-oidc", "edge", "voice-1"))
    (network,) = login["networksAdvanced"]
    assert network in edge["networksAdvanced"]
    assert network not in voice_1["networksAdvanced"]
    assert login["image"] == "sha256:tts-test-edge-oidc-image"
    images = world.inputs("docker:index/remoteImage:RemoteImage")
    assert images["tts-test-edge-oidc-image"]["name"] == versions.images().oauth2_proxy
    assert "theirs" not in json.dumps(login)
    uploads = containers["tts-test-edge-oidc-files-courier"]["uploads"]
    assert {"theirs", "generated"} <= set(str(uploads).replace("'", " ").split()), "as files"
    assert isinstance(uploads, dict), "marked as secret, so that they are in no state in the clear"
    (drawn,) = [each for each in world.made if each.name == "tts-test-edge-oidc-cookie"]
    assert drawn.inputs["length"] == 32


def test_another_secret_is_another_container_and_another_address_is_a_file(world: World) -> None:
    def seen(raw: dict[str, Any], secret: str = "theirs") -> tuple[str, str]:
        world.made.clear()
        speech(raw, secret)
        containers = world.inputs(CONTAINER)
        courier = containers["tts-test-edge-oidc-files-courier"]
        return json.dumps(containers["tts-test-edge-oidc"], default=str), json.dumps(courier, default=str)

    first, files = seen(asking())
    again, others = seen(asking(allowed={"domains": ["example.com"], "emails": ["guest@else.org"]}))
    assert again == first
    assert others != files
    assert seen(asking(), "rolled")[0] != first
    assert seen(asking(session="1h"))[0] != first


def test_an_edge_of_somebody_elses_asks_for_what_it_needs(world: World) -> None:
    route = {"name": "mine", "host": "mine.voice.test", "upstreams": ["http://mine:80"], "auth": "oidc"}
    edge = {"auth": {"oidc": OIDC}}

    def made(route: dict[str, Any], **args: Any) -> None:
        given: Any = {"network": "net", "images": "registry", "domain": "voice.test", "routes": [route], **args}
        run(lambda: TraefikEdge("edge", given).url)

    with pytest.raises(ConfigError, match="'oidcSecret' is not among the secrets that were given"):
        made(route, edge=edge)
    secrets = {"oidcSecret": "theirs"}
    with pytest.raises(ConfigError, match="the edge knows no provider"):
        made(route, guard="guard")
    with pytest.raises(ConfigError, match="Give the name of an EnvoyGuard"):
        made(route, edge=edge, secrets=secrets)
    with pytest.raises(ConfigError, match=r"routes\[0\].host: 'mine.else.test' is not in voice.test"):
        made({**route, "host": "mine.else.test"}, edge=edge, secrets=secrets, guard="guard", guard_token="shared")
    with pytest.raises(ConfigError, match="has no dot"):
        made(route, edge=edge, secrets=secrets, guard="guard", guard_token="shared", domain="localhost")
    world.made.clear()
    made(route, edge=edge, secrets=secrets, guard="guard", guard_token="shared")
    assert "edge-oidc" in world.inputs(CONTAINER)


# ---- where it comes from


def test_go_builds_the_release_that_a_registry_has() -> None:
    package = PROGRAMS["oauth2-proxy"].package
    module = (CHECKOUT / "images" / "oauth2-proxy" / "go.mod").read_text()
    (line,) = [line.split() for line in module.splitlines() if line.strip().startswith(f"{package} ")]
    assert versions.images().oauth2_proxy.endswith(f":{line[1]}-alpine")
    assert f"tool {package}" in module


def test_a_page_is_led_to_its_login_also_where_its_client_brings_a_trace() -> None:
    asked = plan(asking() | {"observability": {"tracing": {}}})
    routers = yaml.safe_load(traefik.routes_file(asked.routes, asked.edge))["http"]["routers"]

    def priority(name: str) -> int:
        return int(routers[name].get("priority", len(routers[name]["rule"])))

    for route in (name for name in routers if "_" not in name):
        if f"{route}_page" in routers:
            assert priority(route) < priority(f"{route}_page")
            assert priority(f"{route}_page_untraced") > priority(f"{route}_untraced") > priority(f"{route}_page")
    assert "voice.pool_page_untraced" in routers


def test_the_dashboard_asks_nobody_about_sessions_and_passes_no_cookie_on() -> None:
    asked = plan(asking() | {"observability": {}})
    assert asked.edge.dashboard
    http = yaml.safe_load(traefik.dashboard_file(asked.edge.dashboard, "$2a$05$x"))["http"]
    assert set(http["routers"]) == {"dashboard", "keeper", "prometheus", "alertmanager"}
    assert not [name for name, middleware in http["middlewares"].items() if "forwardAuth" in middleware]
    cookies = {name for name, each in http["middlewares"].items() if "Cookie" in str(each)}
    assert cookies == {"dashboard-cookies"}
    assert all("dashboard-cookies" in router["middlewares"] for router in http["routers"].values())
