"""`python -m bootstrap COMMAND`, which the Makefile calls."""

import argparse
import signal
import sys

from bootstrap import commands
from bootstrap.go_programs import PROGRAMS
from bootstrap.say import Problem, complain


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m bootstrap", description="What the Makefile's targets run.")
    command = top.add_subparsers(dest="command", required=True)
    command.add_parser("up", help="bring the stack up, from whatever this machine has")
    command.add_parser("preview", help="show what `up` would change")
    command.add_parser("policy", help="the same, held to the policy pack")
    down = command.add_parser("down", help="take the stack down")
    down.add_argument("--volumes", action="store_true", help="remove its volumes too, without asking")
    command.add_parser("outputs", help="the stack's outputs as JSON, secrets included")
    command.add_parser("engine", help="find or build the Pulumi engine, and say which")
    images = command.add_parser("images", help="have what images are built from without a registry")
    images.add_argument("--also", nargs="*", default=[], choices=sorted(PROGRAMS), help="programs that take minutes")
    command.add_parser("test-prerequisites", help="what the tests on the real engine need")
    any_pulumi = command.add_parser("pulumi", help="a Pulumi command on the stack of `up`")
    any_pulumi.add_argument("arguments", help='in one string, for example "stack --show-urns"')
    return top


def run(options: argparse.Namespace) -> None:
    match options.command:
        case "up":
            commands.up()
        case "preview":
            commands.preview()
        case "policy":
            commands.policy()
        case "down":
            commands.down(with_volumes=options.volumes)
        case "outputs":
            commands.outputs()
        case "engine":
            commands.engine()
        case "images":
            commands.make_images_anyway(options.also)
        case "test-prerequisites":
            commands.test_prerequisites()
        case "pulumi":
            commands.any_pulumi(options.arguments)


def main() -> int:
    # A shell that started this in the background has SIGINT ignored, and Pulumi would inherit that: it then waits five
    # seconds for its language host at the end of every command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(parser().parse_args())
    except Problem as problem:
        complain(problem)
        return 1
    except KeyboardInterrupt:
        print("\n==> Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
