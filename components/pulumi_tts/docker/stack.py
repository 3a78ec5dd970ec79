"""A whole speech service on its Docker hosts, from one config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError, Problem, Stack, load_stack
from pulumi_tts.docker.edge import TraefikEdge, TraefikEdgeArgs
from pulumi_tts.docker.elsewhere import Elsewhere, elsewhere, provider, remember
from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.failure import fail_after
from pulumi_tts.docker.guard import EnvoyGuard, EnvoyGuardArgs
from pulumi_tts.docker.hardening import APART, made_network
from pulumi_tts.docker.jaeger import TtsJaeger
from pulumi_tts.docker.meter import Meter
from pulumi_tts.docker.mps import TtsMps
from pulumi_tts.docker.observability import Observability, ObservabilityArgs
from pulumi_tts.docker.pool import TtsPool, TtsPoolArgs
from pulumi_tts.docker.preflight import check_hosts, uses_local_images
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.docker.secrets import not_given
from pulumi_tts.docker.survey import Reached, missing, reach, survey, written_down
from pulumi_tts.docker.tidy import TtsTidy
from pulumi_tts.docker.weights import TtsWeights
from pulumi_tts.plan import PoolPlan, StackPlan, Survey, plan_stack
from pulumi_tts.plan.admission import admission
from pulumi_tts.plan.mps import Card, MpsDaemon
from pulumi_tts.plan.names import internet_network
from pulumi_tts.plan.observability import ObservabilityPlan
from pulumi_tts.plan.tidy import TidyPlan
from pulumi_tts.render.placement import left_behind_text, missing_text, placement_table, silent_text, unconfined_text


class SpeechStackArgs(TypedDict):
    """What a SpeechStack is made from."""

    config: dict[str, Any]
    """Everything as under `tts:stack` in docs/config.yaml."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """The secrets that the config refers to as `{secret: KEY}`, by their keys."""
    preflight: NotRequired[bool]
    """Whether the Docker hosts are asked, before anything is touched, if they answer, if ports are free, and which
    cards the instances have that run. Default: yes. Tests on mocks say no, and `images: registry` or `local`."""


class SpeechStack(pulumi.ComponentResource):
    """An edge and its pools on one or several Docker hosts.

    Raises ConfigError, with every problem, before anything is touched: a config that is not right, a Docker host
    that does not answer, a port that is taken. A host that answered before, and is not the edge's, is no reason: what
    is there is left as it is, everything else is brought to its state, and then the deployment fails with its name.
    """

    edge_url: pulumi.Output[str]
    """Where clients find the edge under its domain."""
    pools: pulumi.Output[dict[str, Any]]
    """Each pool by name: its `url`, the `login` that it asks for, its `instances` (a list of URLs), its `engine`, and
    their `hosts`."""
    dashboard: pulumi.Output[dict[str, Any]]
    """The dashboard's `url`, `user` and `password`, and the URL of each page behind its login, such as the `keeper`'s;
    empty without one."""
    discovery: pulumi.Output[dict[str, Any]]
    """What containers of others need to be admitted: the `network` that they join, and their `labels`; empty where
    they are not looked for."""
    logins: pulumi.Output[dict[str, Any]]
    """What there is to come in with: the passwords of `users` and the `api_keys`, each by its name; secrets."""

    tls: pulumi.Output[dict[str, Any]]
    """The certificate of who signs the edge's, `ca`, in PEM form, for people to trust; empty where it is not a
    `self_signed` one."""

    def __init__(self, name: str, args: SpeechStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        secrets = args.get("secrets", {})
        plan, reached = _planned(name, args, secrets)
        super().__init__("tts:index:SpeechStack", name, None, opts)
        # Also for the instances of pools that are gone from the config.
        rolling_updates()
        self._say(plan)
        here = self._edge_host(plan)
        others = {other.name: elsewhere(plan, other, self) for other in plan.other_hosts}
        before = written_down(reached.answering[plan.edge_host.name], name) if reached else None
        if others or before is not None:
            # Also when the last other host has gone: it may come back.
            remember(plan, before or {}, here.provider, self)
        observe = (
            self._network(plan.observability.network, plan, here.provider, internal=True)
            if plan.observability
            else None
        )
        meter = (
            Meter(plan.meter, stack=plan.name, network=observe, at=here.at, opts=here.options)
            if plan.meter and observe
            else None
        )
        guard = self._guard(plan, here, others, secrets, observe, meter=meter)
        edge = self._edge(plan, here, guard, secrets, observe, meter=meter)
        if plan.observability and observe:
            self._watching(plan.observability, plan, here, observe, authority=edge.ca, secrets=secrets)
        if plan.jaeger and observe:
            TtsJaeger(plan.jaeger, stack=plan.name, network=observe, secrets=secrets, at=here.at, opts=here.options)
        weights = self._weights(plan, here, others, secrets)
        mps = {daemon.card: self._mps(daemon, plan, here, others) for daemon in plan.mps}
        pools = [self._pool(pool, plan, here, others, guard=guard, weights=weights, mps=mps) for pool in plan.pools]
        tidying = [self._tidy(tidy, plan, here, others, pools) for tidy in plan.tidy]
        if reached and reached.silent:
            made = [*([guard] if guard else []), edge, *weights.values(), *mps.values(), *pools, *tidying]
            self._fail_in_the_end(reached, plan, others, made)

        self.edge_url = edge.url
        self.pools = pulumi.Output.from_input({pool.name: _summary(pool, plan) for pool in plan.pools})
        self.dashboard = pulumi.Output.from_input(
            {
                "url": edge.dashboard_url,
                "keeper": "",
                **{page.name: plan.edge.dashboard.page_url(page) for page in plan.edge.dashboard.pages},
                "user": edge.dashboard_user,
                "password": edge.dashboard_password,
            }
            if plan.edge.dashboard
            else {}
        )
        self.discovery = pulumi.Output.from_input(
            {"network": edge.admitted_network, "labels": admission(name)} if plan.edge.discovery else {}
        )
        self.logins = pulumi.Output.from_input(
            {"users": edge.users, "api_keys": guard.api_keys if guard else {}}  # each a secret by itself
        )
        authority = plan.edge.tls is not None and plan.edge.tls.self_signed
        self.tls = pulumi.Output.from_input({"ca": edge.ca} if authority else {})
        self.register_outputs(
            {
                "edge_url": self.edge_url,
                "pools": self.pools,
                "dashboard": self.dashboard,
                "discovery": self.discovery,
                "logins": self.logins,
                "tls": self.tls,
            }
        )

    def _say(self, plan: StackPlan) -> None:
        if table := placement_table(plan.placement):
            pulumi.log.info(table, self)
        for pool in plan.pools:
            if pool.container.unconfined:
                pulumi.log.warn(unconfined_text(pool.name), self)
        for left in plan.left_behind:
            pulumi.log.warn(left_behind_text(left), self)

    def _edge_host(self, plan: StackPlan) -> "_EdgeHost":
        at = endpoint(plan.edge_host.docker, plan.edge_host.certificates)
        host = provider(f"{plan.name}-host", at, self)
        # Without a way out: what an engine is made to fetch by a request cannot leave the machine.
        network = self._network(f"{plan.name}-network", plan, host, internal=True)
        # For the proxies to what may be fetched from, and for engines that may fetch from anywhere.
        name = internet_network(plan.name)
        internet = self._network(name, plan, host, options=APART) if plan.edge_host.fetches else None
        return _EdgeHost(at, host, pulumi.ResourceOptions(parent=self, providers={"docker": host}), network, internet)

    def _network(
        self,
        name: str,
        plan: StackPlan,
        host: docker.Provider,
        *,
        internal: bool | None = None,
        options: Mapping[str, str] | None = None,
    ) -> pulumi.Output[str]:
        here = pulumi.ResourceOptions(parent=self, provider=host)
        return made_network(name, plan.name, here, internal=internal, options=options)

    def _guard(
        self,
        plan: StackPlan,
        here: "_EdgeHost",
        others: Mapping[str, Elsewhere],
        secrets: Mapping[str, pulumi.Input[str]],
        observe: pulumi.Output[str] | None,
        *,
        meter: Meter | None,
    ) -> EnvoyGuard | None:
        if not plan.guard:
            return None
        args: EnvoyGuardArgs = {
            "plan": plan.guard,
            "network": here.network,
            "secrets": dict(secrets),
            "elsewhere": others,
            "stack": plan.name,
            "docker": here.at.url,
            "certificates": here.at.certificates,
        }
        if others or (plan.guard.auth and plan.guard.auth.fetches):
            # The pools' own network is internal, and Docker gives such a network no route to other machines.
            args["outside"] = self._network(f"{plan.name}-hosts", plan, here.provider)
        if observe:
            args["observe"] = observe
        if meter:
            args["meter"] = meter
        return EnvoyGuard(plan.guard.name, args, here.options)

    def _edge(
        self,
        plan: StackPlan,
        here: "_EdgeHost",
        guard: EnvoyGuard | None,
        secrets: Mapping[str, pulumi.Input[str]],
        observe: pulumi.Output[str] | None,
        *,
        meter: Meter | None,
    ) -> TraefikEdge:
        args: TraefikEdgeArgs = {
            "plan": plan.edge,
            "routes": list(plan.routes),
            "secrets": dict(secrets),
            "network": here.network,
            "stack": plan.name,
            "docker": here.at.url,
            "certificates": here.at.certificates,
        }
        if plan.edge.dashboard and plan.edge.dashboard.password_key:
            args["password"] = secrets[plan.edge.dashboard.password_key]
        if observe:
            args["observe"] = observe
        if meter:
            args["meter"] = meter
        if guard:
            args["after"] = guard
            args["guard_token"] = guard.token
        return TraefikEdge(plan.edge.name, args, here.options)

    def _watching(
        self,
        watching: ObservabilityPlan,
        plan: StackPlan,
        here: "_EdgeHost",
        observe: pulumi.Output[str],
        *,
        authority: pulumi.Output[str],
        secrets: Mapping[str, pulumi.Input[str]],
    ) -> Observability:
        args: ObservabilityArgs = {
            "plan": watching,
            "network": observe,
            "stack": plan.name,
            "secrets": dict(secrets),
            "authority": authority,
            "docker": here.at.url,
            "certificates": here.at.certificates,
        }
        if plan.grafana:
            args["grafana"] = plan.grafana
        return Observability(watching.network, args, here.options)

    def _weights(
        self,
        plan: StackPlan,
        here: "_EdgeHost",
        others: Mapping[str, Elsewhere],
        secrets: Mapping[str, pulumi.Input[str]],
    ) -> dict[str | None, TtsWeights]:
        """What fetches weights, by host; None is the edge's."""
        token = secrets[plan.fill.token_key] if plan.fill.token_key else None
        found: dict[str | None, TtsWeights] = {}
        for host in (host for host in plan.hosts if host.fills):
            away = others.get(host.name)
            found[away.name if away else None] = TtsWeights(
                f"{plan.name}-weights",
                plan.fill,
                stack=plan.name,
                internet=away.internet if away else here.internet,
                token=token,
                at=away.at if away else here.at,
                away=away,
                opts=self._options(away, here),
            )
        return found

    def _pool(
        self,
        pool: PoolPlan,
        plan: StackPlan,
        here: "_EdgeHost",
        others: Mapping[str, Elsewhere],
        *,
        guard: EnvoyGuard | None,
        weights: Mapping[str | None, TtsWeights],
        mps: Mapping[Card, TtsMps],
    ) -> TtsPool:
        args: TtsPoolArgs = {
            "plan": pool,
            "network": here.network,
            "stack": plan.name,
            "elsewhere": others,
            "weights": weights,
            "mps": mps,
            "docker": here.at.url,
            "certificates": here.at.certificates,
        }
        if here.internet:
            args["outside"] = here.internet
        if guard and pool.guard:
            # So that a pool's first instances find it, and its last ones are drained.
            args["after"] = guard
        return TtsPool(pool.resource_name, args, here.options)

    def _options(self, away: Elsewhere | None, here: "_EdgeHost") -> pulumi.ResourceOptions:
        """The options of what is made on a host."""
        return (
            pulumi.ResourceOptions.merge(away.options(), pulumi.ResourceOptions(parent=self)) if away else here.options
        )

    def _mps(self, daemon: MpsDaemon, plan: StackPlan, here: "_EdgeHost", others: Mapping[str, Elsewhere]) -> TtsMps:
        away = others.get(daemon.host)
        at = away.at if away else here.at
        return TtsMps(daemon, stack=plan.name, at=at, away=away, opts=self._options(away, here))

    def _tidy(
        self,
        tidy: TidyPlan,
        plan: StackPlan,
        here: "_EdgeHost",
        others: Mapping[str, Elsewhere],
        pools: Sequence[TtsPool],
    ) -> TtsTidy:
        away = others.get(tidy.host)
        at = away.at if away else here.at
        # Not after whole pools: what is here must not depend on what is on another host, which may be given up.
        after = [instance for pool in pools for instance in pool.on(tidy.host)]
        return TtsTidy(tidy, stack=plan.name, at=at, away=away, after=after, opts=self._options(away, here))

    def _fail_in_the_end(
        self, reached: Reached, plan: StackPlan, others: Mapping[str, Elsewhere], made: Sequence[pulumi.Resource]
    ) -> None:
        """Names the hosts that do not answer: at once, and as the deployment's failure when all else is done."""
        silent = [(other, _told(reached.silent[other.name])) for other in plan.other_hosts if other.silent]
        for other, told in silent:
            pulumi.log.warn(silent_text(told, other), self)
        texts = {
            other.name: others[other.name].provider.urn.apply(partial(silent_text, told, other))
            for other, told in silent
        }
        fail_after(f"{plan.name}-silent", texts, made, self)


