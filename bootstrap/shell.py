"""Running other programs so that their failure reaches a person as one readable problem."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from bootstrap.say import Problem


def quietly(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
    """Run a command whose output is of interest only when it fails.

    Raises Problem with the end of that output.
    """
    outcome = subprocess.run(  # noqa: S603
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        end = "\n".join(f"    {line}" for line in outcome.stdout.splitlines()[-20:])
        raise Problem(f"`{shlex.join(command)}` ended with code {outcome.returncode}:\n{end}")


def follow(command: Sequence[str], *, env: Mapping[str, str]) -> int:
    """Run a command that handles an interrupt itself; returns its exit code.

    Ctrl-C reaches it directly, as it shares our terminal. We wait for it however long its tidy ending takes:
    killed, Pulumi would leave its state locked and operations pending.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        # What is piped in is the command's, as a secret's value; a question that nobody sees is to fail, not to wait.
        unseen = sys.stdin is None or (sys.stdin.isatty() and not has_terminal())
        stdin = subprocess.DEVNULL if unseen else None
        with subprocess.Popen(command, env=env, stdin=stdin) as process:  # noqa: S603
            return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def has_terminal() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def read(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
    """Run a command for its output.

    Raises Problem with what the command wrote to stderr when it fails.
    """
    outcome = subprocess.run(  # noqa: S603
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if outcome.returncode != 0:
        raise Problem(f"`{shlex.join(command)}` ended with code {outcome.returncode}:\n{outcome.stderr.strip()}")
    return outcome.stdout
