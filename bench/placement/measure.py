"""All measurements of `python -m bench placement`, in order."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from bench.placement.fleet import config
from bench.placement.others import exact, first_fit
from bench.placement.report import report
from bootstrap.paths import CHECKOUT
from bootstrap.say import say
from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.config.host import Host
from pulumi_tts.config.pool import Pool
from pulumi_tts.plan import plan_stack
from pulumi_tts.plan.placement import place

REPETITIONS = 5
_RESULTS = CHECKOUT / "docs" / "bench-placement.json"
_REPORT = CHECKOUT / "docs" / "bench-placement.md"


def measure_placement(*, quick: bool) -> None:
    """Measures everything and writes the results; where ``quick``, measures once and prints them instead."""
    written, stack, too_large = config(), load_stack(config()), load_stack(config(factor=2)).pools
    fleet, wanted = stack.hosts, stack.pools
    running = place(fleet, wanted).places
    one_more = [wanted[0].model_copy(update={"instances": wanted[0].instances + 1}), *wanted[1:]]
    tasks: dict[str, Callable[[], object]] = {
        "whole": lambda: plan_stack(load_stack(written), "tts-bench", local_images=False),
        "place": lambda: place(fleet, wanted),
        "again": lambda: place(fleet, wanted, running),
        "one more": lambda: place(fleet, one_more, running),
        "refuse": lambda: _refused(fleet, too_large),
        "first fit": lambda: first_fit(fleet, wanted),
        "exact": lambda: exact(fleet, wanted),
        "exact, refuse": lambda: exact(fleet, too_large),
        "import": _import_pulumi,
    }
    times: dict[str, list[float]] = {task: [] for task in tasks}
    for turn in range(1 if quick else REPETITIONS):
        in_order = list(tasks)
        for task in in_order[turn:] + in_order[:turn]:
            started = _processor()
            tasks[task]()
            times[task].append(round(_processor() - started, 5))
            say(f"{task}: {times[task][-1]:.3f} s")
    results: dict[str, Any] = {
        "machine": {
            "date": date.today().isoformat(),
            "processors": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
        },
        "times": times,
        "found": {"first fit": first_fit(fleet, wanted), "exact": exact(fleet, wanted)},
    }
    if quick:
        print(report(results))
        return
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    _REPORT.write_text(report(results))
    say(f"Written: {_REPORT.relative_to(CHECKOUT)} and its figures, {_RESULTS.name}")


def _processor() -> float:
    """Seconds of the processor, this process's and its children's: other work on the machine hardly lengthens them."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _refused(fleet: Sequence[Host], wanted: Sequence[Pool]) -> ConfigError:
    try:
        place(fleet, wanted)
    except ConfigError as refusal:
        return refusal
    raise AssertionError("what does not fit was placed")


def _import_pulumi() -> None:
    subprocess.run([sys.executable, "-c", "import pulumi"], check=True)
