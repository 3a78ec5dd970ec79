"""A program's own time: it runs to its end on Pulumi's mocks, without an engine, in a process of its own.

The parent's side is `run`, the child's is `python -m bench.engine.mocked`.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.engine.programs import PROGRAMS, STACK, Program, config
from bootstrap.paths import CHECKOUT

_PORT = 47_080  # one that no stack has: the components ask Docker whether it is free


@dataclass(frozen=True)
class Timed:
    """One run; times in seconds of the processor, which other work on the machine does not lengthen."""

    imports: float
    """Pulumi's SDK and what else the program imports."""
    program: float
    """The program's own, from its first line until its last resource is registered."""
    resources: dict[str, Any]
    """The inputs of every resource, by its type and name; what is not known in a preview is None."""


def run(program: Program, instances: int, *, preview: bool) -> Timed:
    """Runs a program in a fresh Python; in a preview nothing that Docker would add is known."""
    command = [sys.executable, "-m", __name__, program.name, str(instances), "preview" if preview else "up"]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True)
    return Timed(**json.loads(done.stdout))


def _run_here(program: Program, instances: int, preview: bool) -> Timed:
    started = time.process_time()
    for module in ("pulumi", *program.imports):
        importlib.import_module(module)
    imported = time.process_time()
    import pulumi  # noqa: PLC0415  its time is measured above

    class World(pulumi.runtime.Mocks):
        """Stands in for engine and provider: inputs come back as outputs, after an `up` with Docker's additions."""

        def __init__(self) -> None:
            self.made: dict[str, Any] = {}

        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            self.made[f"{args.typ} {args.name}"] = args.inputs
            if preview:
                return None, args.inputs
            added = {"imageId": f"sha256:{args.name}", "bcryptHash": "$2a$10$hash", "result": "generated"}
            return f"{args.name}-id", {**added, **args.inputs}

        def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
            raise AssertionError(f"unexpected call of {args.token}")

    world = World()
    pulumi.runtime.set_mocks(world, project="bench", stack=STACK, preview=preview)
    written = config(instances, _PORT, "base")
    pulumi.runtime.set_all_config(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in written.items()}
    )
    os.chdir(program.folder)

    def whole() -> None:
        runpy.run_path(str(program.folder / "__main__.py"), run_name="__main__")

    drained = pulumi.runtime.test(whole)  # type: ignore[no-untyped-call]
    ready = time.process_time()
    drained()
    return Timed(imported - started, time.process_time() - ready, world.made)


if __name__ == "__main__":
    name, size, operation = sys.argv[1:]
    timed = _run_here(PROGRAMS[name], int(size), operation == "preview")
    json.dump(asdict(timed), sys.stdout, default=lambda _unknown: None)
    sys.stdout.flush()
    # Pulumi leaves event loops open, and Python may complain about that when it tears everything down.
    os._exit(0)
