"""What Prometheus reads from /metrics. Tenants are bounded (counting.py), pools and routes are those of the config."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from meter.ledger import COLUMNS, MICRO, Ledger, Used
from meter.meter import Meter

_COUNTED = {
    "requests": ("requests", "Requests that reached a pool", 1),
    "audio_seconds": ("audio", "Seconds of audio in answers", MICRO),
    "busy_seconds": ("busy", "Seconds that an instance had a request, a slot each", MICRO),
    "gpu_seconds": ("gpu", "Seconds of graphics cards", MICRO),
    "sent_bytes": ("sent", "Bytes of answers", 1),
}


class _Usage(Collector):
    def __init__(self, meter: Meter, ledger: Ledger) -> None:
        self._meter = meter
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        totals = list(self._ledger.totals())
        for name, (field, told, unit) in _COUNTED.items():
            family = CounterMetricFamily(f"tts_usage_{name}", told, labels=COLUMNS)
            for key, used in totals:
                family.add_metric((key.tenant, key.pool, key.route), _amount(used, field) / unit)
            yield family
        plan = self._meter.plan
        price = GaugeMetricFamily("tts_usage_gpu_hour_price", "An hour of a card", labels=("pool", "currency"))
        for name, pool in plan.pools.items():
            if pool.price is not None:
                price.add_metric((name, plan.currency), pool.price)
        yield price
        yield from self._of_logs()

    def _of_logs(self) -> Iterator[Metric]:
        unread = GaugeMetricFamily("tts_usage_unread_bytes", "What a log has that is not counted yet", labels=("log",))
        room = GaugeMetricFamily("tts_usage_log_bytes", "What a log takes on its disk", labels=("log",))
        damaged = CounterMetricFamily("tts_usage_damaged_lines", "Lines that could not be read", labels=("log",))
        for log, file in self._meter.files.items():
            unread.add_metric((log,), file.unread(self._ledger.mark(log)))
            room.add_metric((log,), file.room())
            damaged.add_metric((log,), self._ledger.damaged(log))
        yield from (unread, room, damaged)


def _amount(used: Used, field: str) -> int:
    amount: int = getattr(used, field)
    return amount


def page(meter: Meter, data: Path) -> bytes:
    """All of it, as it is now."""
    registry = CollectorRegistry()
    ledger = Ledger(data)
    try:
        registry.register(_Usage(meter, ledger))
        return generate_latest(registry)
    finally:
        ledger.close()
