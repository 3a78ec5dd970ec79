"""A pool of instances on a Docker host, in a stack of pulumi-tts or in one of your own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import load_part, load_pool
from pulumi_tts.config.host import Gpu
from pulumi_tts.config.hub import Hub
from pulumi_tts.docker.elsewhere import Elsewhere
from pulumi_tts.docker.endpoint import Endpoint, endpoint
from pulumi_tts.docker.hardening import APART, HOST_LABEL, made_network, volume_labels
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.instance import TtsInstance
from pulumi_tts.docker.mps import TtsMps
from pulumi_tts.docker.routes import route_args
from pulumi_tts.docker.tidy import TtsTidy
from pulumi_tts.docker.way_out import TtsWayOut
from pulumi_tts.docker.weights import TtsWeights, Weights
from pulumi_tts.plan import Instance, PoolPlan, plan_fill, plan_mps, plan_pool_alone, plan_tidy
from pulumi_tts.plan.mps import Card
from pulumi_tts.plan.names import internet_network, on_host


class TtsPoolArgs(TypedDict):
    """What a TtsPool is made from."""

    network: pulumi.Input[str]
    """The Docker network that the instances join; the edge must be on it too."""
    outside: NotRequired[pulumi.Input[str]]
    """A network with a way out, for the proxy to what an engine, or its weights, may be fetched from; with
    `fetches_from: any`, for the instances themselves. Default: one of the pool's own, where it is needed."""
    pool: NotRequired[dict[str, Any]]
    """The pool as under `pools:` in docs/config.yaml; `name` is optional."""
    domain: NotRequired[str]
    """What `{domain}` in the pool's routes stands for. Default: localhost."""
    https: NotRequired[bool]
    """Whether the edge in front has TLS: the guard's cookie of a UI is then for HTTPS alone. Default: no."""
    images: NotRequired[str]
    """`registry` or `local`: what engines of our own are built on. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    certificates: NotRequired[str | None]
    """The folder with what TLS needs for a `tcp://` endpoint. Default: what `DOCKER_CERT_PATH` says."""
    gpus: NotRequired[list[dict[str, Any]]]
    """The host's cards, as under `hosts: gpus:` in docs/config.yaml, for an engine that takes `vram`. Pools made one by
    one do not see each other on them: give each its own cards, or make a SpeechStack. Default: none."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the pool's resource name."""
    weights: NotRequired[Any]
    """In Python only: the TtsWeights that SpeechStack's pools share, by host; None is the edge's. Default: the pool's
    own."""
    mps: NotRequired[Any]
    """In Python only: the TtsMps that SpeechStack's pools share, by host and card. Default: the pool's own."""
    after: NotRequired[Any]
    """In Python only: an EnvoyGuard that is there before the instances are, and goes after them."""
    plan: NotRequired[Any]
    """In Python only: a PoolPlan, where SpeechStack has planned all pools together; `pool` is then not read."""
    elsewhere: NotRequired[Any]
    """In Python only: an Elsewhere for each host of the plan that is not the edge's, by its name."""


