"""What Prometheus reads from /metrics. Labels have few values: pools, instances, hosts, and words of our own.

What is counted is counted here, as it happens; what is seen is read off the status when Prometheus asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from keeper.status import Status

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nothing reads


class Metrics:
    """The counters."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.restarts = Counter(
            "keeper_restarts",
            "Restarts of instances: scheduled, sick, or itself; back, or failed where it did not come back",
            ["pool", "instance", "reason", "outcome"],
            registry=self._registry,
        )
        self.missed = Counter(
            "keeper_restarts_missed", "Scheduled restarts of a pool that were missed", ["pool"], registry=self._registry
        )

    def page(self, status: Status) -> bytes:
        """Everything, with the gauges as the status has them."""
        seen = CollectorRegistry()
        seen.register(_Seen(status))
        return generate_latest(self._registry) + generate_latest(seen)


class _Seen(Collector):
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        labels = ["pool", "instance"]
        serving = GaugeMetricFamily("keeper_instance_serving", "Whether the guard sends it requests", labels=labels)
        draining = GaugeMetricFamily("keeper_instance_draining", "Whether it is out of rotation", labels=labels)
        given_up = GaugeMetricFamily("keeper_instance_given_up", "Whether restarts did not help", labels=labels)
        busy = GaugeMetricFamily("keeper_instance_busy_slots", "Requests that it works on", labels=labels)
        slots = GaugeMetricFamily("keeper_instance_slots", "Requests that it can work on at a time", labels=labels)
        waiting = GaugeMetricFamily(
            "keeper_pool_waiting_requests", "Requests that wait for a slot of the pool", labels=["pool"]
        )
        upcoming = GaugeMetricFamily(
            "keeper_next_restart_timestamp_seconds", "When a pool's instances are restarted next", labels=["pool"]
        )
        for pool in self._status.pools:
            if pool.next_restart:
                upcoming.add_metric([pool.name], pool.next_restart.timestamp())
            if pool.waiting is not None:
                waiting.add_metric([pool.name], pool.waiting)
            for instance in pool.instances:
                own = [pool.name, instance.name]
                serving.add_metric(own, instance.serving)
                draining.add_metric(own, instance.out_for is not None)
                given_up.add_metric(own, instance.gave_up)
                for family, value in ((busy, instance.busy), (slots, pool.slots)):
                    if value is not None:
                        family.add_metric(own, value)
        yield from (serving, draining, given_up, busy, slots, waiting, upcoming)
        yield from self._sources()

    def _sources(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "keeper_source_up",
            "Whether what the keeper looks at can be seen: plan, addresses, guard, hosts",
            labels=["source"],
        )
        for source, problem in self._status.sources.items():
            up.add_metric([source], problem is None)
        yield up
