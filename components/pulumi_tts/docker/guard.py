"""The guard on a Docker host: Envoy between the edge and the pools, and its keeper."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import load_part
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.guard import Guard
from pulumi_tts.config.host import Host
from pulumi_tts.config.keeper import Keeper
from pulumi_tts.docker.auth import api_keys
from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.files import MOUNT, LiveFiles
from pulumi_tts.docker.hardening import container_options, hardened, own_health, volume_labels
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.keeper import KeeperContainer
from pulumi_tts.docker.passwords import generated_token
from pulumi_tts.docker.pids import limit_pids
from pulumi_tts.docker.routes import route_args, route_of
from pulumi_tts.plan.auth import GuardAuthPlan, plan_guard_auth
from pulumi_tts.plan.front import plan_front
from pulumi_tts.plan.guard import RUN, USER, GuardPlan, PoolGuardPlan, by_way_of, guarding, plan_guard
from pulumi_tts.plan.keeper import plan_keeper
from pulumi_tts.plan.meter import LOGS
from pulumi_tts.render import envoy, envoy_auth, envoy_process, keeper

_PIDS = 128
_TO_END = 5
"""Seconds that Docker gives Envoy beyond its grace for requests."""
# The endpoints, and Envoy's admin socket, which no engine can reach. The keeper leaves some KiB there for each pool.
_RUN_OPTIONS = {"type": "tmpfs", "device": "tmpfs", "o": f"uid={USER},gid={USER},mode=0700,size=16m"}


class EnvoyGuardArgs(TypedDict):
    """What an EnvoyGuard is made from."""

    network: pulumi.Input[str]
    """The Docker network that the pools' instances are on; the edge must be on it too."""
    outside: NotRequired[pulumi.Input[str]]
    """A network with a way out, for instances on other hosts, and for the keys of tokens that are fetched. Default:
    none."""
    observe: NotRequired[pulumi.Input[str]]
    """The network on which Prometheus asks for metrics: of the guard at `http://NAME:8081/stats/prometheus`, of its
    keeper at `http://NAME-keeper:8000/metrics`. Default: nobody does."""
    meter: NotRequired[Any]
    """In Python only: the Meter that reads its access log."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """The secrets that `edge.auth` refers to as `{secret: KEY}`, by their keys."""
    pools: NotRequired[pulumi.Input[list[Any]]]
    """The pools to guard: what `TtsPool.guarded` gives."""
    guard: NotRequired[dict[str, Any]]
    """The guard as under `guard:` in docs/config.yaml."""
    keeper: NotRequired[dict[str, Any]]
    """The keeper as under `keeper:` in docs/config.yaml."""
    edge: NotRequired[dict[str, Any]]
    """The edge in front, as TraefikEdge has it: whom it believes, how long it lets uploads take, and whose keys and
    tokens are good (`auth`); an edge that is given the name of this guard asks it. Default: as its defaults are."""
    images: NotRequired[str]
    """`registry` or `local`. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    certificates: NotRequired[str | None]
    """The folder with what TLS needs for a `tcp://` endpoint. Default: what `DOCKER_CERT_PATH` says."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the guard's resource name."""
    elsewhere: NotRequired[Any]
    """In Python only: an Elsewhere for each host of the plan that is not the edge's, by its name."""
    plan: NotRequired[Any]
    """In Python only: a GuardPlan, where SpeechStack has planned everything; `pools`, `guard` and `keeper` are then not
    read."""


