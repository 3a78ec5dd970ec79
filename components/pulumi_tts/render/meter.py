"""What the meter reads: what it counts by, as `meter.json`."""

import json
from typing import Any

from pulumi_tts.plan.meter import Audio, MeterPlan


def meter_file(plan: MeterPlan) -> str:
    """The file of everything that is counted by; shares are of a card, prices of an hour of one."""
    tree = {
        "guards": list(plan.guards),
        "pools": {
            pool.name: {
                "audio": _audio(pool.audio) if pool.audio else None,
                "works": pool.works,
                "price": pool.price,
                "routes": list(pool.routes),
            }
            for pool in plan.pools
        },
        "instances": {
            instance.name: {"upstream": instance.upstream, "share": instance.share} for instance in plan.instances
        },
        "tenants": list(plan.tenants),
        "most": plan.most,
        "keep": plan.keep,
        "currency": plan.currency,
    }
    return json.dumps(tree, indent=1)


def _audio(audio: Audio) -> dict[str, Any]:
    return audio.model_dump()
