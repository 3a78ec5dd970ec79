"""What tests need of this machine's own network."""

import contextlib
import random
import socket


def free_port() -> int:
    """A TCP port that nobody listens on, below those that the kernel gives to outgoing connections meanwhile."""
    # The system's own randomness: Hypothesis seeds the other one, alike for tests side by side.
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
