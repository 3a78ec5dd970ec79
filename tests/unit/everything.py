"""A stack with everything that can be asked for, on mocks: each resource as Pulumi would be given it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import pulumi
import pytest
import yaml
from pulumi.runtime.mocks import MockMonitor

from pulumi_tts.config import load_stack
from pulumi_tts.config.engines import ENGINES
from pulumi_tts.docker import SpeechStack, pids
from pulumi_tts.policy.resource import CONTAINER, Resource
from tests.unit.conftest import World, run

NAME = "tts-test"
_REFERENCE = Path(__file__).parents[2] / "docs" / "config.yaml"

SALT = "yMnKy8zNzs/Q0dLT1NXW1w=="


def config() -> dict[str, Any]:
    """Everything that docs/config.yaml shows, containers of others, and a pool of each known engine, on three hosts."""
    written: dict[str, Any] = yaml.safe_load(_REFERENCE.read_text())["config"]["tts:stack"]
    written["images"] = "registry"
    written["edge"]["discovery"]["enabled"] = True
    cards = [{"id": number, "vram": "80g"} for number in range(8)]
    written["hosts"][0]["gpus"] = cards
    written["hosts"].append({"name": "gpu-3", "docker": "ssh://gpu-3", "address": "10.0.0.9", "gpus": cards})
    for at, (name, profile) in enumerate(ENGINES.items()):
        pool: dict[str, Any] = {"name": f"of-{name}", "engine": name, "routes": {"pool": f"of{at}.{{domain}}"}}
        if profile.needs_weights and profile.weights:
            pool["weights"] = {"revision": 40 * "0"}
        written["pools"].append(pool)
    return written


def given() -> dict[str, str]:
    """The secrets that the config refers to. With signs, so that each way to write them is another one."""
    return {key: f"Given/for+{key}.7~which-is/long=enough" for _, key in load_stack(config()).secret_references}


@dataclass
class Everything(World):
    """Mocks that draw secrets as the random plugin does, and note whose each resource is."""

    resources: list[Resource] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)
    """What was drawn, and hashes of it, by the resource's name."""
    limited: dict[str, int] = field(default_factory=dict)
    """Limits on processes, which are no inputs, by the container's name."""
    state: dict[str, str] = field(default_factory=dict)
    """What the engine was given of each resource, and would write down, as it was sent; a secret is marked in it."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """As World; each password is another one."""
        if args.typ == "random:index/randomPassword:RandomPassword":
            self.made.append(args)
            drawn = f"drawn/for {args.name}"
            hashed = bcrypt.hashpw(drawn.encode(), bcrypt.gensalt(4)).decode()
            self.generated |= {args.name: drawn, f"{args.name}, hashed": hashed}
            return f"{args.name}-id", {**args.inputs, "result": drawn, "bcryptHash": hashed}
        return super().new_resource(args)

    def containers(self) -> dict[str, Resource]:
        """Every container, by its name."""
        return {resource.name: resource for resource in self.resources if resource.kind == CONTAINER}


def everything(monkeypatch: pytest.MonkeyPatch) -> Everything:
    """Makes the stack; what became of it."""
    return made_by(
        lambda: SpeechStack(NAME, {"config": config(), "secrets": dict(given()), "preflight": False}).edge_url,
        monkeypatch,
    )


def made_by(program: Callable[[], pulumi.Output[Any]], monkeypatch: pytest.MonkeyPatch) -> Everything:
    """Runs a program; what became of it."""
    world = Everything(computed={"b64Std": SALT})
    register = MockMonitor.RegisterResource

    def noted(monitor: MockMonitor, request: Any) -> Any:
        answer = register(monitor, request)  # type: ignore[no-untyped-call]
        if request.custom:
            # Several are registered at once.
            made = next(made for made in world.made if (made.typ, made.name) == (request.type, request.name))
            world.resources.append(Resource(made.typ, made.name, answer.urn, made.inputs))
            world.state[f"{made.typ} {made.name}"] = request.object
        return answer

    monkeypatch.setattr(MockMonitor, "RegisterResource", noted)
    # On mocks no limit is set, as there is no Docker; here it is noted.
    monkeypatch.setattr(pids, "MockMonitor", type("NoMonitor", (), {}))
    monkeypatch.setattr(
        pids, "_set_limit", lambda id_, _, limit: bool(world.limited.update({id_.removesuffix("-id"): limit})) or True
    )
    pulumi.runtime.set_mocks(world, project="pulumi-tts", stack="test", preview=False)
    run(program)
    return world
