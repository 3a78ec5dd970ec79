"""The real Prometheus, Alertmanager and blackbox exporter with a stack's own files, as processes on loopback."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bootstrap.test_tools import prometheus as programs
from pulumi_tts.plan import StackPlan
from pulumi_tts.plan.observability import ALERTMANAGER, PROMETHEUS, ObservabilityPlan
from pulumi_tts.render import alertmanager, blackbox, node, prometheus, reloading, rules
from pulumi_tts.render.pace import Pace
from tests.loopback import free_port
from tests.observe.hook import TOKEN, Hook
from tests.waiting import wait_for

_DEBIAN = {"alertmanager": "prometheus-alertmanager", "blackbox_exporter": "prometheus-blackbox-exporter",
           "node_exporter": "prometheus-node-exporter"}  # fmt: skip
# Debian's Alertmanager has its templates where its package puts them, which is not installed: it sees them there.
_WITH_TEMPLATES = (
    *("unshare", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t tmpfs none /usr/share && cp -r "$0/share/prometheus" /usr/share/ && exec "$@"',
)


@dataclass
class Observing:
    """What watches, running."""

    folder: Path
    plan: ObservabilityPlan
    pace: Pace
    moved: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.moved['prometheus']}{PROMETHEUS}"

    def write(self, plan: ObservabilityPlan) -> None:
        """What the couriers do."""
        places = prometheus.Places(files=str(self._files("prometheus")), moved=self.moved)
        told = str(self._files("alertmanager"))
        self.bring("prometheus", "rules.yml", rules.rules_file(plan, self.pace))
        self.bring("prometheus", "prometheus.yml", prometheus.prometheus_file(plan, places, self.pace))
        for receiver in plan.alertmanager.receivers:
            self.bring("alertmanager", alertmanager.secret_file(receiver), TOKEN)
        self.bring(
            "alertmanager", "alertmanager.yml", alertmanager.alertmanager_file(plan.alertmanager, told, self.pace)
        )
        if plan.blackbox:
            self.bring("blackbox", "blackbox.yml", blackbox.blackbox_file(plan.blackbox, str(self._files("blackbox"))))

    def authority(self, pem: str) -> None:
        """Who has signed the edge's certificates."""
        self.bring("blackbox", blackbox.AUTHORITY, pem)

    def _files(self, part: str) -> Path:
        folder = self.folder / part
        folder.mkdir(exist_ok=True)
        return folder

    def bring(self, part: str, name: str, text: str) -> None:
        """What a courier does: a file moved into place."""
        incoming = self.folder / f"incoming-{name}"
        incoming.write_text(text)
        incoming.rename(self._files(part) / name)

    def start(self) -> None:
        data = {part: self.folder / f"{part}-data" for part in ("prometheus", "alertmanager")}
        places = prometheus.Places(
            files=str(self._files("prometheus")), data=str(data["prometheus"]), listen=self.moved["prometheus"]
        )
        files = {part: str(self._files(part)) for part in ("prometheus", "alertmanager", "blackbox")}
        self._run(
            "prometheus",
            reloading.command(files["prometheus"], _program(prometheus.static_arguments(self.plan.prometheus, places))),
        )
        told = alertmanager.static_arguments(
            self.plan.alertmanager, files["alertmanager"], str(data["alertmanager"]), self.moved["alertmanager"]
        )
        self._run("alertmanager", reloading.command(files["alertmanager"], _program(told)))
        if self.plan.blackbox:
            asking = blackbox.static_arguments(files["blackbox"], self.moved["blackbox"])
            self._run("blackbox", reloading.command(files["blackbox"], _program(asking)))
        if self.plan.node:
            self._run("node", _program(node.static_arguments(self.moved["node"])))
        wait_for(self._ready)

    def _run(self, part: str, command: list[str]) -> None:
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(command, stdout=log, stderr=log)

    def part(self, name: str) -> subprocess.Popen[bytes]:
        return self.processes[name]

    def _ready(self) -> bool:
        for process in self.processes.values():
            assert process.poll() is None, self.logs()
        try:
            return all(
                httpx.get(url, trust_env=False).is_success
                for url in (f"{self.url}/-/ready", f"http://{self.moved['alertmanager']}{ALERTMANAGER}/-/ready")
            )
        except httpx.TransportError:
            return False

    def logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in self.folder.glob("*.log"))

    def get(self, path: str, **parameters: str) -> Any:
        """What Prometheus' API answers."""
        return httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=30).json()["data"]

    def asked(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """What an expression is now: labels and value of each series."""
        found = self.get("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that Prometheus has, each with its pool."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("pool", ""))
            for alert in self.get("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def end(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=30)


def _program(arguments: tuple[str, ...]) -> list[str]:
    name = arguments[0]
    program = [str(programs() / _DEBIAN.get(name, name)), *arguments[1:]]
    return [*_WITH_TEMPLATES, str(programs().parent), *program] if name == "alertmanager" else program


@contextmanager
def observing(
    folder: Path, plan: StackPlan, parts: Mapping[str, str], *, faster: float, authority: str = ""
) -> Iterator[tuple[Observing, Hook]]:
    """What watches a stack whose ``parts`` are at these addresses, with a webhook that is told of all alerts.

    Time passes ``faster`` for it: what takes five minutes takes that much less.
    """
    assert plan.observability
    hook = Hook()
    told = plan.observability.alertmanager
    (receiver,) = told.receivers
    there = replace(receiver, way=receiver.way.model_copy(update={"url": f"http://127.0.0.1:{hook.port}/"}))
    here = {part: f"127.0.0.1:{free_port()}" for part in ("prometheus", "alertmanager", "blackbox", "node")}
    own = replace(plan.observability, alertmanager=replace(told, receivers=(there,)))
    watching = Observing(folder, own, Pace(faster), {**here, **parts})
    with ExitStack() as ends:
        ends.enter_context(hook.listening())
        ends.callback(watching.end)
        if authority:
            watching.authority(authority)
        watching.write(own)
        watching.start()
        yield watching, hook
