"""The edge: the one way in from outside."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from pulumi_tts.config.auth import Auth
from pulumi_tts.config.fields import BindAddress, Headers, HostTemplate, Mebibytes, Port, Seconds, Strict, refused
from pulumi_tts.config.front import EncodedField, Front
from pulumi_tts.config.limits import Limits
from pulumi_tts.config.secret import SecretReference
from pulumi_tts.config.tls import Tls, TlsField


def _host_without_number(value: str) -> str:
    if "{n}" in value:
        raise refused("has {n}, but there is one dashboard", "Use a name such as 'dashboard.{domain}'")
    return value


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


class Unprotected(StrEnum):
    """What a public edge goes without."""

    tls = "tls"
    """Encryption: who is on the way reads and changes what is asked and answered, passwords too."""
    login = "login"
    """Logins: whoever finds the edge uses the cards."""


class Edge(Front):
    """Traefik: names, paths and logins; the only part with published ports."""

    bind: BindAddress | None = None
    """The address that the ports are published on. Default: 127.0.0.1, this machine only; with tls.letsencrypt
    0.0.0.0, every interface."""
    port: Port | None = None
    """The HTTP port; with tls it only sends on to HTTPS, and answers the ACME server. Default: 8080; with
    tls.letsencrypt 80."""
    unprotected: list[Annotated[Unprotected, Field(strict=False)]] = []
    """What an edge whose `bind` is a public address may go without: `tls`, and a `login` on each route. Default:
    nothing, and an edge that lacks it is refused."""
    tls: TlsField = "off"
    """Certificates and HTTPS, or `off`. Default: off. A change of its kind, its ACME server or challenge, or of ports
    replaces the edge; all else is live."""
    dashboard: Dashboard = Dashboard()
    """Traefik's dashboard."""
    auth: Auth = Auth()
    """Who may come in."""
    limits: Limits | None = None
    """How much each of them may ask for, in pools of APIs that say nothing else. Default: as much as there is."""
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

    @property
    def https(self) -> Tls | None:
        """Certificates and HTTPS; absent where that is off."""
        return self.tls if isinstance(self.tls, Tls) else None

    @property
    def bound_to(self) -> str:
        """The address that the ports are published on."""
        return self.bind or ("0.0.0.0" if self._by_acme else "127.0.0.1")  # noqa: S104  what it is for

    @property
    def http_port(self) -> int:
        """The HTTP port."""
        return self.port or (80 if self._by_acme else 8080)

    @property
    def https_port(self) -> int | None:
        """The HTTPS port; absent without TLS."""
        return (self.https.port or (443 if self._by_acme else 8443)) if self.https else None

    @property
    def _by_acme(self) -> bool:
        return self.https is not None and self.https.letsencrypt is not None
