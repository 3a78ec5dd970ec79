"""Traefik's configuration for containers of others, which stand behind the edge and not in it.

A label can name any router, service and middleware that its Traefik has, the dashboard without its login among them,
and any URL as its server. So labels are read by a Traefik of their own, which has nothing of ours, and to which the
edge passes on what none of its own routes matches.
"""

import json
from collections.abc import Iterable

from pulumi_tts.plan.admission import ADMIT
from pulumi_tts.plan.edge import DiscoveryPlan, EdgePlan
from pulumi_tts.plan.socket_proxy import DISCOVERY_USER
from pulumi_tts.render.traefik import IN_CONTAINER, ping_arguments, web_arguments
from pulumi_tts.render.traefik_auth import NO_USER, without_session
from pulumi_tts.render.traefik_front import refusing_encoded
from pulumi_tts.render.traefik_tls import entry_point
from pulumi_tts.render.traefik_tracing import untraced_routers
from pulumi_tts.render.yaml_file import Tree

NAME = "edge_discovery"
"""Of the edge's route to it; no route of a pool can have an underscore in its name."""

_PATHS = f"{NAME}_paths"

# A label can lead back to the edge, and the request would go round and round.
_PASSED_ON = "X-Pulumi-Tts-Discovery"
_LAST = 1  # Traefik's own priorities are the lengths of rules


def settings_file(plan: DiscoveryPlan, stack: str, docker: str, drain: int, password: str) -> str:
    """What that Traefik is started with; ``docker`` is where the socket proxy answers, ``drain`` in seconds.

    ``password`` is what the socket proxy wants: a label can name that proxy as its server, and so whoever asks by a
    label must not be taken for Traefik itself. A file, because `docker inspect` shows commands and environments.
    """
    return json.dumps(_tree(_arguments(plan, stack, docker, drain, password)), indent=1)  # JSON is YAML


def _tree(arguments: Iterable[str]) -> Tree:
    """Arguments as Traefik's file has them: `--a.b=c` is c under b under a. It reads no argument beside a file."""
    tree: Tree = {}
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        *path, last = name.split(".")
        section = tree
        for step in path:
            # What has options of its own is there by having them: `--ping=true` says no more.
            if not isinstance(section.get(step), dict):
                section[step] = {}
            section = section[step]
        section[last] = value
    return tree


def _arguments(plan: DiscoveryPlan, stack: str, docker: str, drain: int, password: str) -> tuple[str, ...]:
    return (
        *web_arguments(drain),
        # The edge in front has deadlines of its own.
        "--entryPoints.web.transport.respondingTimeouts.readTimeout=0s",
        "--entryPoints.web.transport.respondingTimeouts.writeTimeout=0s",
        "--entryPoints.web.transport.respondingTimeouts.idleTimeout=180s",
        # Who comes here comes from the edge, which has put its own in the place of the client's, or from a container
        # that stands beside the one that it asks.
        "--entryPoints.web.forwardedHeaders.insecure=true",
        *ping_arguments(),
        f"--providers.docker.endpoint={docker.replace('http://', 'tcp://')}",
        f"--providers.docker.username={DISCOVERY_USER}",
        f"--providers.docker.password={password}",
        "--providers.docker.exposedByDefault=false",
        f"--providers.docker.constraints=Label(`{ADMIT}`, `{stack}`)",
        f"--providers.docker.network={plan.network}",
        f"--providers.docker.defaultRule=Host(`{{{{ normalize .Name }}}}.{plan.domain}`)",
        "--log.format=json",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    )


def discovery_file(plan: DiscoveryPlan, edge: EdgePlan) -> str:
    """The edge's file for what none of its own routes matches."""
    rule = " && ".join([f"!Header(`{_PASSED_ON}`, `yes`)", *(f"!Host(`{host}`)" for host in plan.reserved)])
    headers = {"customRequestHeaders": {_PASSED_ON: "yes"}}
    if edge.headers:
        headers["customResponseHeaders"] = dict(edge.headers)
    router = {
        "rule": rule,
        "priority": _LAST,
        "entryPoints": [entry_point(https=edge.tls is not None)],
        "service": NAME,
        "middlewares": [_PATHS, NO_USER, *without_session(shown=edge.auth.oidc is not None), NAME],
    }
    balancer = {
        "servers": [{"url": f"http://{plan.name}:{IN_CONTAINER.web}"}],
        "passHostHeader": True,
        "responseForwarding": {"flushInterval": "-1ms"},
    }
    http = {
        "routers": {NAME: router} | untraced_routers({NAME: router}, edge.tracing),
        "services": {NAME: {"loadBalancer": balancer}},
        "middlewares": {_PATHS: refusing_encoded(plan.encoded), NAME: {"headers": headers}},
    }
    return json.dumps({"http": http}, indent=1)  # JSON is YAML
