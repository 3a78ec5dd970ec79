"""Certificates as people have them: PEM text, or a file of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from pulumi_tts.config.fields import refused

_BEGIN = "-----BEGIN "
_KEY = "PRIVATE KEY-----"
_LARGEST = 1 << 20  # bytes; a file of all authorities that browsers trust has a quarter of that


def _text(value: Any) -> Any:
    """The text itself, or that of the file which is named; read here, so that a plan depends on nothing but itself."""
    if not isinstance(value, str) or _BEGIN in value:
        return value
    path = Path(value).expanduser()
    try:
        if path.stat().st_size > _LARGEST:
            raise refused("is a file too large for certificates", "Name the file that has them in PEM form")
        return path.read_text("ascii")
    except (OSError, ValueError) as error:
        raise refused(
            f"is neither PEM text nor a file of it ({getattr(error, 'strerror', None) or 'not text'})",
            "Write the text, from -----BEGIN CERTIFICATE----- on, or a file's path from the project's folder",
        ) from None


def _certificates(value: str) -> str:
    if _KEY in value:
        raise refused(
            "has a private key in it", "Leave only certificates; keep the key with pulumi config set --secret"
        )
    try:
        chain(value)
    except ValueError:
        raise refused("is not a certificate in PEM form", "It begins with -----BEGIN CERTIFICATE-----") from None
    return value


Pem = Annotated[
    str, BeforeValidator(_text), AfterValidator(_certificates), WithJsonSchema({"type": "string", "minLength": 1})
]
"""One or more certificates, as PEM text or a file's path; text once read."""


def chain(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, in their order. Raises ValueError where there is none, or one is broken."""
    return x509.load_pem_x509_certificates(pem.encode())


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names that a certificate is for, wildcards among them, in lower case."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


def covers(names: Iterable[str], host: str) -> bool:
    """Whether one of a certificate's names is the host's; `*.a` stands for one label below `a`."""
    parent = host.partition(".")[2]
    return any(name == host or (name.startswith("*.") and name[2:] == parent) for name in names)


def has_expired(certificate: x509.Certificate, now: datetime | None = None) -> bool:
    """Whether its time is over."""
    return certificate.not_valid_after_utc <= (now or datetime.now(UTC))


def fits(certificate: str, key: str) -> bool:
    """Whether a private key, as PEM text without a passphrase, is that of the first certificate of a chain.

    Raises ValueError where the key is none that can be read.
    """
    try:
        public = load_pem_private_key(key.encode(), password=None).public_key()
    except TypeError as error:  # it has a passphrase
        raise ValueError(str(error)) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return public.public_bytes(*form) == chain(certificate)[0].public_key().public_bytes(*form)
