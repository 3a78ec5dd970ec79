"""How many series 256 instances are: the real Prometheus reads what their edge, guard and keeper would tell at most."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from pulumi_tts.render.buckets import BUCKETS
from tests.guard.guarding import guarding
from tests.loopback import free_port
from tests.observe.observing import observing
from tests.observe.plans import HOOK, planned
from tests.waiting import wait_for

POOLS, EACH = 32, 8
CODES = ("200", "401", "404", "429", "503")
METHODS = ("GET", "POST")
MOST = 20_000
"""Prometheus takes some 4 KiB of memory for each series (its own rule of thumb): 80 MiB of the 512 that it has."""


def names() -> list[str]:
    return [f"pool{number}" for number in range(1, POOLS + 1)]


def of_the_edge() -> str:
    """Every way in of every pool has answered with five codes to two methods."""
    lines = []
    for pool in names():
        for way in ("pool", "path", *range(1, EACH + 1)):
            for code in CODES:
                for method in METHODS:
                    labels = (
                        f'code="{code}",method="{method}",protocol="http",router="{pool}.{way}@file",'
                        f'service="{pool if way in ("pool", "path") else f"{pool}.{way}"}@file"'
                    )
                    for level in ("router", "service"):
                        name = f"traefik_{level}"
                        lines += [f"{name}_requests_total{{{labels}}} 1", f"{name}_responses_bytes_total{{{labels}}} 1"]
                        duration = f"{name}_request_duration_seconds"
                        bounds = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")
                        lines += [f'{duration}_bucket{{{labels},le="{bound}"}} 1' for bound in bounds]
                        lines += [f"{duration}_sum{{{labels}}} 1", f"{duration}_count{{{labels}}} 1"]
    # Two ways of a pool have one service.
    return "\n".join(dict.fromkeys(lines)) + "\n"


def of_the_guard(folder: Path) -> str:
    """What the real one says of a pool, said of each."""
    with guarding(folder, {"name": "voice", "instances": 1}) as guard:
        for path in ("/work", "/work?status=404", "/work?status=500"):
            with guard.client() as client:
                client.get(path)
        told = httpx.get(f"http://127.0.0.1:{guard.layout.status_port}/stats/prometheus", trust_env=False).text
    lines = [line for line in told.splitlines() if line and not line.startswith("#")]
    ours = re.compile(r'envoy_cluster_name="(queue_)?voice"')
    others = [line for line in lines if not ours.search(line)]
    each = [
        ours.sub(rf'envoy_cluster_name="\1{pool}"', line) for pool in names() for line in lines if ours.search(line)
    ]
    return "\n".join([*others, *each]) + "\n"


def of_the_keeper() -> str:
    figures = ("serving", "draining", "given_up", "busy_slots", "slots")
    lines = [
        f'keeper_instance_{figure}{{pool="{pool}",instance="tts-{pool}-{number}"}} 1'
        for pool in names()
        for number in range(1, EACH + 1)
        for figure in figures
    ]
    lines += [
        f'keeper_restarts_total{{pool="{pool}",instance="tts-{pool}-{number}",reason="{reason}",outcome="{outcome}"}} 1'
        for pool in names()
        for number in range(1, EACH + 1)
        for reason in ("scheduled", "sick", "itself")
        for outcome in ("back", "failed")
    ]
    lines += [f'keeper_pool_waiting_requests{{pool="{pool}"}} 0' for pool in names()]
    return "\n".join(lines) + "\n"


@contextmanager
def telling(pages: dict[str, str]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    port = free_port()
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()


def test_256_instances_are_few_enough_series(tmp_path: Path) -> None:
    (tmp_path / "guard").mkdir()
    (tmp_path / "watching").mkdir()
    guard = of_the_guard(tmp_path / "guard")
    plan = planned({"alertmanager": {"receivers": [HOOK]}, "probes": False, "node": False})
    edge, keeper = of_the_edge(), of_the_keeper()
    with (
        telling({"/metrics": edge}) as edge_port,
        telling({"/stats/prometheus": guard}) as guard_port,
        telling({"/metrics": keeper}) as keeper_port,
    ):
        parts = {
            "edge": f"127.0.0.1:{edge_port}",
            "guard": f"127.0.0.1:{guard_port}",
            "keeper": f"127.0.0.1:{keeper_port}",
        }
        with observing(tmp_path / "watching", plan, parts, faster=1) as (watching, _):
            jobs = ("edge", "guard", "keeper")
            wait_for(lambda: all(watching.asked(f'up{{job="{job}"}} == 1') for job in jobs), 60, glance=0.5)
            kept = {job: watching.asked(f'scrape_samples_post_metric_relabeling{{job="{job}"}}')[0][1] for job in jobs}
            told = {job: watching.asked(f'scrape_samples_scraped{{job="{job}"}}')[0][1] for job in jobs}
            series = sum(kept.values())
            print(f"told {told}, kept {kept}")
            assert series < MOST
            assert sum(told.values()) > 5 * series, "what nothing reads is dropped"
            assert {labels["pool"] for labels, _ in watching.asked("count by (pool) (keeper_instance_serving)")} == set(
                names()
            )
