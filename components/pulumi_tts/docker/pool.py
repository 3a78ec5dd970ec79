"""A pool of instances on a Docker host, in a stack of pulumi-tts or in one of your own."""

from dataclasses import asdict
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_docker as docker

from pulumi_tts.config import load_part, load_pool
from pulumi_tts.config.host import Gpu
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.hardening import volume_labels
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.instance import TtsInstance
from pulumi_tts.docker.routes import route_args
from pulumi_tts.plan import PoolPlan, base_image, plan_pool_alone


class TtsPoolArgs(TypedDict):
    """What a TtsPool is made from."""

    network: pulumi.Input[str]
    """The Docker network that the instances join; the edge must be on it too."""
    outside: NotRequired[pulumi.Input[str]]
    """A network with a way out, which the instances of an engine that fetches models join as well."""
    pool: NotRequired[dict[str, Any]]
    """The pool as under `pools:` in docs/config.yaml; `name` is optional."""
    domain: NotRequired[str]
    """What `{domain}` in the pool's routes stands for. Default: localhost."""
    images: NotRequired[str]
    """`registry` or `local`: what engines of our own are built on. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    gpus: NotRequired[list[dict[str, Any]]]
    """The host's cards, as under `hosts: gpus:` in docs/config.yaml, for an engine that takes `vram`. Pools made one by
    one do not see each other on them: give each its own cards, or make a SpeechStack. Default: none."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the pool's resource name."""
    after: NotRequired[Any]
    """In Python only: an EnvoyGuard that is there before the instances are, and goes after them."""
    plan: NotRequired[Any]
    """In Python only: a PoolPlan, where SpeechStack has planned all pools together; `pool` is then not read."""


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
        stack, at = args.get("stack", name), endpoint(args.get("docker"))
        image = image_on_host(f"{name}-image", plan.image, self)
        models = self._models(plan, stack)
        networks = [args["network"]]
        if plan.container.fetches and "outside" in args:
            networks.append(args["outside"])
        for instance in plan.instances:
            TtsInstance(
                instance,
                plan.container,
                stack=stack,
                image=image,
                networks=networks,
                models=models,
                at=at,
                drain=plan.guard.drain if plan.guard else None,
                after=[args["after"]] if "after" in args else [],
                parent=self,
            )
        self.upstreams = pulumi.Output.from_input([instance.upstream for instance in plan.instances])
        self.routes = pulumi.Output.from_input([route_args(route) for route in plan.routes])
        self.guarded = pulumi.Output.from_input(_guarded(plan))
        self.register_outputs({"upstreams": self.upstreams, "routes": self.routes, "guarded": self.guarded})

    def _models(self, plan: PoolPlan, stack: str) -> pulumi.Output[str] | None:
        if not plan.models_volume:
            return None
        volume = docker.Volume(
            plan.models_volume,
            name=plan.models_volume,
            labels=volume_labels(stack, "models"),
            # Gigabytes that would have to be fetched again; `make down VOLUMES=1` removes it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        return volume.name


def _planned(name: str, args: TtsPoolArgs) -> PoolPlan:
    written = {"name": name, **args.get("pool", {})}
    domain = args.get("domain", "localhost")
    pool = load_pool(written, domain)
    gpus = load_part(list[Gpu], args.get("gpus", []), "gpus")
    base = base_image(local_images(args.get("images")))
    return plan_pool_alone(pool, gpus, name, domain=domain, base=base)


def _guarded(plan: PoolPlan) -> dict[str, Any]:
    if not plan.guard:
        return {}
    return {
        "guard": asdict(plan.guard),
        "shared": [route_args(route) for route in plan.shared_routes],
        "own": [route_args(route) for route in plan.instance_routes],
    }
