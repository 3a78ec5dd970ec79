"""TLS: what may be written, what follows from it, and the files of it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from pulumi_tts.config import ConfigError, Problem, load_stack
from pulumi_tts.config.pem import chain, covers, fits, names_of
from pulumi_tts.config.tls import dns_providers
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.edge import dashboard_route
from pulumi_tts.plan.tls import leaf_names, ordered_names
from pulumi_tts.render import traefik
from pulumi_tts.render.discovery import discovery_file
from pulumi_tts.render.self_signed import SelfSigned, self_signed
from pulumi_tts.render.traefik_tls import tls_environment, tls_file, tls_files
from tests.unit.configs import stack, studio, voice

TODAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
DOMAIN = "voice.example.com"
ACME = {"email": "ops@example.com"}
DNS = {"provider": "cloudflare", "credentials": {"CF_DNS_API_TOKEN": {"secret": "token"}}}


def made(*names: str, now: datetime = TODAY, seed: str = "seed", domain: str = DOMAIN) -> SelfSigned:
    return self_signed(seed, domain, names or (f"a.{DOMAIN}",), now)


def config(*pools: Any, domain: str = DOMAIN, **edge: Any) -> dict[str, Any]:
    return stack(*pools, domain=domain, edge={"unprotected": ["login"], **edge})


def plan(*pools: Any, domain: str = DOMAIN, **edge: Any) -> StackPlan:
    return plan_stack(load_stack(config(*pools, domain=domain, **edge)), "tts-test", local_images=True)


def acme(**more: Any) -> dict[str, Any]:
    return {"letsencrypt": {**ACME, **more}}


def problems_of(raw: object) -> list[Problem]:
    with pytest.raises(ConfigError) as refused:
        load_stack(raw)
    return list(refused.value.problems)


PAIR = made(f"*.{DOMAIN}", DOMAIN)
OTHER = made("a.example.org", domain="example.org")
EXPIRED = made(f"*.{DOMAIN}", DOMAIN, now=TODAY - timedelta(days=800))


def given(pair: SelfSigned = PAIR) -> dict[str, Any]:
    return {"certificates": [{"certificate": pair.certificate, "key": {"secret": "edgeKey"}}]}


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (config(tls=acme(email=None)), "edge.tls.letsencrypt.email", "is not text"),
        (config(tls={"letsencrypt": {}}), "edge.tls.letsencrypt.email", "is missing"),
        (config(tls=acme(email="ops")), "edge.tls.letsencrypt.email", "as in 'ops@example.com'"),
        (config(tls=acme(wildcard=True)), "edge.tls.letsencrypt.wildcard", "Write challenge: {dns:"),
        (config(tls=acme(wildcard=True, challenge="http")), "edge.tls.letsencrypt.wildcard", "by http"),
        (config(voice(), tls=acme(), domain="localhost"), "pools[0].routes.pool", ".localhost is not on the public"),
        (config(voice(), tls=acme(), domain="tts.local"), "pools[0].routes.instance", "tls: {self_signed: {}}"),
        (config(studio(), tls=acme(), domain="intranet"), "pools[0].routes.path", "no name that Let's Encrypt"),
        (config(domain="10.0.0.1", tls=acme()), "domain", "is not a domain name"),
        (
            config(tls=acme(challenge={"dns": {**DNS, "provider": "cloudflair"}})),
            "edge.tls.letsencrypt.challenge.dns.provider",
            "Did you mean 'cloudflare'?",
        ),
        (
            config(tls=acme(challenge={"dns": {**DNS, "provider": "qqqqqq"}})),
            "edge.tls.letsencrypt.challenge.dns.provider",
            "Lego's documentation lists them",
        ),
        (
            config(tls=acme(challenge={"dns": {**DNS, "credentials": {"CF_DNS_API_TOKEN": "abc"}}})),
            "edge.tls.letsencrypt.challenge.dns.credentials",
            "has CF_DNS_API_TOKEN in the clear",
        ),
        *(
            (
                config(tls=acme(challenge={"dns": {"provider": "gcloud", "credentials": {name: value}}})),
                "edge.tls.letsencrypt.challenge.dns.credentials",
                f"has {name} in the clear",
            )
            for name, value in (
                ("GCE_SERVICE_ACCOUNT", "{}"),
                ("GCE_ACCOUNT", '{"private_key": "abc"}'),
                ("GCE_ACCOUNT", "-----BEGIN RSA PRIVATE KEY-----"),
            )
        ),
        (
            config(tls=acme(challenge={"dns": {**DNS, "credentials": {"A": {"secert": "abc"}}}})),
            "edge.tls.letsencrypt.challenge.dns.credentials.A.secert",
            "Did you mean 'secret'?",
        ),
        (
            config(tls=acme(challenge={"dns": {**DNS, "resolvers": ["10.0.0.2"]}})),
            "edge.tls.letsencrypt.challenge.dns.resolvers[0]",
            "as in '10.0.0.2:53'",
        ),
        (config(tls=acme(challenge="dns")), "edge.tls.letsencrypt.challenge", "write {dns: {provider: …,"),
        (config(tls=acme(challenge="tls-alpn-01")), "edge.tls.letsencrypt.challenge", "Choose 'tls_alpn' or 'http'"),
        (config(tls=acme(challenge=["http"])), "edge.tls.letsencrypt.challenge", "is not one of the challenges"),
        (config(tls=acme(challenge={"dsn": {}})), "edge.tls.letsencrypt.challenge.dsn", "Did you mean 'dns'?"),
        (config(tls=acme(stagin=True)), "edge.tls.letsencrypt.stagin", "Did you mean 'staging'?"),
        (config(tls=acme(key_type="EC255")), "edge.tls.letsencrypt.key_type", "Choose 'EC256'"),
        (config(tls=acme(lasts="3000d")), "edge.tls.letsencrypt.lasts", "at most 398d"),
        (config(tls=acme(server="http://ca/dir")), "edge.tls.letsencrypt.server", "https://ca.internal/acme"),
        (config(tls=acme(ca=PAIR.ca)), "edge.tls.letsencrypt.ca", "Give server, or no ca"),
        (
            config(tls=acme(staging=True, server="https://ca.internal/dir")),
            "edge.tls.letsencrypt.staging",
            "server names another one",
        ),
        (
            config(*(voice(name=f"v{n}", routes={"pool": f"v{n}.{{domain}}"}) for n in range(51)), tls=acme()),
            "edge.tls.letsencrypt",
            "more than the 50",
        ),
        (config(tls={**acme(), "names": ["tools.local"]}), "edge.tls.names[0]", ".local is not on the public"),
        (config(tls={**acme(), "names": ["{domain}"]}, domain="localhost"), "edge.tls.names[0]", "no name that Let's"),
        (
            config(tls={**acme(), "names": [f"tools{n}.{{domain}}" for n in range(51)]}),
            "edge.tls.letsencrypt",
            "more than the 50",
        ),
        (
            config(tls=acme(), discovery={"enabled": True}),
            "edge.discovery.enabled",
            "Write edge.tls.letsencrypt.wildcard: true, or their names under edge.tls.names",
        ),
        (
            config(tls={"self_signed": {}}, discovery={"enabled": True}, domain="localhost"),
            "edge.discovery.enabled",
            "as in 'tts.localhost'",
        ),
        (config(tls={}), "edge.tls", "says not where its certificates come from"),
        (config(tls={**acme(), "self_signed": {}}), "edge.tls", "has self_signed and letsencrypt"),
        (config(tls="on"), "edge.tls", "'off'"),
        (config(tls=True), "edge.tls", "{letsencrypt: {email: …}}"),
        (config(tls="letsencrypt"), "edge.tls", "{letsencrypt: {email: …}}"),
        (config(tls=None), "edge.tls", "{letsencrypt: {email: …}}"),
        (config(tls={"self_signed": {}, "port": 8080}), "edge.tls.port", "is also edge.port"),
        (config(tls={"self_signed": {}}, dashboard={"port": 8443}), "edge.tls.port", "is also edge.dashboard.port"),
        (config(tls={**acme(), "port": 80}), "edge.tls.port", "is also edge.port"),
        (config(tls={"self_signed": {}, "profile": "old"}), "edge.tls.profile", "'intermediate' or 'modern'"),
        (config(tls={"self_signed": {}, "hsts": "forever"}), "edge.tls.hsts", "as in '12h' or '30d'"),
        (config(tls={"self_signed": {}, "names": ["a{n}.b.c"]}), "edge.tls.names[0]", "has {n}"),
        (config(tls=given(OTHER)), "edge.tls.certificates[0].certificate", "is for none of the stack's names"),
        (config(voice(), tls=given(OTHER)), "pools[0].routes.pool", "so nobody could reach it"),
        (config(tls=given(EXPIRED)), "edge.tls.certificates[0].certificate", "Have it renewed"),
        (config(tls={**given(), "names": ["a.b.c"]}), "edge.tls.names", "these are made already"),
        (config(tls={"certificates": []}), "edge.tls.certificates", "Give at least 1"),
        (
            config(tls={"certificates": [{"certificate": "/nowhere.pem", "key": {"secret": "k"}}]}),
            "edge.tls.certificates[0].certificate",
            "neither PEM text nor a file of it (No such file",
        ),
        (
            config(tls={"certificates": [{"certificate": PAIR.certificate, "key": PAIR.key}]}),
            "edge.tls.certificates[0].key",
            "is a secret in the clear",
        ),
        (
            config(tls={"certificates": [{"certificate": PAIR.key, "key": {"secret": "k"}}]}),
            "edge.tls.certificates[0].certificate",
            "has a private key in it",
        ),
        (config(bind="0.0.0.0"), "edge.bind", "without TLS"),
        (config(bind="203.0.113.7"), "edge.bind", "edge.unprotected: [tls]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place_and_a_remedy(raw: object, path: str, said: str) -> None:
    problems = problems_of(raw)
    assert any(problem.path == path and said in str(problem) for problem in problems), "\n".join(map(str, problems))


def test_no_private_key_is_repeated_in_a_message() -> None:
    for wrong in (
        {"certificate": PAIR.certificate, "key": PAIR.key},
        {"certificate": PAIR.key, "key": {"secret": "k"}},
    ):
        told = "\n".join(map(str, problems_of(config(tls={"certificates": [wrong]}))))
        assert "(hidden)" in told
        assert not any(line in told for line in PAIR.key.splitlines())


def test_everything_that_is_wrong_is_said_at_once() -> None:
    problems = problems_of(config(tls={**acme(wildcard=True, staging=True, server="https://a/b"), "port": 80}))
    assert {problem.path for problem in problems} >= {
        "edge.tls.port",
        "edge.tls.letsencrypt.wildcard",
        "edge.tls.letsencrypt.staging",
    }


@pytest.mark.parametrize(
    "edge",
    [
        {"bind": "0.0.0.0", "unprotected": ["tls", "login"]},
        {"bind": "10.0.0.7"},
        {"bind": "100.101.102.103"},
        {"bind": "0.0.0.0", "tls": {"self_signed": {}}},
        {"tls": False},
        {"tls": "off"},
        {"tls": given()},
        {"tls": {"self_signed": {}, "hsts": "off"}},
        {"tls": acme(challenge={"dns": {"provider": "route53"}}, wildcard=True)},
        {"tls": acme(challenge={"dns": DNS}, wildcard=True), "discovery": {"enabled": True}},
        {"tls": {**acme(), "names": ["tools.{domain}"]}, "discovery": {"enabled": True}},
        {"tls": {"self_signed": {}}, "discovery": {"enabled": True}},
        {
            "tls": {"self_signed": {}, "names": ["tools.{domain}"]},
            "discovery": {"enabled": True},
            "domain": "localhost",
        },
        {
            "tls": acme(
                challenge={"dns": {"provider": "gcloud", "credentials": {"GCE_SERVICE_ACCOUNT_FILE": "/a.json"}}}
            )
        },
    ],
)
def test_what_can_be_is_taken(edge: dict[str, Any]) -> None:
    assert plan(**edge).routes


def test_the_machines_own_names_are_fine_for_an_acme_server_of_ones_own() -> None:
    assert plan(domain="tts.internal", tls=acme(server="https://ca.internal/dir", ca=PAIR.ca)).edge.tls


def test_a_certificate_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text(PAIR.certificate)
    written = {"certificates": [{"certificate": str(tmp_path / "a.pem"), "key": {"secret": "edgeKey"}}]}
    planned = plan(tls=written).edge.tls
    assert planned
    assert [found.certificate for found in planned.given] == [PAIR.certificate]


@pytest.mark.parametrize(
    ("edge", "bind", "http", "https"),
    [
        ({}, "127.0.0.1", 8080, None),
        ({"tls": {"self_signed": {}}}, "127.0.0.1", 8080, 8443),
        ({"tls": given()}, "127.0.0.1", 8080, 8443),
        ({"tls": acme()}, "0.0.0.0", 80, 443),
        ({"tls": {**acme(), "port": 4443}, "bind": "10.0.0.1", "port": 81}, "10.0.0.1", 81, 4443),
    ],
)
def test_ports_are_public_only_where_the_public_is_asked(
    edge: dict[str, Any], bind: str, http: int, https: int | None
) -> None:
    planned = plan(**edge).edge
    assert (planned.bind, planned.http_port, planned.tls and planned.tls.port) == (bind, http, https)


def test_urls_say_https_and_no_port_that_is_implied() -> None:
    edge = plan(tls=acme()).edge
    assert edge.url == f"https://{DOMAIN}"
    assert edge.dashboard
    assert edge.dashboard.url == f"https://dashboard.{DOMAIN}/dashboard/"
    own = plan(tls={"self_signed": {}}, dashboard={"port": 9000})
    assert own.edge.dashboard
    assert own.edge.dashboard.url == f"https://dashboard.{DOMAIN}:9000/dashboard/"
    assert own.edge.url_of(own.routes[0]) == f"https://voice.{DOMAIN}:8443"
    assert plan().edge.url == f"http://{DOMAIN}:8080"


def orders(*pools: Any, **more: Any) -> list[tuple[str, ...]]:
    planned = plan(*pools, tls={**acme(), **more} if "letsencrypt" not in more else more)
    assert planned.edge.tls
    assert planned.edge.tls.acme
    assert planned.edge.dashboard
    return ordered_names(
        planned.edge.tls, planned.edge.tls.acme, [*planned.routes, dashboard_route(planned.edge.dashboard)]
    )


def test_each_shared_name_has_its_own_certificate_and_a_pools_instances_one_for_each_hundred() -> None:
    found = orders(voice(instances=230), studio(), names=["tools.{domain}"])
    assert (f"voice.{DOMAIN}",) in found
    assert (f"dashboard.{DOMAIN}",) in found
    assert (DOMAIN,) in found
    assert (f"tools.{DOMAIN}",) in found
    assert sorted(len(names) for names in found) == [1, 1, 1, 1, 30, 100, 100]
    assert (f"voice101.{DOMAIN}", *(f"voice{n}.{DOMAIN}" for n in range(102, 201))) in found


def test_an_instance_more_changes_one_certificate() -> None:
    before, after = (orders(voice(instances=count)) for count in (130, 131))
    assert len(set(before) - set(after)) == len(set(after) - set(before)) == 1


def test_a_wildcard_is_one_certificate_however_many_instances_there_are() -> None:
    dns = {"letsencrypt": {**ACME, "wildcard": True, "challenge": {"dns": DNS}}}
    pools = (
        voice(instances=200),
        voice(name="b", routes={"pool": "b.gpu.{domain}"}),
        voice(name="c", routes={"pool": "c.org"}),
    )
    assert orders(*pools, **dns) == [(DOMAIN, f"*.{DOMAIN}", f"*.gpu.{DOMAIN}"), ("c.org",)]
    assert orders(voice(), **dns) == orders(voice(instances=500), **dns)


def test_the_stacks_own_authority_names_what_there_is_and_wildcards_for_many() -> None:
    def names(*pools: Any, domain: str = DOMAIN, **edge: Any) -> tuple[str, ...]:
        planned = plan(*pools, domain=domain, tls={"self_signed": {}}, **edge)
        assert planned.edge.tls
        return leaf_names(planned.edge.tls, planned.routes)

    assert names(voice(instances=1)) == (f"voice.{DOMAIN}", f"voice1.{DOMAIN}")
    assert names(voice(instances=300), studio()) == (f"*.{DOMAIN}", DOMAIN)
    assert names(voice(instances=1), discovery={"enabled": True}) == (f"*.{DOMAIN}",), "guests come and go"
    assert len(names(voice(instances=300), domain="localhost")) == 301, "no client takes *.localhost"


def test_the_same_seed_names_and_quarter_give_the_same_bytes() -> None:
    one, later = made(), made(now=datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert one == later
    assert made(now=datetime(2027, 1, 1, tzinfo=UTC)).certificate != one.certificate
    assert made(now=datetime(2027, 1, 1, tzinfo=UTC)).ca == one.ca, "what people trust stays"
    assert made("b." + DOMAIN).ca == one.ca
    assert made(seed="other").ca != one.ca
    assert one.key != made(seed="other").key


def verified(pair: SelfSigned, host: str, ca: str | None = None) -> None:
    store = Store(chain(ca or pair.ca))
    verifier = PolicyBuilder().store(store).time(TODAY).build_server_verifier(x509.DNSName(host))
    verifier.verify(chain(pair.certificate)[0], [])


def test_clients_that_trust_the_authority_take_its_certificate_for_its_names() -> None:
    pair = made(f"a.{DOMAIN}", f"*.gpu.{DOMAIN}", "b.example.org")
    for host in (f"a.{DOMAIN}", f"x.gpu.{DOMAIN}", "b.example.org"):
        verified(pair, host)
    with pytest.raises(VerificationError):
        verified(pair, f"c.{DOMAIN}")
    leaf = chain(pair.certificate)[0]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc) < timedelta(days=366)
    assert fits(pair.certificate, pair.key)


def test_the_authority_can_sign_for_the_stacks_names_alone() -> None:
    """Who trusts it trusts it with these, and not with their bank's."""
    ca = chain(made().ca)[0]
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName(DOMAIN)]
    assert constraints.value.excluded_subtrees, "nor for any address"
    stray = made("bank.test", domain="bank.test")
    with pytest.raises(VerificationError):
        verified(stray, "bank.test", ca=made().ca)


