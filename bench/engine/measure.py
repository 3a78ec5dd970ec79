"""All measurements of `python -m bench engine`, in order."""

import json
import os
import platform
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.engine import mocked
from bench.engine.programs import FLAT, PREFIX, PROGRAMS, SPEECH, Program
from bench.engine.real import RealStack
from bench.engine.report import report
from bench.engine.same import check_same
from bench.engine.state import state_of_instance
from bootstrap import commands, docker
from bootstrap.paths import CHECKOUT
from bootstrap.pulumi import Engine, find_or_build
from bootstrap.say import say
from bootstrap.shell import read

SIZES = (1, 64, 512)
REPETITIONS = 3
_RESULTS = CHECKOUT / "docs" / "bench-engine.json"
_REPORT = CHECKOUT / "docs" / "bench-engine.md"

Times = dict[str, dict[str, dict[str, list[float]]]]
"""Seconds of each round, by what was measured, the number of instances and the program."""


def measure_engine(*, quick: bool) -> None:
    """Measures everything and writes the results; where ``quick``, prints them instead."""
    # A shell that starts this in the background has SIGINT ignored, and what it starts inherits that. Pulumi ends its
    # plugins with SIGINT, and would wait 5 s for each language host before it ends it by force.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands.make_images_anyway()
    engine = find_or_build()
    sizes, repetitions = (SIZES[:2], 1) if quick else (SIZES, REPETITIONS)
    with tempfile.TemporaryDirectory(prefix="tts-bench-") as folder, _images_removed():
        # Modules are compiled once, as on any machine, whatever this one's settings are.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
        check_same()
        stacks = {
            name: RealStack(program, Path(folder, name), engine, _free_port()) for name, program in PROGRAMS.items()
        }
        times: Times = {}
        # The state first: images are then built and modules compiled, and times are of the stack alone.
        state = {program.name: _state(stacks[program.name]) for program in (FLAT, SPEECH)}
        _rounds(times, lambda program, n: _up(stacks[program.name], n), (1,), repetitions)
        _rounds(times, lambda program, n: _preview(stacks[program.name], n), sizes, repetitions)
        _rounds(times, _own_time, sizes, repetitions)
    results = {"machine": _machine(engine), "times": times, "state": state}
    if quick:
        print(report(results))
        return
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    _REPORT.write_text(report(results))
    say(f"Written: {_REPORT.relative_to(CHECKOUT)} and its figures, {_RESULTS.name}")


def _rounds(
    times: Times, measure: Callable[[Program, int], Mapping[str, float]], sizes: tuple[int, ...], repetitions: int
) -> None:
    """Takes every measurement once a round, what is compared next to each other, each round in another order."""
    for turn in range(repetitions):
        for instances in sizes:
            in_order = list(PROGRAMS.values())
            for program in in_order[turn % 3 :] + in_order[: turn % 3]:
                for what, seconds in measure(program, instances).items():
                    by_program = times.setdefault(what, {}).setdefault(str(instances), {})
                    by_program.setdefault(program.name, []).append(round(seconds, 4))
                    say(f"{what}, {instances}, {program.name}: {seconds:.2f} s")


def _own_time(program: Program, instances: int) -> dict[str, float]:
    found = {}
    for operation in ("preview", "up"):
        run = mocked.run(program, instances, preview=operation == "preview")
        found[f"own {operation}"] = run.program
        found[f"own {operation} with imports"] = run.program + run.imports
    return found


def _preview(stack: RealStack, instances: int) -> dict[str, float]:
    took = stack.preview(instances)
    return {"preview": took.wall, "preview processor": took.processor}


def _up(stack: RealStack, instances: int) -> dict[str, float]:
    with _taken_away(stack):
        return {"up": stack.up(instances).wall}


def _state(stack: RealStack) -> dict[str, Any]:
    with _taken_away(stack):
        stack.up(1)
        one = stack.state()
        stack.up(3)
        return state_of_instance(one, stack.state(), f"{PREFIX}-voice-2")


@contextmanager
def _taken_away(stack: RealStack) -> Iterator[None]:
    try:
        yield
    finally:
        stack.destroy()
        with closing(docker.client()) as host:
            for volume in host.volumes.list(filters={"label": f"pulumi-tts.stack={PREFIX}"}):
                volume.remove()


@contextmanager
def _images_removed() -> Iterator[None]:
    """Takes the flat program's tags away at the end; those of the components stay, as after any `up`."""
    try:
        yield
    finally:
        with closing(docker.client()) as host:
            flat = host.images.list(filters={"reference": "pulumi-tts/*:bench"})
            for tag in [tag for image in flat for tag in image.tags if tag.endswith(":bench")]:
                host.images.remove(tag)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _machine(engine: Engine) -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "engine": f"{read([str(engine.executable), 'version']).strip()} ({engine.origin})",
        "sdk": version("pulumi"),
    }
