"""How the edge traces: the first span of each request, and nothing in it of what is spoken."""

from pulumi_tts.plan.guard import INSTANCE_HEADER
from pulumi_tts.plan.tracing import TracingPlan
from pulumi_tts.render.yaml_file import Tree

_CONTEXT = ("traceparent", "tracestate")
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
    """The same routers, and another one for each, which takes the requests that come with a trace of their client's.

    Traefik goes by such a trace before any middleware can take it away, and has no setting against that. So the edge
    does not trace these requests, takes the trace away, and the guard begins one of ours.
    """
    if tracing is None or tracing.follow_clients or "routers" not in http:
        return http
    drop = {"headers": {"customRequestHeaders": dict.fromkeys(_CONTEXT, "")}}
    return {
        **http,
        # Of two rules that match, Traefik goes by the longer one.
        "routers": http["routers"] | {f"{name}_untraced": _untraced(each) for name, each in http["routers"].items()},
        "middlewares": http.get("middlewares", {}) | {_DROPPED: drop},
    }


def _untraced(router: Tree) -> Tree:
    comes_with_one = f"HeaderRegexp(`{_CONTEXT[0]}`, `.`)"
    return {
        **router,
        "entryPoints": [*router["entryPoints"]],
        "rule": f"({router['rule']}) && {comes_with_one}",
        "middlewares": [_DROPPED, *router.get("middlewares", ())],
        "observability": {"tracing": False},
    }
