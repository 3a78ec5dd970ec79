"""An identity provider's key, and the tokens that are signed with it, or as if."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://login.example.com/"
AUDIENCE = "voice"


def encoded(data: bytes) -> str:
    """Base64 as in tokens."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Published(ThreadingHTTPServer):
    """What a provider publishes at its `jwks_uri`."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.keys = keys
        self.away = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/jwks.json"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Published)
        body = json.dumps({"keys": server.keys}).encode()
        self.send_response(503 if server.away else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        """Says nothing."""


class Signer:
    """A provider: its public key as it is published, and its tokens."""

    def __init__(self, name: str = "first") -> None:
        self.name = name
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes(256, "big")
        self.public = {"kty": "RSA", "alg": "RS256", "kid": name, "n": encoded(modulus), "e": "AQAB"}

    @staticmethod
    def sha256(text: str) -> str:
        """In hexadecimal digits."""
        return hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def spliced(token: str, **claims: Any) -> str:
        """A token whose claims were changed after it was signed."""
        header, body, signature = token.split(".")
        said = json.loads(base64.urlsafe_b64decode(body + "=="))
        return f"{header}.{encoded(json.dumps(said | claims).encode())}.{signature}"

    @contextmanager
    def published(self) -> Iterator["Published"]:
        """A server on loopback that has the public key."""
        server = Published([self.public])
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()

    def token(self, alg: str = "RS256", **claims: Any) -> str:
        """A good token, or one with other claims; None: without."""
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "carla",
            "exp": int(time.time()) + 600,
            "scope": "tts other",
            "realm": {"roles": ["speaker"]},
        } | claims
        body = {claim: value for claim, value in said.items() if value is not None}
        header = {"alg": alg, "typ": "JWT", "kid": self.name}
        signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(body).encode())}"
        return f"{signed}.{encoded(self._signature(alg, signed.encode()))}"

    def _signature(self, alg: str, data: bytes) -> bytes:
        if alg == "none":
            return b""
        if alg == "HS256":  # with what everybody knows as the secret
            public = self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return hmac.digest(public, data, hashlib.sha256)
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
