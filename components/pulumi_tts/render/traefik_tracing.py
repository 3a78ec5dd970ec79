"""How the edge traces: the first span of each request, and nothing in it of what is spoken."""

from pulumi_tts.plan.guard import INSTANCE_HEADER
from pulumi_tts.plan.tracing import TracingPlan
from pulumi_tts.render.yaml_file import Tree

_CONTEXT = ("traceparent", "tracestate")
TRACING_ENVIRONMENT = ("OTEL_RESOURCE_ATTRIBUTES=process.command_args=-",)
"""Traefik tells its whole command line with every span, 3 KB, unless it is told what to say instead."""
_DROPPED = "edge_untraced"
"""Takes a client's own trace away; no route's name has an underscore."""


def tracing_arguments(tracing: TracingPlan) -> tuple[str, ...]:
    """Traefik's command line for it; it keeps no value of a query, and of headers those that are named here."""
    return (
        "--tracing=true",
        f"--tracing.serviceName={tracing.stack}-edge",
        f"--tracing.sampleRate={tracing.ratio:g}",
        f"--tracing.capturedResponseHeaders=X-Request-Id,{INSTANCE_HEADER}",
        f"--tracing.otlp.http.endpoint={tracing.collector}/v1/traces",
    )


def without_clients_traces(http: Tree, tracing: TracingPlan | None) -> Tree:
    """The edge's routes, and beside each another one, for requests that come with a trace of their client's.

    Traefik goes by such a trace before any middleware can take it away, and has no setting against that. So the edge
    does not trace these requests, takes the trace away, and the guard begins one of ours.
    """
    if "routers" not in http or not (beside := untraced_routers(http["routers"], tracing)):
        return http
    drop = {"headers": {"customRequestHeaders": dict.fromkeys(_CONTEXT, "")}}
    middlewares = http.get("middlewares", {}) | {_DROPPED: drop}
    return {**http, "routers": http["routers"] | beside, "middlewares": middlewares}


def untraced_routers(routers: Tree, tracing: TracingPlan | None) -> Tree:
    """Those other routers, which go by a middleware that is where the routes are; none where clients are followed."""
    if tracing is None or tracing.follow_clients:
        return {}
    return {f"{name}_untraced": _untraced(router) for name, router in routers.items()}


def _untraced(router: Tree) -> Tree:
    comes_with_one = f"HeaderRegexp(`{_CONTEXT[0]}`, `.`)"
    # Of two rules that match, Traefik goes by the one with the higher priority, which is a rule's length by itself: who
    # goes before another route goes before the longer rule that this one has beside it, too.
    longer = len(f"() && {comes_with_one}")
    priority = {"priority": router["priority"] + longer} if "priority" in router else {}
    return {
        **router,
        **priority,
        "entryPoints": [*router["entryPoints"]],
        "rule": f"({router['rule']}) && {comes_with_one}",
        "middlewares": [_DROPPED, *router.get("middlewares", ())],
        "observability": {"tracing": False},
    }
