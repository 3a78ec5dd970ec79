"""The edge's access log: a line of JSON for each request, in the names that Traefik has for things.

Traefik 3.7 can leave fields out, and cannot give them other names; docs/logs.md says which is which at the guard.
"""

from pulumi_tts.plan.front import FrontPlan
from pulumi_tts.plan.guard import INSTANCE_HEADER

FIELDS = (
    "StartUTC",
    "RequestMethod",
    "RequestHost",
    "RequestPath",
    "DownstreamStatus",
    "Duration",
    "OriginDuration",
    "ClientHost",
    "ClientUsername",
    "RouterName",
    "ServiceAddr",
    "RequestContentSize",
    "DownstreamContentSize",
    "RetryAttempts",
    "entryPointName",
)
"""What is said of a request, and nothing else: what a later Traefik may add, somebody has to have looked at."""
HEADERS = ("User-Agent", "Content-Type", "X-Request-Id", "X-Audio-Seconds", INSTANCE_HEADER)
"""Headers of requests and answers that are told; no cookie, key or password is in any of them."""


def log_arguments(front: FrontPlan, folder: str | None) -> tuple[str, ...]:
    """Traefik's arguments for it; it goes into a file of a ``folder``, or to where programs' output goes."""
    query = "keep" if front.query_in_logs else "drop"
    return (
        "--accessLog=true",
        "--accessLog.format=json",
        # Each line is written when its request is over, and kept back by nothing.
        *((f"--accessLog.filePath={folder}/edge.log", "--accessLog.bufferingSize=0") if folder else ()),
        "--accessLog.fields.defaultMode=drop",
        *(f"--accessLog.fields.names.{name}=keep" for name in FIELDS),
        f"--accessLog.fields.queryParameters.defaultMode={query}",
        "--accessLog.fields.headers.defaultMode=drop",
        *(f"--accessLog.fields.headers.names.{name}=keep" for name in HEADERS),
    )
