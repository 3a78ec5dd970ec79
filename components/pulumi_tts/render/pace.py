"""How fast time passes for what watches a stack: tests have it pass faster."""

from dataclasses import dataclass

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations as Prometheus and Alertmanager read them, each divided by ``faster``."""

    faster: float = 1

    def __call__(self, seconds: float) -> str:
        """A duration in its largest whole unit: `5m`, `250ms`."""
        milliseconds = max(1, round(seconds * 1000 / self.faster))
        return next(
            (f"{milliseconds // size}{unit}" for unit, size in _UNITS if milliseconds % size == 0),
            f"{milliseconds}ms",
        )


REAL = Pace()
