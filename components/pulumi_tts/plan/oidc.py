"""The login by an OpenID provider: oauth2-proxy beside the edge, as it will run."""

import hashlib
from dataclasses import dataclass

from pulumi_tts.config.checks import filled
from pulumi_tts.config.oidc import Allowed, Oidc
from pulumi_tts.plan.images import Image, oauth2_proxy_image
from pulumi_tts.plan.names import oidc_name

PORT = 4180
CALLBACK_PATH = "/oauth2/callback"
"""Where the provider sends people back to."""
SIGN_OUT_PATH = "/oauth2/sign_out"


@dataclass(frozen=True, slots=True)
class OidcPlan:
    """Who is asked who somebody is, and whom of those the edge lets in; times in seconds."""

    name: str
    """Its container's."""
    image: Image
    issuer: str
    client_id: str
    client_secret_key: str
    """The config key of what the provider has given to this client."""
    scopes: tuple[str, ...]
    claim: str
    """What people are called by."""
    emails: tuple[str, ...] | None
    """Whose addresses are let in, beside those of the domains; absent where addresses do not matter."""
    domains: tuple[str, ...]
    groups: tuple[str, ...]
    """One of which one has to be in; none: no matter."""
    session: int
    cookie: str
    """The session's, and what the names of its other cookies begin with."""
    domain: str
    """Of the cookie: every name of the stack has the same session."""
    host: str
    """Where people are sent back to, and sign out."""
    url: str
    """Where clients find that host."""
    https: bool
    asked_at: str
    """Where the edge asks it."""


def plan_oidc(oidc: Oidc, edge: str, domain: str, url: str, *, https: bool, local_images: bool) -> OidcPlan:
    """What follows from it; ``edge`` is the edge's container, ``url`` where clients find the login's host."""
    allowed = oidc.allowed if isinstance(oidc.allowed, Allowed) else None
    emails, domains, groups = (allowed.emails, allowed.domains, allowed.groups) if allowed else (None, None, None)
    name = oidc_name(edge)
    return OidcPlan(
        name=name,
        image=oauth2_proxy_image(local_images),
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        client_secret_key=oidc.client_secret.secret,
        scopes=tuple(oidc.scopes),
        claim=oidc.user.value,
        emails=tuple(sorted(emails or ())) if emails or domains else None,
        domains=tuple(sorted(domains or ())),
        groups=tuple(sorted(groups or ())),
        session=oidc.session,
        cookie=session_cookie(oidc),
        domain=domain,
        host=filled(oidc.host, domain),
        url=url,
        https=https,
        asked_at=f"http://{name}:{PORT}",
    )


def session_cookie(oidc: Oidc) -> str:
    """The name of the session's cookie, which the edge and the guard have to know; another one for another client."""
    return f"tts-login-{hashlib.sha256(f'{oidc.issuer} {oidc.client_id} {oidc.host}'.encode()).hexdigest()[:8]}"
