"""Alerts for real: Prometheus, Alertmanager, Traefik, Envoy and the keeper, down to who listens at a webhook."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from pulumi_tts.plan import StackPlan
from tests.edge.edging import Edging, edging
from tests.loopback import free_port
from tests.observe.hook import Hook
from tests.observe.observing import Observing, observing
from tests.observe.plans import HOOK, planned
from tests.services.keeping import Keeping
from tests.waiting import wait_for

FASTER = 40
"""Five minutes take seven and a half seconds."""
GUARDED = ("voice", "lone", "busy", "sour")


def short_certificate(*names: str) -> tuple[str, str]:
    """A certificate that ends in five days, and its key; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()


class Asking:
    """Requests, one after the other, until it is ended."""

    def __init__(self, edge: Edging, pool: str, *paths: str, clients: int = 1) -> None:
        self._edge, self._pool, self._paths = edge, pool, paths
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()

    def _ask(self) -> None:
        with self._edge.https(f"{self._pool}.localhost") as client:
            while not self._ending.is_set():
                for path in self._paths:
                    with suppress(httpx.TransportError):
                        client.get(path)
                    time.sleep(0.05)


def planned_with(certificate: str) -> StackPlan:
    """Four guarded pools and one that the edge balances itself."""
    pools: list[dict[str, Any]] = [
        {"name": name, "engine": "voice", "routes": {"pool": f"{name}.{{domain}}"}} for name in GUARDED
    ]
    pools[0]["instances"] = 2
    pools.append({"name": "studio", "engine": "studio", "guard": "none", "routes": {"path": "/studio"}})
    tls = {"certificates": [{"certificate": certificate, "key": {"secret": "edgeKey"}}], "port": free_port()}
    return planned({"alertmanager": {"receivers": [HOOK]}}, pools=pools, edge={"tls": tls, "port": free_port()})


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Edging, Observing, Hook]]:
    """A stack of which nothing is wrong but that its certificate ends soon, and what watches it."""
    certificate, key = short_certificate("localhost", "dashboard.localhost", *(f"{name}.localhost" for name in GUARDED))
    plan = planned_with(certificate)
    for part in ("edge", "keeper", "watching"):
        (folder / part).mkdir()
    with ExitStack() as ends:
        edge = ends.enter_context(edging(folder / "edge", plan, {"edgeKey": key}, guarded=True))
        edge.ca = certificate
        assert edge.guard
        assert plan.guard
        keeper = Keeping(edge.guard, folder / "keeper")
        ends.callback(keeper.end)
        keeper.write(plan.guard)
        keeper.start()
        parts = {
            "edge": f"127.0.0.1:{edge.layout.metrics}",
            "web": f"127.0.0.1:{edge.layout.websecure}",
            "guard": f"127.0.0.1:{edge.guard.layout.status_port}",
            "keeper": f"127.0.0.1:{keeper.port}",
        }
        yield edge, *ends.enter_context(observing(folder / "watching", plan, parts, faster=FASTER))


def found(wanted: set[tuple[str, str]], seen: Callable[[], set[tuple[str, str]]], seconds: float = 60) -> None:
    """Waits until each alert was seen at some time."""
    missing = set(wanted)
    until = time.monotonic() + seconds
    while missing:
        missing -= seen()
        assert time.monotonic() < until, missing
        time.sleep(0.3)


def test_what_goes_wrong_is_told_and_that_it_is_over_too(tmp_path: Path) -> None:
    with watched(tmp_path) as (edge, watching, hook), ExitStack() as ends:
        assert edge.guard
        wait_for(lambda: len(watching.asked("up == 1")) == len(watching.get("targets")["activeTargets"]), 20)
        wait_for(lambda: ("CertificateExpires", "voice") in hook.alerts(), 20)
        assert {alert for alert, _ in watching.firing()} == {"CertificateExpires"}, "of all else, nothing is wrong"

        edge.guard.pools["voice"][0].end()
        edge.guard.pools["lone"][0].end()
        edge.upstream.end()
        # More than it has slots and places in line; and every second request fails, on an instance that is healthy.
        ends.enter_context(Asking(edge, "busy", "/work?first=25", clients=6))
        ends.enter_context(Asking(edge, "busy", "/work"))
        ends.enter_context(Asking(edge, "sour", "/work?status=500", "/work"))
        watching.part("node").terminate()
        watching.bring("prometheus", "rules.yml", "groups: [{name: broken, rules: [{alert: A, expr: '((('}]}]")
        wanted = {
            ("InstanceDown", "voice"),
            ("PoolBelowCapacity", "voice"),
            ("PoolDown", "lone"),
            ("ProbeFails", "studio"),
            ("PoolSaturated", "busy"),
            ("PoolRefuses", "busy"),
            ("ErrorBudgetBurns", "sour"),
            ("TargetMissing", ""),
            ("FilesNotTaken", ""),
        }
        found(wanted, watching.firing)
        # What their causes have told already may not be told beside them.
        found(wanted - {("PoolBelowCapacity", "voice"), ("PoolRefuses", "busy")}, hook.alerts)

        edge.guard.pools["voice"][0].start()
        found({("InstanceDown", "voice")}, lambda: hook.alerts("resolved"))