class EnvoyGuard(pulumi.ComponentResource):
    """Envoy between the edge and pools, and beside it the keeper, which tells it where instances are.

    It sends each request to an instance that is healthy and has a slot free, and to another one where the first did
    not take it. Pools, their instances and limits are files: changing them restarts nothing.

    Raises ConfigError if `guard` or `keeper` is not right.
    """

    routes: pulumi.Output[list[Any]]
    """The pools' routes by way of the guard, as TraefikEdge takes them."""
    api_keys: pulumi.Output[dict[str, str]]
    """Each API key by its name, a secret."""
    token: pulumi.Output[str]
    """What the edge shows to this guard, which answers nobody else; a secret."""

    def __init__(self, name: str, args: EnvoyGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        given: GuardPlan | None = args.get("plan")
        plan = given or _planned(name, args)
        super().__init__("tts:index:EnvoyGuard", name, None, opts)
        stack, at = args.get("stack", name), endpoint(args.get("docker"), args.get("certificates"))
        pools = pulumi.Output.from_input([] if given else args.get("pools", []))
        guarded = pools.apply(lambda pools: given or guarding(plan, _guarded(pools)))
        image = image_on_host(f"{name}-image", plan.image, self)
        files: dict[str, pulumi.Input[str]] = {
            file: guarded.apply(partial(_rendered, file)) for file in envoy.files(plan)
        }
        files["pools.json"] = guarded.apply(partial(keeper.pools_file, stack=stack))
        self.token = generated_token(f"{name}-token", self)
        files[f"{envoy_auth.EDGE}.json"] = self.token.apply(envoy_auth.edge_file)
        self.api_keys = pulumi.Output.from_input({})
        if plan.auth:
            shown = api_keys(name, plan.auth.keys, args.get("secrets", {}), self)
            self.api_keys = shown.plain
            files[f"{envoy_auth.ROUTES}.json"] = shown.hashes.apply(partial(envoy_auth.auth_file, plan.auth))
        live = LiveFiles(f"{name}-files", stack, files, image, self)
        run = docker.Volume(
            f"{name}-run",
            name=f"{name}-run",
            driver="local",
            driver_opts=_RUN_OPTIONS,
            labels=volume_labels(stack, "run"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        volumes = [
            docker.ContainerVolumeArgs(container_path=MOUNT, volume_name=live.volume.name, read_only=True),
            docker.ContainerVolumeArgs(container_path=RUN, volume_name=run.name),
        ]
        others: Mapping[str, Elsewhere] = args.get("elsewhere", {})
        inside = [args["network"], *([args["observe"]] if "observe" in args else [])]
        networks = [*inside, *([args["outside"]] if "outside" in args else [])]
        kept = KeeperContainer(
            plan.keeper,
            guarded.apply(_resource_names),
            stack=stack,
            # It asks Docker on other hosts, and fetches nothing.
            networks=networks if others else inside,
            volumes=volumes,
            envoy=image,
            envoy_elsewhere=plan.image,
            at=at,
            elsewhere=others,
            after=[live.courier],
            parent=self,
        )
        # Envoy starts with what the keeper has made of the files.
        after: list[pulumi.Resource] = [kept.container]
        if meter := args.get("meter"):
            after.append(meter.ready)
            volumes = [*volumes, docker.ContainerVolumeArgs(container_path=LOGS, volume_name=meter.logs)]
        self.container = self._envoy(plan, image, volumes, stack=stack, networks=networks, at=at, after=after)
        self.routes = pools.apply(lambda pools: [route for pool in pools for route in _routes(pool, plan)])
        self.register_outputs({"routes": self.routes, "api_keys": self.api_keys, "token": self.token})

    def _envoy(
        self,
        plan: GuardPlan,
        image: pulumi.Output[str],
        volumes: list[docker.ContainerVolumeArgs],
        *,
        stack: str,
        networks: Sequence[pulumi.Input[str]],
        at: Endpoint,
        after: list[pulumi.Resource],
    ) -> docker.Container:
        start = envoy_process.command(f"{RUN}/config/listeners.json", plan.drain, envoy.static_arguments(plan))
        container = docker.Container(
            plan.name,
            name=plan.name,
            image=image,
            entrypoints=start[:1],
            command=start[1:],
            user=f"{USER}:{USER}",
            read_only=True,
            networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in networks],
            volumes=volumes,
            healthcheck=own_health(envoy_process.health_command(), "2s", "2s"),
            wait=True,
            wait_timeout=60,
            restart="unless-stopped",
            stop_timeout=plan.drain + _TO_END,
            destroy_grace_seconds=plan.drain + _TO_END,
            **hardened(stack, "guard", plan.memory),
            opts=container_options(self, after=after),
        )
        limit_pids(container, at, _PIDS)
        return container


def _planned(name: str, args: EnvoyGuardArgs) -> GuardPlan:
    guard: Guard = load_part(Guard, args.get("guard", {}), "guard")
    local = local_images(args.get("images"))
    kept: Keeper = load_part(Keeper, args.get("keeper", {}), "keeper")
    edge: Edge = load_part(Edge, args.get("edge", {}), "edge")
    planned_keeper = plan_keeper(kept, f"{name}-keeper", Host().name, local)
    front = plan_front(edge)
    # A route of somebody else may have limits, of which this knows nothing.
    answers = plan_guard_auth(edge.auth, []) or GuardAuthPlan((), None)
    return plan_guard(guard, planned_keeper, name, [], front=front, local_images=local, auth=answers)


def _rendered(file: str, guard: GuardPlan) -> str:
    return envoy.files(guard)[file]


def _resource_names(guard: GuardPlan) -> list[str]:
    # An instance is called after its pool and its number (plan/names.py).
    return sorted({instance.name.rpartition("-")[0] for pool in guard.pools for instance in pool.instances})


def _guarded(pools: Sequence[Any]) -> list[PoolGuardPlan]:
    return [load_part(PoolGuardPlan, pool["guard"], f"pools[{at}].guard") for at, pool in enumerate(pools)]


def _routes(pool: Any, guard: GuardPlan) -> list[dict[str, Any]]:
    """A pool's routes: those to any of its instances by way of the guard, those to one as they are."""
    shared = [route_args(by_way_of(guard, pool["guard"]["name"], route_of(route, "pools"))) for route in pool["shared"]]
    return [*shared, *pool["own"]]
