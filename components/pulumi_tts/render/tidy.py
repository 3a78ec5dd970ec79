"""What services/tidy is told: the limits of each volume."""

import json

from pulumi_tts.plan.tidy import TidyPlan

_MEBIBYTE = 1024**2


def tidy_limits(tidy: TidyPlan) -> str:
    """The value of its variable `TIDY`: seconds and bytes, by volume."""
    limits = {
        volume: {
            **({"age": limit.age} if limit.age is not None else {}),
            **({"size": limit.size * _MEBIBYTE} if limit.size is not None else {}),
        }
        for volume, limit in tidy.limits
    }
    return json.dumps(limits)
