"""What the keeper reads: the guarded pools, their instances and the Docker hosts, as `pools.json`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pulumi_tts.plan.guard import GuardPlan, PoolGuardPlan
from pulumi_tts.plan.socket_proxy import keeper_proxy_url
from pulumi_tts.render import envoy


def pools_file(guard: GuardPlan, stack: str) -> str:
    """The file of all pools of a guard; times in seconds."""
    keeper = guard.keeper
    proxies = {keeper.host: keeper_proxy_url(stack)} | {host.name: host.proxy.upstream for host in keeper.elsewhere}
    tree = {
        "stack": stack,
        "configuration": mark_of(envoy.files(guard)),
        "pools": [_pool(pool, keeper.zone) for pool in guard.pools],
        "hosts": [{"name": name, "proxy": proxy} for name, proxy in proxies.items()],
    }
    return json.dumps(tree, indent=1)


def mark_of(files: Mapping[str, str]) -> str:
    """By which the keeper knows that Envoy's files are all there: they arrive one by one, `pools.json` last."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _pool(pool: PoolGuardPlan, zone: str) -> dict[str, Any]:
    restart, heal = pool.care.restart, pool.care.heal
    return {
        "name": pool.name,
        "cluster": pool.name,
        "queue": envoy.queue_of(pool),
        "slots": pool.slots,
        "drain": pool.drain,
        "stop": pool.care.stop,
        "startup": pool.care.startup,
        "restart": {"cron": restart.cron, "zone": restart.zone or zone} if restart else None,
        "heal": asdict(heal) if heal else None,
        "instances": [
            {"name": instance.name, "address": instance.address, "port": instance.port, "host": instance.host}
            for instance in pool.instances
        ],
    }