def test_names_of_certificates_cover_as_rfc_6125_says() -> None:
    assert covers(["*.a.b", "a.b"], "x.a.b")
    assert covers(["a.b"], "a.b")
    assert not covers(["*.a.b"], "a.b")
    assert not covers(["*.a.b"], "x.y.a.b")
    assert names_of(chain(PAIR.certificate)[0]) == [f"*.{DOMAIN}", DOMAIN]


def static(**edge: Any) -> tuple[str, ...]:
    return traefik.static_arguments(plan(**edge).edge, "/files")


def test_without_tls_there_is_the_plain_port_alone() -> None:
    told = "\n".join(static())
    assert "websecure" not in told
    assert "certificatesResolvers" not in told
    http = yaml.safe_load(traefik.routes_file(plan().routes, plan().edge))["http"]
    assert {tuple(router["entryPoints"]) for router in http["routers"].values()} == {("web",)}


def test_with_tls_every_route_is_at_the_https_port_and_the_plain_one_leads_there() -> None:
    planned = plan(tls={"self_signed": {}}, discovery={"enabled": True})
    told = static(tls={"self_signed": {}}, dashboard={"port": 9000})
    assert "--entryPoints.web.http.redirections.entryPoint.to=:8443" in told
    assert "--entryPoints.websecure.http.tls=true" in told
    assert "--entryPoints.dashboard.http.tls=true" in told
    assert not [argument for argument in told if "http3" in argument.casefold()]
    assert planned.edge.dashboard
    assert planned.edge.discovery
    files = [
        traefik.routes_file(planned.routes, planned.edge),
        traefik.dashboard_file(planned.edge.dashboard, "$2a$10$hash"),
        discovery_file(planned.edge.discovery, planned.edge),
    ]
    for file in files:
        for name, router in yaml.safe_load(file)["http"]["routers"].items():
            assert router["entryPoints"] == ["websecure"], name


