"""The command `pulumi-tts`: what can be asked of a stack's file, and of its Docker host, without Pulumi."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from pulumi_tts.config import ConfigError, Stack, load_stack
from pulumi_tts.docker.endpoint import endpoint
from pulumi_tts.docker.labelled import labelled_containers
from pulumi_tts.docker.metered import metered
from pulumi_tts.docker.survey import reach, survey
from pulumi_tts.labels import Finding, Labelled, WayIn, checked
from pulumi_tts.plan import Survey, plan_stack
from pulumi_tts.plan.dashboards import plan_dashboards
from pulumi_tts.plan.names import admitted_network, edge_name, meter_name
from pulumi_tts.policy.folder import NotRunnable, pack_folder
from pulumi_tts.render.placement import placement_json, placement_table
from pulumi_tts.render.usage import usage_csv, usage_json, usage_table

_REFUSED = 1
_FORMATS = {"table": usage_table, "csv": usage_csv, "json": usage_json}
_DAYS = re.compile(r"[1-9][0-9]{0,3}d")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; its exit status: 0, or 1 where the file is refused, or something is wrong with what was asked
    about."""
    asked = _parser().parse_args(arguments)
    status: int = asked.run(asked)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pulumi-tts", description="Speech services from one typed config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="which instance goes on which host and graphics card; changes nothing")
    plan.add_argument("--json", action="store_true", help="JSON with sizes in MiB, instead of a table")
    plan.add_argument("--fresh", action="store_true", help="as if nothing ran yet: no Docker host is asked what does")
    plan.set_defaults(run=partial(_of_stack, _plan))
    labels = commands.add_parser("labels", help="what is wrong with the labels of containers that join the edge")
    labels.add_argument("container", nargs="*", help="whose labels (default: all that ask this stack, or seem to)")
    labels.add_argument("--docker", metavar="ENDPOINT", help="where Docker answers (default: the stack's host)")
    labels.add_argument("--json", action="store_true", help="JSON, instead of text")
    labels.set_defaults(run=partial(_of_stack, _labels))
    usage = commands.add_parser("usage", help="who used how much, as the stack's meter has counted it")
    usage.add_argument(
        "--since", type=_since, default="30d", help="a day, or so many days as 30d, today among them (default: 30d)"
    )
    usage.add_argument("--until", type=_day, metavar="DAY", help="the first day that is not counted (default: none)")
    usage.add_argument("--by", choices=("tenant", "pool", "route"), default="tenant", help="(default: tenant)")
    usage.add_argument("--format", choices=tuple(_FORMATS), default="table", help="(default: table)")
    usage.set_defaults(run=partial(_of_stack, _usage))
    policy = commands.add_parser("policy", help="where the policy pack is, for pulumi preview --policy-pack")
    policy.set_defaults(run=_policy)
    dashboards = commands.add_parser("dashboards", help="write the stack's dashboards, for a Grafana of yours")
    dashboards.add_argument("--to", metavar="FOLDER", type=Path, required=True, help="where; made if it is not there")
    dashboards.set_defaults(run=partial(_of_stack, _dashboards))
    for command in (plan, labels, usage, dashboards):
        command.add_argument("--stack", default="dev", help="a stack's name, or the path of its file (default: dev)")
    return parser


def _of_stack(run: Callable[[argparse.Namespace, Stack, str], int], asked: argparse.Namespace) -> int:
    """Runs what is asked of a stack, with its config and name."""
    path = _file(asked.stack)
    try:
        return run(asked, load_stack(_written(path)), f"tts-{_stack_name(path)}")
    except ConfigError as error:
        print(error.report(f"{path}, tts:stack"), file=sys.stderr)
        return _REFUSED


def _plan(asked: argparse.Namespace, config: Stack, name: str) -> int:
    now = Survey() if asked.fresh else _survey(config, name)
    placement = plan_stack(config, name, local_images=False, survey=now).placement
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


def _labels(asked: argparse.Namespace, config: Stack, name: str) -> int:
    if not config.edge.discovery.enabled:
        print("edge.discovery is not enabled in this stack: no label is looked at", file=sys.stderr)
    plan = plan_stack(config, name, local_images=False)
    routes = [*plan.routes, *plan.edge.own_routes]
    taken = frozenset(route.host for route in routes if route.prefix == "/")
    way = WayIn(name, admitted_network(edge_name(name)), taken)
    edge_host = plan.edge_host
    at = endpoint(asked.docker) if asked.docker else endpoint(edge_host.docker, edge_host.certificates)
    containers = labelled_containers(at, asked.container, name)
    findings = checked(containers, way)
    print(_findings_json(containers, findings) if asked.json else _findings_text(containers, findings, way))
    return _REFUSED if findings else 0


def _findings_text(containers: Sequence[Labelled], findings: dict[str, list[Finding]], way: WayIn) -> str:
    if not containers:
        return f"No container asks to be admitted to {way.stack} (label pulumi-tts.admit={way.stack})."
    lines = []
    for container in containers:
        found = findings.get(container.name, [])
        lines.append(
            f"{container.name}: {len(found)} problem{'s' * (len(found) != 1)}" if found else f"{container.name}: ok"
        )
        lines += [f"  - {finding}" for finding in found]
    return "\n".join(lines)


def _findings_json(containers: Sequence[Labelled], findings: dict[str, list[Finding]]) -> str:
    told = {
        container.name: [asdict(finding) for finding in findings.get(container.name, [])] for container in containers
    }
    return json.dumps({"containers": told}, indent=2)


def _dashboards(asked: argparse.Namespace, config: Stack, name: str) -> int:
    # Grafana's types take 0.07 s to import, which no other command needs.
    from pulumi_tts.render.dashboards import dashboard_files  # noqa: PLC0415

    plan = plan_stack(config, name, local_images=False)
    if not plan.observability:
        print("observability: is not in this stack, and dashboards show what its Prometheus knows", file=sys.stderr)
        return _REFUSED
    folder: Path = asked.to
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shown = plan_dashboards(plan.observability, plan.edge, plan.pools, plan.meter)
        for file, text in dashboard_files(shown).items():
            (folder / file).write_text(text)
            print(folder / file)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return _REFUSED
    return 0


def _since(text: str) -> str:
    return text if _DAYS.fullmatch(text) else _day(text)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write 2026-11-01, or for --since 30d") from None


def _usage(asked: argparse.Namespace, config: Stack, name: str) -> int:
    if not (config.observability and config.observability.usage):
        print("observability.usage is not in this stack's file: nobody counts. Write usage: {}", file=sys.stderr)
        return _REFUSED
    host = config.hosts[0]
    at = endpoint(host.docker, host.certificates)
    print(_FORMATS[asked.format](metered(at, meter_name(name), asked.since, asked.until, asked.by)))
    return 0


def _policy(_: argparse.Namespace) -> int:
    try:
        print(pack_folder())
    except NotRunnable as reason:
        print(reason, file=sys.stderr)
        return _REFUSED
    return 0


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
