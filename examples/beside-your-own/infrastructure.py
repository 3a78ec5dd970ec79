"""What stands in this stack: a page of our own, and beside it guarded speech from pulumi-tts, behind one edge."""

from typing import Any

import pulumi
import pulumi_docker as docker

from pulumi_tts.docker import EnvoyGuard, TraefikEdge, TtsPool
from pulumi_tts.plan import base_image

DOMAIN = "localhost"
STACK = "example"
"""The label by which the guard's keeper finds the pool's containers."""


def infrastructure(images: str, port: int) -> TraefikEdge:
    """The page, the pool with its guard, and their edge on 127.0.0.1; ``images`` is `registry` or `local`."""
    network = docker.Network("example-network", name="example-network", internal=True)
    page(network, base_image(images == "local"))
    pool = TtsPool(
        "example-speech",
        {
            "network": network.name,
            "images": images,
            "domain": DOMAIN,
            "stack": STACK,
            "pool": {"engine": "voice", "instances": 2, "routes": {"pool": "speech.{domain}"}},
        },
    )
    guard = EnvoyGuard(
        "example-guard",
        {"network": network.name, "images": images, "stack": STACK, "pools": [pool.guarded]},
    )
    return TraefikEdge(
        "example-edge",
        {
            "network": network.name,
            "images": images,
            "domain": DOMAIN,
            "routes": guard.routes.apply(with_page),
            "guard_token": guard.token,
            "edge": {"port": port, "dashboard": {"enabled": False}},
        },
    )


def with_page(routes: list[Any]) -> list[Any]:
    """The pool's routes, and one to the container of our own."""
    ours = {"name": "page", "host": f"page.{DOMAIN}", "upstreams": ["http://example-page:8080"], "kind": "ui"}
    return [*routes, ours]


def page(network: docker.Network, base: str) -> docker.Container:
    """The container of our own, as one would write it without pulumi-tts; it breaks no rule of the policy pack."""
    image = docker.RemoteImage(
        "example-page-image",
        name="example-page:1",
        keep_locally=True,
        build=docker.RemoteImageBuildArgs(context="page", tags=["example-page:1"], build_args={"BASE": base}),
    )
    return docker.Container(
        "example-page",
        name="example-page",
        image=image.image_id,
        restart="unless-stopped",
        read_only=True,
        memory=32,
        memory_swap=32,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=["CMD", "busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"],
            interval="10s",
            timeout="3s",
            retries=3,
            start_period="5s",
        ),
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network.name)],
        opts=pulumi.ResourceOptions(delete_before_replace=True),
    )
