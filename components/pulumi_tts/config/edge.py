"""The edge: the one way in from outside."""

from typing import Annotated

from pydantic import AfterValidator, Field

from pulumi_tts.config.fields import BindAddress, Headers, HostTemplate, Mebibytes, Port, Seconds, Strict, refused
from pulumi_tts.config.front import EncodedField, Front


def _host_without_number(value: str) -> str:
    if "{n}" in value:
        raise refused("has {n}, but there is one dashboard", "Use a name such as 'dashboard.{domain}'")
    return value


class SecretReference(Strict):
    """A secret kept by Pulumi under a key of its own: `pulumi config set --secret tts:KEY`."""

    secret: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    """The config key, without `tts:`, that holds the secret."""


class Dashboard(Strict):
    """Traefik's dashboard, always behind a login."""

    enabled: bool = True
    """Whether there is a dashboard. Default: yes."""
    host: Annotated[HostTemplate, AfterValidator(_host_without_number)] = "dashboard.{domain}"
    """The dashboard's host name. Default: `dashboard.{domain}`."""
    port: Port | None = None
    """A port of its own on the edge's bind address. Default: the edge's."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "admin"
    """The login's name. Default: `admin`."""
    password: SecretReference | None = None
    """Where the password is kept, as `{secret: KEY}`. Default: a generated one, in the stack's outputs."""


class Discovery(Strict):
    """Containers that this stack does not own, and that join the edge by Traefik's labels on them."""

    enabled: bool = False
    """Whether such containers are looked for. Default: no. A change replaces the edge: a moment without it."""
    encoded: EncodedField = []
    """Characters that their paths may hold percent-encoded: `slash`, `percent`, `semicolon`, `question_mark`, `hash`.
    Default: none."""
    memory: Mebibytes = 128
    """The memory limit of what looks for them and passes requests on to them. Default: 128m."""


class Edge(Front):
    """Traefik: names, paths and logins; the only part with published ports."""

    bind: BindAddress = "127.0.0.1"
    """The address that the ports are published on. Default: 127.0.0.1, this machine only."""
    port: Port = 8080
    """The HTTP port. Default: 8080."""
    dashboard: Dashboard = Dashboard()
    """Traefik's dashboard."""
    headers: Headers = {}
    """Headers added to every answer."""
    compress: bool = True
    """Whether pages of UI pools are compressed; audio and event streams never are. Default: yes."""
    discovery: Discovery = Discovery()
    """Containers that this stack does not own, by their labels."""
    drain: Seconds = 30
    """How long a stopping edge lets requests finish. Default: 30s."""
    memory: Mebibytes = 256
    """The edge's memory limit. Default: 256m."""
