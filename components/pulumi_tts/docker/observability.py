"""What watches a stack, on a Docker host."""

from typing import Any, NotRequired, TypedDict

import pulumi

from pulumi_tts.plan.observability import ObservabilityPlan


class ObservabilityArgs(TypedDict):
    """What an Observability is made from."""

    network: pulumi.Input[str]
    """The network of what watches and what is watched."""
    plan: Any
    """In Python only: an ObservabilityPlan."""
    stack: NotRequired[str]
    """The label `pulumi-tts.stack` of what is made. Default: the resource name."""


class Observability(pulumi.ComponentResource):
    """What watches a stack, each part a container."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tts:index:Observability", name, None, opts)
        self._plan: ObservabilityPlan = args["plan"]
        self.register_outputs({})
