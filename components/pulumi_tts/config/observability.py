"""What watches a stack: its metrics, what follows from them, and whom it calls."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pulumi_tts.config.alerting import Alertmanager, WebAddress
from pulumi_tts.config.fields import Mebibytes, Name, Seconds, Strict, refused, size_text
from pulumi_tts.config.grafana import Grafana
from pulumi_tts.config.outputs import Age
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.tracing import Tracing
from pulumi_tts.config.usage import Usage

_LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_OURS = ("alertname", "host", "instance", "job", "pool", "severity")
_SHARE = 0.8
"""Of the room that retention may fill: the write-ahead log and compaction need the rest (Prometheus' own advice)."""
_LEAST_AVAILABILITY = 50
_DAY = 86_400


def _labels(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not _LABEL.fullmatch(name) or name in _OURS:
            raise refused(
                f"has the label {name!r}, which is not a label's name, or one that is used already",
                "Use letters, digits and '_', as in {site: berlin}",
            )
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused("is not a percentage", "Write a number without a sign, as in 99.9")
    if not _LEAST_AVAILABILITY <= value < 100:  # noqa: PLR2004
        raise refused(
            "is not an objective: nothing is at 100 % for ever, and below 50 % nothing is kept to",
            "Use at least 50 and less than 100, as in 99.9",
        )
    return float(value)


class Retention(Strict):
    """How much Prometheus keeps; whichever is reached first."""

    time: Annotated[Age, Field(ge=_DAY)] = 15 * _DAY
    """For how long, at least a day. Default: 15d."""
    size: Mebibytes | None = None
    """In how much room; at most 80 % of `disk`. Default: 80 % of `disk`."""


class RemoteWrite(Strict):
    """Where Prometheus also sends what it reads, to be kept for longer or beside that of other stacks."""

    url: WebAddress
    """Where, by Prometheus' remote-write protocol."""
    user: Annotated[str, Field(min_length=1)] | None = None
    """As whom; with it the secret is a password. Default: nobody, and the secret is a bearer token."""
    secret: SecretReference
    """The password or token, as `{secret: KEY}`."""


class Prometheus(Strict):
    """What asks every part for its metrics, keeps them, and finds out what is wrong."""

    retention: Retention = Retention()
    """How much it keeps."""
    disk: Mebibytes = 10 * 1024
    """How much of its host's disk it may take; Docker's volumes have no limit of their own, so it keeps to this by
    forgetting what is oldest, and an alert says where it does not. Default: 10g."""
    interval: Annotated[Seconds, Field(ge=5, le=60)] = 15
    """How often parts are asked, 5s to 60s. Default: 15s."""
    labels: Annotated[dict[str, str], AfterValidator(_labels)] = {}
    """Labels by which others tell this stack from theirs: in remote writes, and on alerts. Default: none, but `stack`
    with the stack's name."""
    remote_write: RemoteWrite | None = None
    """Where all of it is sent as well. Default: nowhere."""
    memory: Mebibytes = 512
    """Its memory limit. Default: 512m, which is enough for 256 instances."""

    @property
    def kept(self) -> int:
        """The room that retention may fill, in MiB."""
        return self.retention.size or int(self.disk * _SHARE)

    @model_validator(mode="after")
    def _fits(self) -> "Prometheus":
        most = int(self.disk * _SHARE)
        if self.kept > most:
            raise refused(
                f"keeps up to {size_text(self.kept)} (retention.size), more than 80 % of its disk of "
                f"{size_text(self.disk)}: its log and compaction need the rest",
                f"Use at most {size_text(most)}, or a larger disk",
            )
        return self


Availability = Annotated[float, BeforeValidator(_percent)]


class Slo(Strict):
    """What clients are promised, from which follows how fast errors may come before somebody is told."""

    availability: Availability = 99.9
    """Requests that are answered without an error of ours, in percent over 30 days. What a full pool refuses is not
    counted: that is an alert of its own. Default: 99.9."""
    pools: dict[Name, Availability] = {}
    """The same for single pools. Default: as above."""


class Observability(Strict):
    """What watches a stack. Each part is a container on the edge's host; their pages are behind the dashboard's login,
    on its host name."""

    prometheus: Prometheus = Prometheus()
    """What asks for metrics and keeps them."""
    alertmanager: Alertmanager = Alertmanager()
    """Who is told of alerts."""
    slo: Slo = Slo()
    """What clients are promised."""
    probes: bool = True
    """Whether each pool is asked through the edge, as a client would. Default: yes."""
    node: bool = True
    """Whether the edge's host is watched: processors, memory, and the disk that volumes are on. Default: yes."""
    grafana: Grafana | None = None
    """What shows dashboards, at /grafana/. Default: nothing; {} is enough."""

    tracing: Tracing | None = None
    """Traces of requests. Default: none; {} is enough for all of them."""
    usage: Usage | None = None
    """Who used how much. Default: nobody counts."""

    @property
    def secret_references(self) -> list[tuple[str, str]]:
        """Every `{secret: KEY}` below `observability`: its path and its key."""
        write = self.prometheus.remote_write
        references = [("observability.prometheus.remote_write.secret.secret", write.secret.secret)] if write else []
        for at, receiver in enumerate(self.alertmanager.receivers):
            if receiver.secret:
                place, reference = receiver.secret
                path = f"observability.alertmanager.receivers[{at}].{place}.secret"
                references.append((path, reference.secret))
        traced = self.tracing.secret_references if self.tracing else []
        return [*references, *((f"observability.tracing.{path}", key) for path, key in traced)]
