"""What is seen of every instance: by Docker on its host, and by Envoy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from keeper.engines import Container, DockerError, DockerHost
from keeper.guard import Guard, GuardSilentError, Seen
from keeper.pools import Fleet, Instance, Pool

_LOG = logging.getLogger("keeper.watch")


class Watch:
    """The last look; what could not be seen is absent, and `problems` says why."""

    def __init__(self, guard: Guard, token: Callable[[], str | None]) -> None:
        self.problems: dict[str, str] = {}
        """What is wrong with the guard or a host, by `guard` or `host NAME`."""
        self._guard = guard
        self._token = token
        self._hosts: dict[str, tuple[str, DockerHost]] = {}
        self._containers: dict[str, dict[str, Container]] = {}
        self._seen: dict[str, dict[str, Seen]] = {}

    async def look(self, fleet: Fleet) -> None:
        """Looks at everything once."""
        await self._have_hosts(fleet)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_at_guard())
            for name in self._hosts:
                group.create_task(self._look_at_host(name))

    def container(self, instance: Instance) -> Container | None:
        return self._containers.get(instance.host, {}).get(instance.name)

    def seen(self, pool: Pool, instance: str) -> Seen | None:
        return self._seen.get(pool.cluster, {}).get(instance)

    def waiting(self, pool: Pool) -> int | None:
        """The requests that wait for a slot of a pool; None where that is not known.

        Most wait in the pool's queue; with fewer instances than the plan has, some wait in front of one.
        """
        if pool.queue not in self._seen:
            return None
        places = [self._seen[pool.queue], self._seen.get(pool.cluster, {})]
        return sum(seen.waiting for place in places for seen in place.values())

    def serving(self, pool: Pool) -> set[str]:
        """The instances that the guard sends requests to."""
        found = self._seen.get(pool.cluster, {})
        return {name for name, seen in found.items() if not (seen.wrong or seen.draining)}

    def host(self, name: str) -> DockerHost:
        """Raises DockerError for a host without a proxy."""
        if name not in self._hosts:
            raise DockerError(f"the host {name!r} has no socket proxy")
        return self._hosts[name][1]

    async def close(self) -> None:
        for _, host in self._hosts.values():
            await host.close()

    async def _have_hosts(self, fleet: Fleet) -> None:
        wanted = {host.name: host.proxy for host in fleet.hosts}
        for name, (proxy, host) in list(self._hosts.items()):
            if wanted.get(name) != proxy:
                await host.close()
                del self._hosts[name]
                self._forget(name)
        for name, proxy in wanted.items():
            if name not in self._hosts:
                self._hosts[name] = (proxy, DockerHost(proxy, self._token()))

    def _forget(self, name: str) -> None:
        self._containers.pop(name, None)
        self.problems.pop(f"host {name}", None)

    async def _look_at_guard(self) -> None:
        try:
            self._seen = await self._guard.look()
        except GuardSilentError as error:
            self._seen = {}
            self._say("guard", str(error))
        else:
            self._say("guard", None)

    async def _look_at_host(self, name: str) -> None:
        try:
            self._containers[name] = await self._hosts[name][1].containers()
        except DockerError as error:
            self._containers.pop(name, None)
            self._say(f"host {name}", str(error))
        else:
            self._say(f"host {name}", None)

    def _say(self, part: str, problem: str | None) -> None:
        if problem and part not in self.problems:
            _LOG.error("%s: %s", part, problem)
        if not problem and part in self.problems:
            _LOG.info("%s answers again", part)
            del self.problems[part]
        if problem:
            self.problems[part] = problem