def test_cookies_are_for_https_alone() -> None:
    planned = plan(studio(guard="none"), tls={"self_signed": {}})
    service = yaml.safe_load(traefik.routes_file(planned.routes, planned.edge))["http"]["services"]["studio"]
    assert service["loadBalancer"]["sticky"]["cookie"]["secure"] is True
    assert {pool.guard.secure for pool in plan(tls={"self_signed": {}}).pools if pool.guard} == {True}
    assert {pool.guard.secure for pool in plan().pools if pool.guard} == {False}


def rendered(planned: StackPlan) -> dict[str, Any]:
    tls = planned.edge.tls
    assert tls
    ordered = ordered_names(tls, tls.acme, planned.routes) if tls.acme else []
    file: dict[str, Any] = yaml.safe_load(tls_file(tls, [("certificate", "key")] if not tls.acme else [], ordered))
    return file


def test_options_are_mozillas() -> None:
    options = rendered(plan(tls={"self_signed": {}}))["tls"]["options"]["default"]
    assert options["minVersion"] == "VersionTLS12"
    assert options["sniStrict"] is True
    assert all("ECDHE" in suite and ("GCM" in suite or "POLY1305" in suite) for suite in options["cipherSuites"])
    modern = rendered(plan(tls={"self_signed": {}, "profile": "modern"}))["tls"]["options"]["default"]
    assert modern["minVersion"] == "VersionTLS13"
    assert "cipherSuites" not in modern


