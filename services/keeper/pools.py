"""What the plan says, from `pools.json`: pools, their instances and the Docker hosts. Times are in seconds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("keeper.pools")


@dataclass(frozen=True, slots=True)
class Instance:
    """One engine in one container."""

    name: str
    address: str
    """An IP address, or a name that the system's resolver knows."""
    port: int
    host: str
    """The Docker host that it runs on, by its name."""


@dataclass(frozen=True, slots=True)
class Restart:
    """When a pool's instances are restarted, one after the other."""

    cron: str
    zone: str


@dataclass(frozen=True, slots=True)
class Heal:
    """How a sick instance is restarted."""

    tries: int
    """Restarts in a row that do not help, after which it is left alone."""
    pause: float
    """Before the second restart; twice as long before each further one."""
    longest: float
    """The longest pause, and how long an instance has to be well for its restarts to be forgotten."""


@dataclass(frozen=True, slots=True)
class Pool:
    """N instances of one engine, which are one cluster to Envoy."""

    name: str
    cluster: str
    queue: str
    """The cluster of Envoy's in which requests wait for a slot of the pool."""
    slots: int | None
    """Requests that one instance works on at a time; None where they are not counted."""
    drain: float
    """How long an instance that is taken out of rotation may finish the work it has."""
    stop: float
    """How long it has after that, once it is told to stop."""
    startup: float
    """How long after its start an instance may take until Docker calls it healthy."""
    restart: Restart | None
    heal: Heal | None
    instances: tuple[Instance, ...]

    def instance(self, name: str) -> Instance | None:
        return next((instance for instance in self.instances if instance.name == name), None)


@dataclass(frozen=True, slots=True)
class Host:
    """A Docker host, and the proxy through which it is reached."""

    name: str
    proxy: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that is kept."""

    stack: str
    pools: tuple[Pool, ...]
    hosts: tuple[Host, ...]
    configuration: str = ""
    """The mark of Envoy's files that belong to this plan: `mark_of`."""

    def pool(self, name: str) -> Pool | None:
        return next((pool for pool in self.pools if pool.name == name), None)

    def pool_of(self, instance: str) -> Pool | None:
        return next((pool for pool in self.pools if pool.instance(instance)), None)


NOTHING = Fleet("", (), ())


class BadFileError(Exception):
    """`pools.json` is not what it should be, and why."""


def read_fleet(text: str) -> Fleet:
    """Raises BadFileError."""
    try:
        raw = json.loads(text)
        fleet = Fleet(
            stack=raw["stack"],
            pools=tuple(_pool(pool) for pool in raw["pools"]),
            hosts=tuple(Host(**host) for host in raw["hosts"]),
            configuration=raw["configuration"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFileError(f"{type(error).__name__}: {error}") from error
    names = [instance.name for pool in fleet.pools for instance in pool.instances]
    if len(set(names)) < len(names):
        raise BadFileError("two instances have one name")
    return fleet


def _pool(raw: Mapping[str, Any]) -> Pool:
    restart, heal = raw["restart"], raw["heal"]
    return Pool(
        name=_file_name(raw["name"]),
        cluster=raw["cluster"],
        queue=raw["queue"],
        slots=raw["slots"],
        drain=float(raw["drain"]),
        stop=float(raw["stop"]),
        startup=float(raw["startup"]),
        restart=Restart(**restart) if restart else None,
        heal=Heal(**heal) if heal else None,
        instances=tuple(
            Instance(each["name"], each["address"], int(each["port"]), each["host"]) for each in raw["instances"]
        ),
    )


def _file_name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name:
        raise ValueError(f"{name!r} cannot be the name of a file")
    return name


class PoolsFile:
    """`pools.json` as it was last right."""

    def __init__(self, path: Path) -> None:
        self.fleet = NOTHING
        self.problem: str | None = "it was not read yet"
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Whether there is another fleet than at the last look. A file that is bad, or gone, changes nothing: the
        last good one stays, and what is wrong is in `problem` and, once, in the log."""
        try:
            found = self._path.stat()
            identity = (found.st_ino, found.st_mtime_ns, found.st_size)
            if identity == self._seen:
                self.problem = None
                return False
            fleet = read_fleet(self._path.read_text())
        except (OSError, BadFileError) as error:
            self._complain(str(error))
            return False
        self._seen, self.problem = identity, None
        changed, self.fleet = fleet != self.fleet, fleet
        if changed:
            _LOG.info("%d pools, %d instances", len(fleet.pools), sum(len(pool.instances) for pool in fleet.pools))
        return changed

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            _LOG.error("%s stays as it was last right: %s", self._path.name, problem)
        self.problem = problem
