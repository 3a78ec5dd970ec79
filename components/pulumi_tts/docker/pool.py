"""A pool of instances on a Docker host, in a stack of pulumi-tts or in one of your own."""

from typing import Any, NotRequired, TypedDict

import pulumi

from pulumi_tts.config import load_pool
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.images import image_on_host, local_images
from pulumi_tts.docker.instance import TtsInstance
from pulumi_tts.plan import PoolPlan, Route, base_image, plan_pool


class TtsPoolArgs(TypedDict):
    """What a TtsPool is made from."""

    network: pulumi.Input[str]
    """The Docker network that the instances join; the edge must be on it too."""
    pool: NotRequired[dict[str, Any]]
    """The pool as under `pools:` in docs/config.yaml; `name` is optional."""
    domain: NotRequired[str]
    """What `{domain}` in the pool's routes stands for. Default: localhost."""
    images: NotRequired[str]
    """`registry` or `local`: what engines of our own are built on. Default: registry."""
    docker: NotRequired[str]
    """The endpoint of the Docker host, the same that the provider has. Default: `DOCKER_HOST`, else this machine's."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the pool's resource name."""
    plan: NotRequired[Any]
    """In Python only: a PoolPlan, where SpeechStack has planned all pools together; `pool` is then not read."""


class TtsPool(pulumi.ComponentResource):
    """N instances of one engine, each in a container with an output volume of its own.

    The first `up` starts all instances in parallel; a changed image, command or environment replaces them one at a
    time. `pulumi destroy` needs `--run-program`, because deletions take turns too; for the same reason a program that
    drops its last TtsPool, and has no SpeechStack, calls `rolling_updates()` until that is deployed.

    Raises ConfigError if `pool` is not right.
    """

    upstreams: pulumi.Output[list[str]]
    """The instances' addresses on the network, as `http://host:port`."""
    routes: pulumi.Output[list[Any]]
    """The pool's routes, as TraefikEdge takes them."""

    def __init__(self, name: str, args: TtsPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        plan: PoolPlan = args["plan"] if "plan" in args else _planned(name, args)
        super().__init__("tts:index:TtsPool", name, None, opts)
        image = image_on_host(f"{name}-image", plan.image, self)
        for instance in plan.instances:
            TtsInstance(
                instance,
                plan.container,
                stack=args.get("stack", name),
                image=image,
                network=args["network"],
                at=endpoint(args.get("docker")),
                parent=self,
            )
        self.upstreams = pulumi.Output.from_input([instance.upstream for instance in plan.instances])
        self.routes = pulumi.Output.from_input([_route_args(route) for route in plan.routes])
        self.register_outputs({"upstreams": self.upstreams, "routes": self.routes})


def _planned(name: str, args: TtsPoolArgs) -> PoolPlan:
    written = {"name": name, **args.get("pool", {})}
    domain = args.get("domain", "localhost")
    return plan_pool(load_pool(written, domain), name, domain, base_image(local_images(args.get("images"))))


def _route_args(route: Route) -> dict[str, Any]:
    check = route.health
    health = {"path": check.path, "interval": f"{check.interval}s", "timeout": f"{check.timeout}s"} if check else None
    return {
        "name": route.name,
        "host": route.host,
        "upstreams": list(route.upstreams),
        "path": route.prefix,
        "strip": route.strip,
        "service": route.service,
        "kind": route.kind.value,
        "headers": dict(route.headers),
        **({"health": health} if health else {}),
    }
