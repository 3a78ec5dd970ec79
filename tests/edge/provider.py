"""A stand-in for an OpenID provider, on loopback: it signs in whom a test tells it to, without a page."""

import base64
import hashlib
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.edge.tokens import Signer, encoded
from tests.waiting import wait_for

CLIENT_ID, CLIENT_SECRET = "voice", "a-secret-that-the-provider-gave-us"


@dataclass
class Provider:
    """As OpenID Connect Core 1.0 and RFC 7636 have it: the code flow, with a nonce and a proof key."""

    listens: socket.socket
    signed_in: dict[str, Any] | None = field(default_factory=lambda: {"sub": "1", "email": "anna@example.com"})
    """The claims of who sits at the browser; None: nobody, who would see a page."""
    lies: dict[str, Any] = field(default_factory=dict)
    """Claims that tokens have in place of the right ones."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """What came with each request for a login."""
    signer: Signer = field(default_factory=Signer)
    signs_with: Signer | None = None
    """Another key than the published one."""
    redirect: str = ""
    """The one address that people may be sent back to."""
    _codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        address, port = self.listens.getsockname()
        return f"http://{address}:{port}"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.signer.public]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        if asked.get("client_id") != CLIENT_ID or asked.get("redirect_uri") != self.redirect:
            return Response("this client, or this address, is not known", 400)
        if self.signed_in is None:
            return Response("a page that asks for a password")
        code = secrets.token_urlsafe()
        self._codes[code] = (asked, self.signed_in)
        return RedirectResponse(f"{self.redirect}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        client = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {client}":
            return JSONResponse({"error": "invalid_client"}, 401)
        # Good once.
        asked, who = self._codes.pop(form.get("code", ""), ({}, {}))
        proof = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not asked or asked.get("code_challenge") != proof or asked["redirect_uri"] != form.get("redirect_uri"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": int(time.time()),
            "nonce": asked["nonce"],
            "scope": None,
            "realm": None,
            **who,
            **self.lies,
        }
        token = (self.signs_with or self.signer).token(**claims)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token})


@contextmanager
def providing(address: str = "127.0.0.1") -> Iterator[Provider]:
    """A provider that runs, at an address of this machine."""
    provider = Provider(socket.create_server((address, 0)))
    server = uvicorn.Server(uvicorn.Config(provider.app(), log_level="warning"))
    thread = Thread(target=server.run, kwargs={"sockets": [provider.listens]}, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield provider
    finally:
        server.should_exit = True
        thread.join(timeout=10)
