"""What the node exporter is started with."""

from pulumi_tts.plan.observability import NODE_PORT

VOLUMES = "/volumes"
"""Where it has an empty volume, by which it knows the disk of all of them."""

# Of these, a container sees its host's. It gets nothing of the host's for it: no folder, no network, no processes.
_COLLECTORS = ("cpu", "diskstats", "filesystem", "loadavg", "meminfo", "pressure", "stat", "uname", "vmstat")


def static_arguments(listen: str = f":{NODE_PORT}") -> tuple[str, ...]:
    """Its whole command line."""
    return (
        "node_exporter",
        f"--web.listen-address={listen}",
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in _COLLECTORS),
        "--log.format=json",
    )
