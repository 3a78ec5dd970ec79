"""What the keeper reads: the guarded pools and their instances, as `pools.json`."""

import json
from typing import Any

from pulumi_tts.plan.guard import GuardPlan, PoolGuardPlan


def pools_file(guard: GuardPlan, stack: str) -> str:
    """The file of all pools of a guard; times in seconds."""
    return json.dumps(
        {
            "stack": stack,
            "pools": [_pool(pool) for pool in guard.pools],
            "hosts": [{"name": "local", "proxy": f"http://{stack}-socket-proxy:2375"}],
        },
        indent=1,
    )


def _pool(pool: PoolGuardPlan) -> dict[str, Any]:
    return {
        "name": pool.name,
        "cluster": pool.name,
        "slots": pool.slots,
        "queue": pool.queue,
        "stop": 30,
        "restart": None,
        "heal": None,
        "drain": pool.drain,
        "startup": pool.startup,
        "instances": [
            {"name": instance.name, "address": instance.address, "port": instance.port, "host": "local"}
            for instance in pool.instances
        ],
    }
