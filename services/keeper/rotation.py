"""What Envoy reads: the endpoints of each pool, and then the clusters and listeners that ask for them.

Envoy refuses a cluster whose file of endpoints is not there, and does not try again. So its clusters and listeners are
passed on from here, after the endpoints, and each file is moved into place, which is what Envoy watches for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keeper.addresses import AddressBook, is_address
from keeper.pools import Fleet, Instance, Pool

_LOG = logging.getLogger("keeper.rotation")

ENDPOINTS = "endpoints"
CONFIG = "config"
PASSED_ON = ("clusters.json", "inner.json", "front.json", "listeners.json")
"""In this order, each after those that it refers to: a route to a cluster that is not there yet would answer 503."""
_CLUSTERS, _INNER, _FRONT, _ = PASSED_ON

_NONE = '{"resources": []}'
_TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


Endpoint = tuple[str, str, int, bool]
"""An instance's name, its IP address and port, and whether it is draining."""


def discovery(cluster: str, endpoints: Collection[Endpoint]) -> str:
    """A pool's endpoints as Envoy reads them.

    The same endpoints in any order give the same text.
    """
    listed = [
        {
            "endpoint": {
                "address": {"socket_address": {"address": address, "port_value": port}},
                "hostname": name,
            },
            "health_status": "DRAINING" if draining else "HEALTHY",
        }
        for name, address, port, draining in sorted(endpoints)
    ]
    resource = {"@type": _TYPE, "cluster_name": cluster, "endpoints": [{"lb_endpoints": listed}]}
    version = hashlib.sha256(json.dumps(resource).encode()).hexdigest()[:12]
    return json.dumps({"version_info": version, "resources": [resource]}, indent=1) + "\n"


def known_endpoints(folder: Path) -> dict[str, str]:
    """The addresses in the files of an earlier run, by the instances' names."""
    known: dict[str, str] = {}
    for file in folder.glob("*.json"):
        try:
            (resource,) = json.loads(file.read_text())["resources"]
            for endpoint in _endpoints(resource):
                known[endpoint["hostname"]] = endpoint["address"]["socket_address"]["address"]
        except (OSError, ValueError, KeyError, TypeError):
            _LOG.warning("%s is not a file of this program's; it is written anew", file.name)
    return known


