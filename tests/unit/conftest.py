"""A world without Docker and without an engine, fresh for each test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest


@dataclass
class World(pulumi.runtime.Mocks):
    """Stands in for the engine: every resource succeeds, and is written down."""

    made: list[pulumi.runtime.MockResourceArgs] = field(default_factory=list)
    computed: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Takes any resource; its outputs are its inputs, and what Docker would add to them."""
        self.made.append(args)
        usual = {"imageId": f"sha256:{args.name}", "bcryptHash": "$2a$10$hash", "result": "generated"}
        return f"{args.name}-id", {**usual, **self.computed, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Nothing here calls a function of a provider."""
        raise AssertionError(f"unexpected call of {args.token}")

    def inputs(self, kind: str) -> dict[str, dict[str, Any]]:
        """The inputs of every resource of a type, by its name."""
        return {made.name: made.inputs for made in self.made if made.typ == kind}


@pytest.fixture
def world() -> Iterator[World]:
    """Mocks of this test's own: those of another test would still hold its resources."""
    world = World()
    pulumi.runtime.set_mocks(world, project="pulumi-tts", stack="test", preview=False)
    yield world
    pulumi.runtime.set_mocks(World(), project="pulumi-tts", stack="test", preview=False)


def run(program: Callable[[], pulumi.Output[Any] | None]) -> None:
    """Runs a program on the mocks of `world` to its end, its applies included."""
    drained: Callable[[], None] = pulumi.runtime.test(program)  # type: ignore[no-untyped-call]
    drained()
