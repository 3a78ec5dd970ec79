"""A whole speech service on its Docker hosts, from one config."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError, Problem, Stack, load_stack
from pulumi_tts.docker.edge import TraefikEdge, TraefikEdgeArgs
from pulumi_tts.docker.elsewhere import Elsewhere, elsewhere, provider, remember
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.hardening import network_labels
from pulumi_tts.docker.pool import TtsPool, TtsPoolArgs
from pulumi_tts.docker.preflight import check_hosts, uses_local_images
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.docker.survey import Reached, reach, remembered, survey
from pulumi_tts.plan import PoolPlan, StackPlan, Survey, plan_stack
from pulumi_tts.render.placement import left_behind_text, placement_table, silent_text


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
    """Each pool by name: its `url`, its `instances` (a list of URLs), its `engine`, and their `hosts`."""
    dashboard: pulumi.Output[dict[str, Any]]
    """The dashboard's `url`, `user` and `password`; empty without one."""

    def __init__(self, name: str, args: SpeechStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config = load_stack(args["config"])
        local = uses_local_images(config)
        reached = reach(config, name) if args.get("preflight", True) else None
        found = survey(config, name, reached) if reached else Survey()
        plan = plan_stack(config, name, local, found)
        secrets = args.get("secrets", {})
        _refuse_missing(config, secrets)
        if reached:
            check_hosts(config, plan, reached, found, local_images=local)
        super().__init__("tts:index:SpeechStack", name, None, opts)
        # Also for the instances of pools that are gone from the config.
        rolling_updates()
        if table := placement_table(plan.placement):
            pulumi.log.info(table, self)
        for left in plan.left_behind:
            pulumi.log.warn(left_behind_text(left), self)

        edge_host = plan.edge_host
        at = endpoint(edge_host.docker, edge_host.certificates)
        host = provider(f"{name}-host", at, self)
        others = {other.name: elsewhere(plan, other, self) for other in plan.other_hosts}
        if others:
            before = remembered(reached.answering[edge_host.name], name) if reached else {}
            remember(plan, before, host, self)
        on_host = pulumi.ResourceOptions(parent=self, providers={"docker": host})
        # Without a way out: what an engine is made to fetch by a request cannot leave the machine. Engines that fetch
        # their models by themselves have a second network, and this protection not.
        network = docker.Network(
            f"{name}-network",
            name=f"{name}-network",
            internal=True,
            labels=network_labels(name),
            opts=pulumi.ResourceOptions(parent=self, provider=host),
        )
        edge_args: TraefikEdgeArgs = {
            "plan": plan.edge,
            "routes": list(plan.routes),
            "network": network.name,
            "stack": name,
            "docker": at.url,
        }
        if at.certificates:
            edge_args["certificates"] = at.certificates
        if plan.edge.dashboard and plan.edge.dashboard.password_key:
            edge_args["password"] = secrets[plan.edge.dashboard.password_key]
        edge = TraefikEdge(plan.edge.name, edge_args, on_host)
        outside = self._outside(name, host) if edge_host.fetches else None
        pools = []
        for pool in plan.pools:
            pool_args: TtsPoolArgs = {
                "plan": pool,
                "network": network.name,
                "stack": name,
                "elsewhere": others,
                "docker": at.url,
            }
            if outside:
                pool_args["outside"] = outside
            if at.certificates:
                pool_args["certificates"] = at.certificates
            pools.append(TtsPool(pool.resource_name, pool_args, on_host))
        if reached and reached.silent:
            made = [edge.container, *chain.from_iterable(pool.containers for pool in pools)]
            self._fail_in_the_end(reached, plan, others, made)

        self.edge_url = edge.url
        self.pools = pulumi.Output.from_input({pool.name: _summary(pool, plan) for pool in plan.pools})
        self.dashboard = pulumi.Output.from_input(
            {"url": edge.dashboard_url, "user": edge.dashboard_user, "password": edge.dashboard_password}
            if plan.edge.dashboard
            else {}
        )
        self.register_outputs({"edge_url": self.edge_url, "pools": self.pools, "dashboard": self.dashboard})

    def _fail_in_the_end(
        self, reached: Reached, plan: StackPlan, others: dict[str, Elsewhere], made: Sequence[docker.Container]
    ) -> None:
        """Names the hosts that do not answer: at once, and as the deployment's failure when all else is done."""
        silent = [(other, _told(reached.silent[other.name])) for other in plan.other_hosts if other.silent]
        for other, told in silent:
            pulumi.log.warn(silent_text(told, other), self)

        def fail(urns: list[str]) -> None:
            if not pulumi.runtime.is_dry_run():
                texts = [silent_text(told, other, urn) for (other, told), urn in zip(silent, urns, strict=True)]
                raise pulumi.RunError("\n".join(texts))

        urns = pulumi.Output.all(*(others[other.name].provider.urn for other, _ in silent))
        done = pulumi.Output.all(*(container.id for container in made))
        pulumi.Output.all(urns, done).apply(lambda both: fail(both[0]))

    def _outside(self, name: str, host: docker.Provider) -> pulumi.Output[str]:
        """The network that engines which fetch models join as well."""
        network = docker.Network(
            f"{name}-outside",
            name=f"{name}-outside",
            labels=network_labels(name),
            opts=pulumi.ResourceOptions(parent=self, provider=host),
        )
        return network.name


def _refuse_missing(config: Stack, secrets: dict[str, pulumi.Input[str]]) -> None:
    missing = [
        Problem(path, repr(key), "is not among the secrets that were given", f"Add it: secrets={{{key!r}: …}}")
        for path, key in config.secret_references
        if key not in secrets
    ]
    if missing:
        raise ConfigError(missing)


def _summary(pool: PoolPlan, plan: StackPlan) -> dict[str, Any]:
    """How clients reach a pool; without a shared route, its URL is its first instance's."""
    return {
        "url": next(route.url(plan.edge.port) for route in pool.routes),
        "instances": [route.url(plan.edge.port) for route in pool.instance_routes],
        "engine": pool.engine,
        "hosts": [instance.host for instance in pool.instances],
    }


def _told(problem: Problem) -> str:
    return f"{problem.path}: {problem.value} {problem.reason}"
