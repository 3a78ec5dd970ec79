"""A deployment that is to fail when all else is done, and only if it is one that makes something.

The program runs for `pulumi destroy --run-program` too, and is not told so; an error that it raised then would keep
everything from being deleted. But a destroy creates nothing, and so does a preview: neither calls the hooks that a
creation has. So the failure is a resource that refuses to be created. It never gets into the state.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pulumi
import pulumi_random as random


class Hooked(Protocol):
    """What a hook is told that matters here: the inputs of what is to be created."""

    @property
    def new_inputs(self) -> Mapping[str, Any] | None: ...


def fail_after(
    name: str, reasons: Mapping[str, pulumi.Input[str]], made: Sequence[pulumi.Resource], parent: pulumi.Resource
) -> None:
    """Lets the deployment fail for these reasons, once ``made`` and all in it are there."""
    refusal = pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(name, refuse)])
    options = pulumi.ResourceOptions(parent=parent, depends_on=list(made), hooks=refusal)
    random.RandomId(name, byte_length=1, keepers=reasons, opts=options)


def refuse(args: Hooked) -> None:
    """Raises RunError with the reasons that the resource was given."""
    reasons: Mapping[str, str] = (args.new_inputs or {})["keepers"]
    raise pulumi.RunError("\n".join(reasons.values()))
