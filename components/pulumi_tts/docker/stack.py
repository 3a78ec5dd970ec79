"""A whole speech service on a Docker host, from one config."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import ConfigError, Problem, Stack, load_stack
from pulumi_tts.docker.edge import TraefikEdge, TraefikEdgeArgs
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.guard import EnvoyGuard, EnvoyGuardArgs
from pulumi_tts.docker.hardening import network_labels
from pulumi_tts.docker.pool import TtsPool, TtsPoolArgs
from pulumi_tts.docker.preflight import check_host, running_places, uses_local_images
from pulumi_tts.docker.rolling import rolling_updates
from pulumi_tts.plan import PoolPlan, StackPlan, plan_stack
from pulumi_tts.plan.admission import admission
from pulumi_tts.render.placement import placement_table


class SpeechStackArgs(TypedDict):
    """What a SpeechStack is made from."""

    config: dict[str, Any]
    """Everything as under `tts:stack` in docs/config.yaml."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """The secrets that the config refers to as `{secret: KEY}`, by their keys."""
    preflight: NotRequired[bool]
    """Whether the Docker host is asked, before anything is touched, if it answers, if ports are free, and which cards
    the instances have that run. Default: yes. Tests on mocks say no, and `images: registry` or `local`."""


class SpeechStack(pulumi.ComponentResource):
    """An edge and its pools on one Docker host.

    Raises ConfigError, with every problem, before anything is touched: a config that is not right, a Docker host
    that does not answer, a port that is taken.
    """

    edge_url: pulumi.Output[str]
    """Where clients find the edge under its domain."""
    pools: pulumi.Output[dict[str, Any]]
    """Each pool by name: its `url`, its `instances` (a list of URLs) and its `engine`."""
    dashboard: pulumi.Output[dict[str, Any]]
    """The dashboard's `url`, `user` and `password`, and the URL of the `keeper`'s page; empty without one."""
    discovery: pulumi.Output[dict[str, Any]]
    """What containers of others need to be admitted: the `network` that they join, and their `labels`; empty where
    they are not looked for."""

    def __init__(self, name: str, args: SpeechStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        config = load_stack(args["config"])
        asked = args.get("preflight", True)
        plan = plan_stack(config, name, uses_local_images(config), running_places(config, name) if asked else None)
        secrets = args.get("secrets", {})
        _refuse_missing(config, secrets)
        if asked:
            check_host(config, plan)
        super().__init__("tts:index:SpeechStack", name, None, opts)
        # Also for the instances of pools that are gone from the config.
        rolling_updates()
        if table := placement_table(plan.placement):
            pulumi.log.info(table, self)

        host = docker.Provider(f"{name}-host", host=endpoint(plan.docker), opts=pulumi.ResourceOptions(parent=self))
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
            "docker": endpoint(plan.docker),
        }
        if plan.edge.dashboard and plan.edge.dashboard.password_key:
            edge_args["password"] = secrets[plan.edge.dashboard.password_key]
        guard = self._guard(plan, network.name, on_host)
        if guard:
            edge_args["after"] = guard
        edge = TraefikEdge(plan.edge.name, edge_args, on_host)
        outside = self._outside(name, host) if plan.fetches else None
        for pool in plan.pools:
            pool_args: TtsPoolArgs = {
                "plan": pool,
                "network": network.name,
                "stack": name,
                "docker": endpoint(plan.docker),
            }
            if outside:
                pool_args["outside"] = outside
            if guard and pool.guard:
                # So that a pool's first instances find it, and its last ones are drained.
                pool_args["after"] = guard
            TtsPool(pool.resource_name, pool_args, on_host)

        self.edge_url = edge.url
        self.pools = pulumi.Output.from_input({pool.name: _summary(pool, plan) for pool in plan.pools})
        self.dashboard = pulumi.Output.from_input(
            {
                "url": edge.dashboard_url,
                "keeper": plan.edge.dashboard.keeper_url,
                "user": edge.dashboard_user,
                "password": edge.dashboard_password,
            }
            if plan.edge.dashboard
            else {}
        )
        self.discovery = pulumi.Output.from_input(
            {"network": edge.admitted_network, "labels": admission(name)} if plan.edge.discovery else {}
        )
        self.register_outputs(
            {
                "edge_url": self.edge_url,
                "pools": self.pools,
                "dashboard": self.dashboard,
                "discovery": self.discovery,
            }
        )

    def _guard(self, plan: StackPlan, network: pulumi.Input[str], opts: pulumi.ResourceOptions) -> EnvoyGuard | None:
        if not plan.guard:
            return None
        args: EnvoyGuardArgs = {
            "plan": plan.guard,
            "network": network,
            "stack": plan.name,
            "docker": endpoint(plan.docker),
        }
        return EnvoyGuard(plan.guard.name, args, opts)

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
    }