@pytest.mark.parametrize(
    ("tls", "seconds"),
    [
        ({"self_signed": {}}, 0),
        ({"self_signed": {}, "hsts": "30d"}, 30 * 86_400),
        (given(), 63_072_000),
        (acme(), 63_072_000),
        ({**acme(), "hsts": "off"}, 0),
    ],
)
def test_browsers_are_told_to_keep_to_https_for_as_long_as_is_said(tls: dict[str, Any], seconds: int) -> None:
    assert rendered(plan(tls=tls))["http"]["middlewares"]["edge_hsts"] == {"headers": {"stsSeconds": seconds}}


def test_one_router_says_which_certificates_are_ordered_and_no_other_does() -> None:
    planned = plan(voice(instances=300), tls=acme())
    (router,) = rendered(planned)["http"]["routers"].values()
    assert len(router["tls"]["domains"]) == 4
    assert router["tls"]["certResolver"] == "acme"
    assert "certResolver" not in traefik.routes_file(planned.routes, planned.edge)


def test_the_acme_server_is_the_one_that_was_meant() -> None:
    def server(**more: Any) -> str:
        (found,) = [argument for argument in static(tls=acme(**more)) if ".caServer=" in argument]
        return found.partition("=")[2]

    assert server() == "https://acme-v02.api.letsencrypt.org/directory"
    assert server(staging=True) == "https://acme-staging-v02.api.letsencrypt.org/directory"
    assert server(server="https://ca.internal/dir") == "https://ca.internal/dir"
    told = static(tls=acme(server="https://ca.internal/dir", ca=PAIR.ca, lasts="36h", key_type="RSA2048"))
    assert "--certificatesResolvers.acme.acme.caCertificates=/files/acme-ca.pem" in told
    assert "--certificatesResolvers.acme.acme.certificatesDuration=36" in told
    assert "--certificatesResolvers.acme.acme.keyType=RSA2048" in told


