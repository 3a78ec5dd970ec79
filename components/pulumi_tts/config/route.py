"""A route to containers of one's own, for an edge that stands in another stack."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pulumi_tts.config.auth import LoginField
from pulumi_tts.config.fields import Domain, Headers, PathPrefix, Seconds, Strict, UrlPath, refused
from pulumi_tts.config.front import AnswerHeaders, EncodedField
from pulumi_tts.config.limits import LimitsField
from pulumi_tts.config.profile import Kind, KindField

_LAST_PORT = 65535

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


def _upstream(value: str) -> str:
    match = re.fullmatch(r"http://[A-Za-z0-9._-]+(?::([0-9]{1,5}))?", value)
    if not match or not 1 <= int(match[1] or 80) <= _LAST_PORT:
        raise refused("is not an upstream", "Write http://container:port, with no path")
    return value


Upstream = Annotated[str, AfterValidator(_upstream)]


class RouteHealth(Strict):
    """How the edge asks an upstream whether it is ready."""

    path: UrlPath
    """What it asks for; any status below 400 means ready."""
    interval: Seconds = 10
    """Time between two checks. Default: 10s."""
    timeout: Seconds = 5
    """How long one check may take. Default: 5s."""


class WrittenRoute(Strict):
    """One host name and path prefix, and where its requests go."""

    name: Name
    """Unique at the edge; shown in its dashboard."""
    host: Domain
    """The host name that clients use."""
    upstreams: Annotated[list[Upstream], Field(min_length=1)]
    """Addresses on the edge's network, as `http://container:port`."""
    path: PathPrefix = "/"
    """The path prefix. Default: the whole host."""
    strip: bool = True
    """Whether the upstream sees paths without the prefix. Default: yes."""
    encoded: EncodedField = []
    """Characters that paths may hold percent-encoded: `slash`, `percent`, `semicolon`, `question_mark`, `hash`; a
    request with another one is refused. Default: none."""
    service: Name | None = None
    """A name for the upstreams, shared by routes that lead to the same ones. Default: the route's name."""
    kind: KindField = Kind.api
    """`api` or `ui`: pages of a UI are compressed, and its sessions stay on their upstream."""
    health: RouteHealth | None = None
    """Asked only where there are several upstreams. Default: not asked."""
    headers: AnswerHeaders = {}
    """Headers added to every answer."""
    request_headers: Headers = {}
    """Headers that requests have on their way to the upstream, in place of the client's own; empty: taken away."""
    auth: LoginField | None = None
    """What it asks for: `open`, `basic`, `api_keys`, `jwt` or `oidc`. Default: what the edge's auth.default says."""
    limits: LimitsField | None = None
    """How much one user may ask for; `none`: as much as there is. Default: what the edge's limits say."""
    pool: Name | None = None
    """The name by which API keys are let in here. Default: service, or else name."""
