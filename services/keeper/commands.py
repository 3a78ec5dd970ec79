"""`python3 -m keeper drain NAME` and `restore NAME`: what is asked on the command line, and the one line it prints.

Exit status 0: done, or the time was over (the line says which). 1: the keeper does not answer. 2: there is no such
instance. 3: an instance of the pool is out for somebody else, and stayed out; the line says how it is put back.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from keeper.control import Answer, KeeperSilentError, ask
from keeper.turns import OPERATOR

DONE, SILENT, UNKNOWN, TAKEN = range(4)
STATUS = "status"
"""The key of an answer that is the exit status, and is not printed."""

_LONGEST = 7 * 24 * 3600.0


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python3 -m keeper", description=__doc__)
    commands = root.add_subparsers(dest="do", required=True, metavar="drain|restore")
    drain = commands.add_parser("drain", help="take an instance out of rotation, and wait until it has no work")
    restore = commands.add_parser("restore", help="put an instance back into rotation, once it is healthy")
    for command in (drain, restore):
        command.add_argument("instance", help="its container's name")
    drain.add_argument("--within", type=_seconds, metavar="S", help="wait so long at most (the pool's drain time)")
    restore.add_argument("--within", type=_seconds, metavar="S", help="wait so long at most (60)")
    drain.add_argument("--lease", type=_seconds, metavar="S", help="put it back after so long (5 min and a start)")
    drain.add_argument("--patience", type=_seconds, metavar="S", help="wait so long for the pool's turn (a restart)")
    drain.add_argument(
        "--holder",
        default=OPERATOR,
        help=f"on whose behalf ({OPERATOR}); a holder's next drain in a pool puts the former instance back",
    )
    return root


def run(control: Path, arguments: Sequence[str]) -> int:
    """Asks, prints the answer, and gives the exit status."""
    request = {key: value for key, value in vars(parser().parse_args(arguments)).items() if value is not None}
    try:
        answer: Answer = ask(control, request)
    except KeeperSilentError as error:
        answer = {STATUS: SILENT, "note": str(error)}
    status = int(answer.pop(STATUS, DONE))
    print(json.dumps(answer), flush=True)
    return status


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} should be seconds, 0 to {_LONGEST:.0f}")
    return value