class TtsPool(pulumi.ComponentResource):
    """N instances of one engine, each in a container with an output volume of its own.

    The first `up` starts all instances in parallel; a changed image, command or environment replaces them one at a
    time. `pulumi destroy` needs `--run-program`, because deletions take turns too; for the same reason a program that
    drops its last TtsPool, and has no SpeechStack, calls `rolling_updates()` until that is deployed.

    Raises ConfigError if `pool` is not right, or does not fit on `gpus`.
    """

    upstreams: pulumi.Output[list[str]]
    """The instances' addresses on the network, as `http://host:port`."""
    routes: pulumi.Output[list[Any]]
    """The pool's routes, as TraefikEdge takes them."""
    guarded: pulumi.Output[dict[str, Any]]
    """The pool as EnvoyGuard takes it; empty with `guard: none`."""

    def __init__(self, name: str, args: TtsPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        plan: PoolPlan = args["plan"] if "plan" in args else _planned(name, args)
        super().__init__("tts:index:TtsPool", name, None, opts)
        stack = args.get("stack", name)
        shared = cache(lambda host: self._shared(name, plan, args, host))
        after = [args["after"].container] if "after" in args else []
        mps = self._mps(name, plan, args)
        instances = [
            self._instance(instance, plan, stack, after, shared(instance.host if instance.published else None), mps=mps)
            for instance in plan.instances
        ]
        self.containers = [instance.container for instance in instances]
        self._instances = list(zip(plan.instances, instances, strict=True))
        if "plan" not in args:
            for tidy in plan_tidy(name, [plan], local_images(args.get("images"))):
                here = pulumi.ResourceOptions(parent=self)
                TtsTidy(tidy, stack=stack, at=_at(args), away=None, after=instances, opts=here)
        self.upstreams = pulumi.Output.from_input([instance.upstream for instance in plan.instances])
        self.routes = pulumi.Output.from_input([route_args(route) for route in plan.routes])
        self.guarded = pulumi.Output.from_input(_guarded(plan))
        self.register_outputs({"upstreams": self.upstreams, "routes": self.routes, "guarded": self.guarded})

    def on(self, host: str) -> list[pulumi.Resource]:
        """The instances on a host, with what is theirs."""
        return [made for instance, made in self._instances if instance.host == host]

    def _weights(
        self, name: str, plan: PoolPlan, args: TtsPoolArgs, host: str | None, internet: pulumi.Input[str] | None
    ) -> Weights | None:
        """The weights that the instances on a host read: the stack's, else a volume of the pool's own."""
        if not plan.weights:
            return None
        if "weights" in args:
            here: TtsWeights = args["weights"][host]
            return here.of(plan.weights)
        fill = plan_fill(Hub(), f"{name}-weights", [plan.weights], local_images(args.get("images")))
        alone = TtsWeights(
            f"{name}-weights",
            fill,
            stack=args.get("stack", name),
            internet=internet,
            token=None,
            at=_at(args),
            away=None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return alone.of(plan.weights)

    def _mps(self, name: str, plan: PoolPlan, args: TtsPoolArgs) -> Mapping[Card, TtsMps]:
        """The MPS daemons of the cards that have one: the stack's, else of the pool's own."""
        if "mps" in args:
            here: Mapping[Card, TtsMps] = args["mps"]
            return here
        options = pulumi.ResourceOptions(parent=self)
        return {
            daemon.card: TtsMps(daemon, stack=args.get("stack", name), at=_at(args), away=None, opts=options)
            for daemon in plan_mps(name, [plan], local_images(args.get("images")))
        }

    def _instance(
        self,
        instance: Instance,
        plan: PoolPlan,
        stack: str,
        after: Sequence[pulumi.Resource],
        shared: "_Shared",
        *,
        mps: Mapping[Card, TtsMps],
    ) -> TtsInstance:
        return TtsInstance(
            instance,
            plan.container,
            stack=stack,
            image=shared.image,
            networks=shared.networks,
            models=shared.models,
            weights=shared.weights,
            way_out=shared.way_out,
            mps=mps[instance.host, instance.gpus[0]] if instance.mps else None,
            drain=plan.guard.drain if plan.guard else None,
            after=after,
            at=shared.at,
            away=shared.away,
            parent=self,
        )

    def _shared(self, name: str, plan: PoolPlan, args: TtsPoolArgs, host: str | None) -> "_Shared":
        """What the instances on a host share; ``host`` is absent for the edge's own."""
        stack, unconfined = args.get("stack", name), plan.container.unconfined
        away: Elsewhere | None = args["elsewhere"][host] if host else None
        internet = away.internet if away else self._internet(name, plan, args)
        weights = self._weights(name, plan, args, host, internet)
        way_out = self._way_out(plan, internet, stack, _at(args), away)
        if away is None:
            image = image_on_host(f"{name}-image", plan.image, self)
            networks = [args["network"], *([internet] if unconfined and internet else [])]
            return _Shared(image, networks, self._models(plan, stack), weights, way_out, _at(args), None)
        image = image_on_host(on_host(f"{name}-image", away.name), plan.image, self, away.options())
        models = self._models(plan, stack, away)
        return _Shared(image, away.network(unconfined), models, weights, way_out, away.at, away)

    def _internet(self, name: str, plan: PoolPlan, args: TtsPoolArgs) -> pulumi.Input[str] | None:
        """The network with a way out on the edge's host: the given one, else one of the pool's own, if it needs one."""
        if "outside" in args or "plan" in args:
            return args.get("outside")
        if not (plan.way_out or plan.weights or plan.container.unconfined):
            return None
        options = pulumi.ResourceOptions(parent=self)
        return made_network(internet_network(name), args.get("stack", name), options, options=APART)

    def _way_out(
        self,
        plan: PoolPlan,
        internet: pulumi.Input[str] | None,
        stack: str,
        at: Endpoint,
        away: Elsewhere | None,
    ) -> TtsWayOut | None:
        """The proxy on a host to what the engine may fetch from."""
        if not (plan.way_out and internet):
            return None
        here = pulumi.ResourceOptions.merge(away.options() if away else None, pulumi.ResourceOptions(parent=self))
        way_out = plan.way_out.on(away.name) if away else plan.way_out
        at, silent = (away.at, away.silent) if away else (at, False)
        return TtsWayOut(way_out, stack=stack, internet=internet, at=at, silent=silent, opts=here)

    def _models(self, plan: PoolPlan, stack: str, away: Elsewhere | None = None) -> pulumi.Output[str] | None:
        if not plan.models_volume:
            return None
        name = on_host(plan.models_volume, away.name) if away else plan.models_volume
        volume = docker.Volume(
            name,
            name=name,
            labels=volume_labels(stack, "models", {HOST_LABEL: away.name} if away else None),
            # Gigabytes that would have to be fetched again; `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions.merge(
                away.options() if away else None, pulumi.ResourceOptions(parent=self, retain_on_delete=True)
            ),
        )
        return volume.name


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the instances of a pool on one host share."""

    image: pulumi.Output[str]
    networks: list[pulumi.Input[str]]
    models: pulumi.Output[str] | None
    weights: Weights | None
    way_out: TtsWayOut | None
    at: Endpoint
    away: Elsewhere | None
    """The host, if it is not the edge's."""


def _at(args: TtsPoolArgs) -> Endpoint:
    return endpoint(args.get("docker"), args.get("certificates"))


def _planned(name: str, args: TtsPoolArgs) -> PoolPlan:
    written = {"name": name, **args.get("pool", {})}
    domain = args.get("domain", "localhost")
    pool = load_pool(written, domain)
    gpus = load_part(list[Gpu], args.get("gpus", []), "gpus")
    local = local_images(args.get("images"))
    return plan_pool_alone(pool, gpus, name, domain=domain, local_images=local, https=args.get("https", False))


def _guarded(plan: PoolPlan) -> dict[str, Any]:
    if not plan.guard:
        return {}
    return {
        "guard": asdict(plan.guard),
        "shared": [route_args(route) for route in plan.shared_routes],
        "own": [route_args(route) for route in plan.instance_routes],
    }
