"""The command `pulumi-tts`: what can be asked of a stack's file without Pulumi."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pulumi_tts.config import ConfigError, Stack, load_stack
from pulumi_tts.docker.survey import reach, survey
from pulumi_tts.plan import Survey, plan_stack
from pulumi_tts.render.placement import placement_json, placement_table

_REFUSED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status: 0, or 1 where the file is refused."""
    asked = _parser().parse_args(arguments)
    path = _file(asked.stack)
    try:
        config = load_stack(_written(path))
        name = f"tts-{_stack_name(path)}"
        now = Survey() if asked.fresh else _survey(config, name)
        placement = plan_stack(config, name, local_images=False, survey=now).placement
    except ConfigError as error:
        print(error.report(f"{path}, tts:stack"), file=sys.stderr)
        return _REFUSED
    if asked.json:
        print(placement_json(placement))
    else:
        print(placement_table(placement) or "No instance needs a graphics card.")
    return 0


def _survey(config: Stack, name: str) -> Survey:
    """What is on the hosts now; where there is only one place to be, none is asked. Says which do not answer."""
    if len(config.hosts) == 1 and not config.hosts[0].gpus:
        return Survey()
    reached = reach(config, name)
    for problem in reached.silent.values():
        print(problem, file=sys.stderr)
    return survey(config, name, reached)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pulumi-tts", description="Speech services from one typed config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="which instance goes on which host and graphics card; changes nothing")
    plan.add_argument("--stack", default="dev", help="a stack's name, or the path of its file (default: dev)")
    plan.add_argument("--json", action="store_true", help="JSON with sizes in MiB, instead of a table")
    plan.add_argument("--fresh", action="store_true", help="as if nothing ran yet: no Docker host is asked what does")
    return parser


def _file(stack: str) -> Path:
    return Path(stack) if stack.endswith((".yaml", ".yml")) else Path(f"Pulumi.{stack}.yaml")


def _stack_name(path: Path) -> str:
    return path.stem.removeprefix("Pulumi.")


def _written(path: Path) -> Any:
    try:
        file = yaml.safe_load(path.read_text())
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}. Name a stack with such a file, or a path: --stack prod")
    except yaml.YAMLError as error:
        sys.exit(f"{path}: is not YAML: {error}")
    try:
        return file["config"]["tts:stack"]
    except (KeyError, TypeError):
        sys.exit(f"{path}: has no tts:stack under config; docs/config.yaml shows how it is written")


if __name__ == "__main__":
    sys.exit(main())
