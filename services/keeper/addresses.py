"""Where instances are: names to IP addresses, by the system's resolver.

Docker answers for the names of its containers, and a container that restarts may come back with another address. A
wrong answer here empties a pool, so what is forgotten is decided with care (`AddressBook.learn`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

_LOG = logging.getLogger("keeper.addresses")

THREADS = 16
TIME_LIMIT = 0.5
"""Seconds for one round of questions. A question that takes longer is waited for in its thread, and not asked again
meanwhile."""
AT_ONCE = 2.0
"""Seconds within which a "try again" is somebody's answer; after that it is the resolver's own time-out."""
DOUBTS = 2
"""Rounds in a row after which "try again" about a container means that it is gone."""


class Outcome(Enum):
    """What became of a question."""

    found = "found"
    gone = "gone"
    """There is no such name."""
    again = "again"
    """Somebody answered "try again"."""
    silent = "silent"
    """No answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the resolver said about one name; addresses sorted, IPv4 first."""

    outcome: Outcome
    addresses: tuple[str, ...] = ()


GONE, AGAIN, SILENT = Answer(Outcome.gone), Answer(Outcome.again), Answer(Outcome.silent)
_NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}


def is_address(text: str) -> bool:
    """Whether it is an IP address already."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def ask(name: str) -> Answer:
    """Asks the system's resolver, which may take its time."""
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return GONE
        return AGAIN if time.monotonic() - began < AT_ONCE else SILENT
    except (OSError, UnicodeError):
        return SILENT
    addresses = {ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found}
    ordered = sorted(addresses, key=lambda address: (address.version, int(address)))
    return Answer(Outcome.found, tuple(str(address) for address in ordered))


class Resolver:
    """Asks for many names at once, in a bounded number of threads."""

    def __init__(self, asking: Callable[[str], Answer] = ask) -> None:
        self._ask = asking
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolver")
        self._asked: dict[str, asyncio.Future[Answer]] = {}

    async def round(self, names: Collection[str]) -> dict[str, Answer]:
        """One answer a name; SILENT for those that did not come in time."""
        loop = asyncio.get_running_loop()
        for name in names:
            if name not in self._asked:
                self._asked[name] = loop.run_in_executor(self._threads, self._ask, name)
        if self._asked:
            await asyncio.wait(self._asked.values(), timeout=TIME_LIMIT)
        done = {name: future.result() for name, future in self._asked.items() if future.done()}
        for name in done:
            del self._asked[name]
        return {name: done.get(name, SILENT) for name in names}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class AddressBook:
    """The address of every name that has one."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self.silent = False
        """Whether the resolver had no answer for anybody the last time it was asked."""
        self._doubts: Counter[str] = Counter()

    def learn(self, answers: Mapping[str, Answer]) -> None:
        """Takes the answers of one round.

        - A name that does not exist is forgotten at once.
        - No answer says nothing about the instance: its last address stays, and Envoy's own health check decides.
        - Nor does "try again", where the resolver has no answer for anybody. But on a network without a way out it is
          what Docker answers for a container that is gone. So a name without a dot, which is a container's, is
          forgotten when Docker says so twice in a row and does know others.
        - An address that another name has now is not kept for a name without an answer: it was given away.
        """
        found = {name: answer.addresses for name, answer in answers.items() if answer.outcome is Outcome.found}
        if answers:
            self._say(silent=not found and all(answer.outcome is not Outcome.gone for answer in answers.values()))
        for name, answer in answers.items():
            match answer.outcome:
                case Outcome.found:
                    self._doubts.pop(name, None)
                    if self.known.get(name) not in answer.addresses:
                        self.known[name] = answer.addresses[0]
                case Outcome.gone:
                    self.known.pop(name, None)
                case Outcome.again if found and "." not in name:
                    self._doubts[name] += 1
                    if self._doubts[name] >= DOUBTS:
                        self.known.pop(name, None)
        given_away = {self.known[name] for name in found}
        for name in answers.keys() - found.keys():
            if self.known.get(name) in given_away:
                del self.known[name]

    def keep_only(self, names: Collection[str]) -> None:
        """Forgets every other name."""
        self.known = {name: address for name, address in self.known.items() if name in names}

    def _say(self, *, silent: bool) -> None:
        if silent != self.silent:
            _LOG.warning("the resolver does not answer: last addresses stay" if silent else "the resolver answers")
        self.silent = silent