def _endpoints(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for locality in resource["endpoints"]:
        for each in locality["lb_endpoints"]:
            yield each["endpoint"]


class Rotation:
    """Who is in rotation, and the files that say so.

    An instance that leaves the plan stays, draining, for its pool's drain time: `pulumi up` brings the smaller plan
    first and removes the container after that, and what it has in hand should end well.
    """

    def __init__(self, files: Path, run: Path, book: AddressBook, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._endpoints = run / ENDPOINTS
        self._config = run / CONFIG
        self._book = book
        self._clock = clock
        self.published = False
        """Whether Envoy has something to read."""
        self._fleet: Fleet | None = None
        self._leaving: dict[str, dict[str, tuple[Instance, float]]] = {}
        self.problem: str | None = None
        """Why Envoy does not have the configuration that the plan has for it."""
        self._passed_on: list[tuple[int, int, int]] = []
        self._ever: dict[str, str] = {}
        self._draining: frozenset[str] = frozenset()
        self._absent: set[str] = set()
        for folder in (self._endpoints, self._config):
            folder.mkdir(parents=True, exist_ok=True)

    def leaving(self, pool: str) -> dict[str, Instance]:
        """The instances that have left a pool's plan and may still be at work, by their names."""
        return {name: instance for name, (instance, _) in self._leaving.get(pool, {}).items()}

    def pool_left_by(self, instance: str) -> str | None:
        """The pool whose plan an instance has left, whenever that was."""
        return self._ever.get(instance)

    def take(self, fleet: Fleet) -> None:
        """Another plan."""
        before = self._fleet or fleet
        until = self._clock()
        for pool in fleet.pools:
            staying = {instance.name for instance in pool.instances}
            leaving = self._leaving.setdefault(pool.name, {})
            earlier = before.pool(pool.name)
            for instance in earlier.instances if earlier else ():
                if instance.name not in staying:
                    leaving[instance.name] = (instance, until + pool.drain)
            for name in staying & leaving.keys():
                del leaving[name]
        self._ever |= {instance.name: pool.name for pool in fleet.pools for instance in pool.instances}
        names = {pool.name for pool in fleet.pools}
        self._leaving = {pool: left for pool, left in self._leaving.items() if pool in names}
        self._fleet = fleet

    def drain(self, instances: frozenset[str]) -> None:
        """These, and no others, are out of rotation; at once."""
        if instances != self._draining:
            self._draining = instances
            self._publish_again()

    @contextmanager
    def without(self, instance: str) -> Iterator[None]:
        """Meanwhile an instance is in no file; what it has in hand goes on, as Envoy lets it end."""
        self._absent.add(instance)
        try:
            self._publish_again()
            yield
        finally:
            self._absent.discard(instance)
            self._publish_again()

    def names(self) -> set[str]:
        """Every name that has to be resolved."""
        addresses = {instance.address for pool in self._pools() for instance in self._members(pool)}
        return {address for address in addresses if not is_address(address)}

    def publish(self) -> None:
        """Writes what has changed since the last time, in the order in which Envoy needs it."""
        if self._fleet is None:
            return
        self._forget_those_that_left()
        for pool in self._fleet.pools:
            placed = self._placed(pool)
            if _move_into_place(self._endpoints / f"{pool.name}.json", discovery(pool.cluster, placed)):
                _LOG.info("endpoints of %s: %s", pool.name, _summary(placed))
        self._pass_on(self._fleet.configuration)
        in_use = _files_asked_for(_read(self._config / _CLUSTERS) or _NONE)
        for file in self._endpoints.glob("*.json"):
            if not self._fleet.pool(file.stem) and file.name not in in_use:
                file.unlink(missing_ok=True)
                _LOG.info("endpoints of %s: the pool is gone", file.stem)
        self.published = True

    def _publish_again(self) -> None:
        # Before addresses were looked for, there would be none in the files.
        if self.published:
            self.publish()

    def _pools(self) -> tuple[Pool, ...]:
        return self._fleet.pools if self._fleet else ()

    def _members(self, pool: Pool) -> list[Instance]:
        return [*pool.instances, *self.leaving(pool.name).values()]

    def _placed(self, pool: Pool) -> list[Endpoint]:
        leaving = self.leaving(pool.name)
        return [
            (instance.name, address, instance.port, instance.name in self._draining or instance.name in leaving)
            for instance in self._members(pool)
            if instance.name not in self._absent and (address := self._address(instance))
        ]

    def _address(self, instance: Instance) -> str | None:
        return instance.address if is_address(instance.address) else self._book.known.get(instance.address)

    def _forget_those_that_left(self) -> None:
        now = self._clock()
        for left in self._leaving.values():
            for name in [name for name, (_, until) in left.items() if until <= now]:
                del left[name]

    def _pass_on(self, mark: str) -> None:
        """What the plan's routes no longer lead to goes a round after them: a route to a cluster that is gone, or to
        an inner route that is, would answer 503 or 404."""
        try:
            files = [self._files / name for name in PASSED_ON]
            identities = [(found.st_ino, found.st_mtime_ns, found.st_size) for found in map(Path.stat, files)]
            if identities == self._passed_on:
                return
            texts = {file.name: file.read_text() for file in files}
            if mark_of(texts) != mark:
                self._complain("Envoy's configuration is not whole yet, or not this plan's")
                return
            missing = [name for name in _files_asked_for(texts[PASSED_ON[0]]) if not (self._endpoints / name).exists()]
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._complain(f"Envoy's configuration is not passed on: {error}")
            return
        if missing:
            # Files arrive one by one: the plan that names these pools is next.
            self._complain(f"Envoy's configuration waits for the endpoints {', '.join(missing)}")
            return
        still_led_to = {} if _read(self._config / _FRONT) == texts[_FRONT] else self._with_what_goes(texts)
        for name, text in (texts | still_led_to).items():
            if _move_into_place(self._config / name, text):
                _LOG.info("%s was passed on", name)
        self.problem, self._passed_on = None, [] if still_led_to else identities

    def _with_what_goes(self, texts: dict[str, str]) -> dict[str, str]:
        """The clusters and the inner routes of this plan, and those of the last one that it does without."""
        before = {name: _read(self._config / name) for name in (_CLUSTERS, _INNER)}
        return {name: _joined(texts[name], old) for name, old in before.items() if old and old != texts[name]}

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            _LOG.warning(problem)
        self.problem = problem


def mark_of(files: Mapping[str, str]) -> str:
    """The same for the same files; the plan's renderer makes it alike."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _joined(new: str, old: str) -> str:
    """Resources, and a table's routes, of both; of those that are in both the new ones, or those first."""
    tree, before = json.loads(new), {each["name"]: each for each in json.loads(old)["resources"]}
    for resource in tree["resources"]:
        earlier = before.pop(resource["name"], {})
        for host, there in zip(resource.get("virtual_hosts", ()), earlier.get("virtual_hosts", ()), strict=False):
            host["routes"] += [route for route in there["routes"] if route not in host["routes"]]
    tree["resources"] += before.values()
    return json.dumps(tree, indent=1)


def _files_asked_for(clusters: str) -> list[str]:
    """The names of the files of endpoints that Envoy's clusters will be read with."""
    found = json.loads(clusters)["resources"]
    sources = [cluster["eds_cluster_config"]["eds_config"] for cluster in found if "eds_cluster_config" in cluster]
    return sorted(Path(source["path_config_source"]["path"]).name for source in sources)


def _summary(placed: Collection[Endpoint]) -> str:
    return ", ".join(f"{name}={address}{' draining' if out else ''}" for name, address, _, out in placed) or "none"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _move_into_place(path: Path, text: str) -> bool:
    """Whether the file was not there like this already."""
    if _read(path) == text:
        return False
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
    return True
