"""oauth2-proxy's command line and files: it asks the OpenID provider, and tells the edge whose session a request has.

The edge asks it at two addresses. At `/` it sends who has no session to the provider, for requests by which a browser
opens a page; at `/oauth2/auth` it answers 401, for all others, of which none could follow to a page.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_tts.plan.front import EDGES
from pulumi_tts.plan.oidc import CALLBACK_PATH, PORT, OidcPlan
from pulumi_tts.render.health import wget

PAGE_PATH, CHECK_PATH = "/", "/oauth2/auth"
CLIENT_SECRET, COOKIE_SECRET, EMAILS = "client_secret", "cookie_secret", "emails.csv"
COOKIE_SECRET_LENGTH = 32
"""Letters and digits, of which it makes a key of 24 bytes: AES-192."""
_LOGINS_AT_ONCE = 8
"""Of one browser: tabs that are opened together. Each leaves a cookie for a quarter of an hour, or until it is done."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where it listens and reads; tests have other places."""

    address: str = "0.0.0.0"  # noqa: S104  within its container
    port: int = PORT
    files: str = "/files/current"
    """Of the secrets, and of the addresses that are let in."""


IN_CONTAINER = Layout()


def arguments(plan: OidcPlan, layout: Layout = IN_CONTAINER) -> tuple[str, ...]:
    """Its command line: everything but secrets and addresses."""
    return (
        f"--http-address={layout.address}:{layout.port}",
        "--provider=oidc",
        f"--oidc-issuer-url={plan.issuer}",
        f"--client-id={plan.client_id}",
        f"--client-secret-file={layout.files}/{CLIENT_SECRET}",
        f"--scope={' '.join(plan.scopes)}",
        "--code-challenge-method=S256",
        "--insecure-oidc-skip-nonce=false",
        # Its own default asks people for their consent each time.
        "--approval-prompt=auto",
        f"--oidc-email-claim={plan.claim}",
        *_allowed(plan, layout),
        # The edge says for which host and page a request is.
        "--reverse-proxy=true",
        *(f"--trusted-proxy-ip={network}" for network in EDGES),
        "--upstream=static://202",
        "--set-xauthrequest=true",
        "--skip-provider-button=true",
        f"--redirect-url={plan.url}{CALLBACK_PATH}",
        f"--whitelist-domain=.{plan.domain}:*",
        *_cookies(plan, layout),
        # Addresses have codes in them, by which one comes in.
        "--request-logging=false",
        "--silence-ping-logging=true",
    )


def _allowed(plan: OidcPlan, layout: Layout) -> Iterable[str]:
    if plan.emails is None:
        yield "--email-domain=*"
    else:
        yield f"--authenticated-emails-file={layout.files}/{EMAILS}"
    yield from (f"--email-domain={domain}" for domain in plan.domains)
    yield from (f"--allowed-group={group}" for group in plan.groups)


def _cookies(plan: OidcPlan, layout: Layout) -> Iterable[str]:
    return (
        f"--cookie-name={plan.cookie}",
        f"--cookie-secret-file={layout.files}/{COOKIE_SECRET}",
        f"--cookie-domain={plan.domain}",
        f"--cookie-secure={json.dumps(plan.https)}",
        "--cookie-httponly=true",
        # Another site's form or script comes without it.
        "--cookie-samesite=lax",
        f"--cookie-expire={plan.session}s",
        "--cookie-csrf-per-request=true",
        f"--cookie-csrf-per-request-limit={_LOGINS_AT_ONCE}",
        # Without the provider's tokens: nobody needs them, and the seventy requests of one page would renew them
        # seventy times at once, which a provider takes for a stolen token.
        "--session-cookie-minimal=true",
    )


def files(plan: OidcPlan, client_secret: str, cookie_secret: str) -> dict[str, str]:
    """Its files, by name; the addresses that are let in it reads again when their file is replaced."""
    secrets = {CLIENT_SECRET: client_secret, COOKIE_SECRET: cookie_secret}
    return secrets if plan.emails is None else secrets | {EMAILS: "".join(f"{email}\n" for email in plan.emails)}


def health_command(layout: Layout = IN_CONTAINER) -> list[str]:
    """Whether it is there; it begins to listen when the provider has answered."""
    return wget(f"http://127.0.0.1:{layout.port}/ping")
