"""The host: processors, memory, disks, and what of the stack takes them."""

from collections.abc import Iterator

from pulumi_tts.plan.dashboards import DashboardsPlan
from pulumi_tts.render.dashboards.board import Choice, Section, board
from pulumi_tts.render.dashboards.panels import (
    BYTES,
    BYTES_A_SECOND,
    COUNT,
    SECONDS,
    SHARE,
    AnyPanel,
    lines,
    number,
)
from pulumi_tts.render.dashboards.queries import Query
from pulumi_tts.render.node import VOLUMES


def host(plan: DashboardsPlan, name: str) -> str:
    """The dashboard of the host of that name, as JSON."""
    return board(
        plan,
        "host",
        [Section("Now", list(_now())), Section("Over time", list(_course()))],
        title="Host",
        told="A host: whether it has enough of what everything on it needs.",
        choice=Choice("host", [name]),
    )


_FREE = f'node_filesystem_avail_bytes{{host="$host", mountpoint="{VOLUMES}"}}'
_SIZE = f'node_filesystem_size_bytes{{host="$host", mountpoint="{VOLUMES}"}}'
_IDLE = 'node_cpu_seconds_total{host="$host", mode="idle"}'


def _memory(what: str) -> str:
    return f'node_memory_{what}_bytes{{host="$host"}}'


def _now() -> Iterator[AnyPanel]:
    yield number(
        "Processors busy",
        Query(f"1 - avg(rate({_IDLE}[$__rate_interval]))"),
        told="The share of all of them.",
        unit=SHARE,
        limits=(0.8, 0.95),
    )
    yield number(
        "Memory free",
        Query(f"{_memory('MemAvailable')} / {_memory('MemTotal')}"),
        told="The share that programs can still have.",
        unit=SHARE,
        limits=(0.2, 0.05),
    )
    yield number(
        "Disk of the volumes free",
        Query(f"{_FREE} / {_SIZE}"),
        told="Of the disk that Docker's volumes are on.",
        unit=SHARE,
        limits=(0.2, 0.1),
    )
    yield number(
        "Up for",
        Query('time() - node_boot_time_seconds{host="$host"}'),
        told="Since the host was started.",
        unit=SECONDS,
    )


def _course() -> Iterator[AnyPanel]:
    yield lines(
        "Processors",
        Query(
            'sum by (mode) (rate(node_cpu_seconds_total{host="$host", mode!="idle"}[$__rate_interval])) '
            f"/ on () group_left () count({_IDLE})",
            "{{mode}}",
        ),
        told="What they do, as a share of all of them; `iowait` waits for a disk, `steal` for the machine below.",
        unit=SHARE,
        stacked=True,
    )
    yield lines(
        "Load",
        *(Query(f'node_load{minutes}{{host="$host"}}', f"{minutes} min") for minutes in (1, 5, 15)),
        Query(f"count({_IDLE})", "processors"),
        told="Programs that run or wait to; more than there are processors wait.",
        unit=COUNT,
    )
    yield lines(
        "Memory",
        Query(f"{_memory('MemTotal')} - {_memory('MemAvailable')}", "taken"),
        Query(_memory("MemTotal"), "there is"),
        Query(f"{_memory('SwapTotal')} - {_memory('SwapFree')}", "swapped out"),
        told="A model that is swapped out does not speak.",
        unit=BYTES,
    )
    yield lines(
        "Ended for lack of memory",
        Query('increase(node_vmstat_oom_kill{host="$host"}[$__rate_interval])', "programs"),
        told="Programs that the kernel ended, of containers at their limits too.",
        unit=COUNT,
    )
    yield lines(
        "Disk of the volumes",
        Query(f"{_SIZE} - {_FREE}", "taken"),
        Query(_SIZE, "there is"),
        told="Outputs, weights, metrics.",
        unit=BYTES,
    )
    yield lines(
        "Disks read and written",
        Query('sum(rate(node_disk_read_bytes_total{host="$host"}[$__rate_interval]))', "read"),
        Query('sum(rate(node_disk_written_bytes_total{host="$host"}[$__rate_interval]))', "written"),
        told="Of all disks. Much is read when models load.",
        unit=BYTES_A_SECOND,
    )