@dataclass(frozen=True, slots=True)
class _EdgeHost:
    """What is made on the host that has the edge, and by what."""

    at: Endpoint
    provider: docker.Provider
    options: pulumi.ResourceOptions
    network: pulumi.Output[str]
    """Without a way out."""
    internet: pulumi.Output[str] | None
    """With one; absent where nothing is fetched here."""


def _planned(
    name: str, args: SpeechStackArgs, secrets: Mapping[str, pulumi.Input[str]]
) -> tuple[StackPlan, Reached | None]:
    """The plan, once nothing is known that speaks against it; and the hosts, if they were asked."""
    config = load_stack(args["config"])
    local = uses_local_images(config)
    reached = reach(config, name) if args.get("preflight", True) else None
    found = survey(config, name, reached) if reached else Survey()
    plan = plan_stack(config, name, local, found)
    _refuse_missing(config, secrets)
    if reached:
        check_hosts(config, plan, reached, found, local_images=local)
        for instance, host in missing(config, name, reached, found).items():
            pulumi.log.warn(missing_text(instance, host))
    return plan, reached


def _refuse_missing(config: Stack, secrets: Mapping[str, pulumi.Input[str]]) -> None:
    if problems := not_given(config.secret_references, secrets):
        raise ConfigError(problems)


def _summary(pool: PoolPlan, plan: StackPlan) -> dict[str, Any]:
    """How clients reach a pool; without a shared route, its URL is its first instance's."""
    first = pool.routes[0]
    return {
        "url": plan.edge.url_of(first),
        "login": (first.login or plan.edge.auth.default).value,
        "instances": [plan.edge.url_of(route) for route in pool.instance_routes],
        "engine": pool.engine,
        "hosts": [instance.host for instance in pool.instances],
    }


def _told(problem: Problem) -> str:
    return f"{problem.path}: {problem.value} {problem.reason}"
