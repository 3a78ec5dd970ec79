"""What Pulumi starts for the pack: `pulumi-analyzer-policy-pulumi-tts`, installed with this package.

Pulumi runs a pack of `runtime: python` by the Python that its language host finds from the pack's folder, and the host
that this project builds from Go modules runs none. A runtime of our own is started by its name from PATH, by every
Pulumi alike, and is the Python that this package is installed in: there is no environment to be found.
"""

import signal


def main() -> None:
    """Serves the pack to the Pulumi that started it, until that interrupts it."""
    # Where a shell started Pulumi in the background, interrupts are ignored also by what it starts: it would wait five
    # seconds for this one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Loads Pulumi, which who asks for the pack's folder need not wait for.
    from pulumi_policy import PolicyPack  # noqa: PLC0415

    from pulumi_tts.policy.pack import policies  # noqa: PLC0415

    PolicyPack("pulumi-tts", policies())
