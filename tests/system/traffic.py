"""Requests that keep coming while something else happens, bounded in number and time, on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.system.deployment import Deployment

PAUSE = 0.02
AT_MOST = 20_000


@dataclass
class Traffic:
    """What became of the requests."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def steady_requests(deployment: Deployment, url: str, **headers: str) -> Iterator[Traffic]:
    """Asks for ``url`` again and again until the block ends, each time on a new connection."""
    traffic = Traffic()
    over = threading.Event()

    def keep_asking() -> None:
        for _ in range(AT_MOST):
            if over.is_set():
                return
            ask_once(deployment, url, traffic, **headers)
            time.sleep(PAUSE)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        yield traffic
    finally:
        over.set()
        asking.join()


def ask_once(deployment: Deployment, url: str, traffic: Traffic, **headers: str) -> None:
    """One request; an answer that is not 200 counts as failed, as no answer does."""
    try:
        with deployment.client(headers=headers) as client:
            answer = client.get(url)
    except httpx.HTTPError as error:
        traffic.failed.append(repr(error))
        return
    if answer.status_code == httpx.codes.OK:
        traffic.answered += 1
    else:
        traffic.failed.append(f"{answer.status_code} {answer.text[:80]}")