def test_what_a_server_for_trials_gave_is_not_kept_for_certificates_that_are_trusted() -> None:
    def storage(**more: Any) -> str:
        (found,) = [argument for argument in static(tls=acme(**more)) if ".storage=" in argument]
        return found.partition("=")[2]

    assert storage() == storage(server="https://acme-v02.api.letsencrypt.org/directory") == "/acme/acme.json"
    assert re.fullmatch("/acme/acme-[0-9a-f]{8}[.]json", storage(staging=True))
    assert (
        len({storage(), storage(staging=True), storage(server="https://a/dir"), storage(server="https://b/dir")}) == 4
    )


def test_a_dns_providers_secret_is_a_file_and_a_new_one_another_edge() -> None:
    dns = {**DNS, "credentials": {**DNS["credentials"], "CLOUDFLARE_TTL": "120"}, "resolvers": ["a:53", "b:53"]}  # type: ignore[dict-item]
    planned = plan(tls=acme(challenge={"dns": dns}))
    tls = planned.edge.tls
    assert tls
    assert tls.secret_keys == {"token"}
    assert tls_files(tls, {"token": "the secret"}) == {"CF_DNS_API_TOKEN": "the secret"}
    told, other = (tls_environment(tls, "/files", {"token": secret}, "seed") for secret in ("the secret", "another"))
    assert "CF_DNS_API_TOKEN_FILE=/files/CF_DNS_API_TOKEN" in told
    assert "CLOUDFLARE_TTL=120" in told
    assert "secret" not in " ".join(told)
    assert told != other
    elsewhere = tls_environment(tls, "/files", {"token": "the secret"}, "another stack's")
    assert told != elsewhere, "nobody can try whether a guess has the same fingerprint"
    assert "the secret" not in "\n".join(traefik.static_arguments(planned.edge, "/files"))
    assert "--certificatesResolvers.acme.acme.dnsChallenge.resolvers=a:53,b:53" in traefik.static_arguments(
        planned.edge, "/files"
    )


def test_every_secret_of_tls_is_asked_for_by_its_place() -> None:
    own = load_stack(config(tls=given())).secret_references
    assert ("edge.tls.certificates[0].key.secret", "edgeKey") in own
    by_dns = load_stack(config(tls=acme(challenge={"dns": DNS}))).secret_references
    assert ("edge.tls.letsencrypt.challenge.dns.credentials.CF_DNS_API_TOKEN.secret", "token") in by_dns


def test_the_known_dns_providers_are_many_and_in_order() -> None:
    known = dns_providers()
    assert known == sorted(known)
    assert {"cloudflare", "route53", "hetzner", "httpreq"} <= set(known)
