"""Certificates of an authority of the stack's own, which follow from a secret seed and the day, so that nothing changes
until something has to.

Keys are drawn from the seed (HKDF), signatures have no chance in them (RFC 6979), and dates are those of the quarter.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF = timedelta(days=366)
"""The longest that Mozilla's intermediate guideline allows."""

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of that curve (SEC 2, 2.4.2)
_WIDE = 48  # bytes drawn for a key: sixteen more than it has, so that none is likelier than another
_SERIAL = 16  # bytes
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_LAST_DAY = datetime(2056, 1, 1, tzinfo=UTC)
_MONTHS = 3


@dataclass(frozen=True, slots=True)
class SelfSigned:
    """What the edge shows, and what people trust; PEM."""

    ca: str
    certificate: str
    key: str


def self_signed(seed: str, domain: str, names: Iterable[str], now: datetime) -> SelfSigned:
    """An authority that can sign for ``domain`` and for ``names``, and a certificate by it for these names.

    The same ``seed``, names and quarter of a year give the same bytes. The authority changes with names outside of
    the domain alone.
    """
    names = sorted(set(names))
    ca_key, leaf_key = _key(seed, "authority"), _key(seed, "edge")
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pulumi-tts: {domain}"[:64])])
    ca = _signed(_authority(who, ca_key, [domain, *names]), ca_key)
    leaf = _signed(_leaf(who, leaf_key, ca_key, names, _quarter(now)), ca_key)
    key = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SelfSigned(ca, leaf, key.decode())


def _key(seed: str, use: str) -> ec.EllipticCurvePrivateKey:
    drawn = HKDF(hashes.SHA256(), _WIDE, salt=None, info=f"pulumi-tts {use} key".encode()).derive(seed.encode())
    return ec.derive_private_key(int.from_bytes(drawn, "big") % (_ORDER - 1) + 1, _CURVE)


def _quarter(now: datetime) -> datetime:
    return datetime(now.year, (now.month - 1) // _MONTHS * _MONTHS + 1, 1, tzinfo=UTC)


def _authority(who: x509.Name, key: ec.EllipticCurvePrivateKey, names: list[str]) -> x509.CertificateBuilder:
    """Trusting it is trusting it with these names, and with no address."""
    permitted = [x509.DNSName(name) for name in _roots(names)]
    nowhere = [x509.IPAddress(ip_network(everything)) for everything in ("0.0.0.0/0", "::/0")]
    usage = _usage(key_cert_sign=True, crl_sign=True)
    return (
        _builder(who, who, key, since=_FIRST_DAY, until=_LAST_DAY, names=permitted)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, nowhere), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _leaf(
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ca: ec.EllipticCurvePrivateKey,
    names: list[str],
    since: datetime,
) -> x509.CertificateBuilder:
    listed = [x509.DNSName(name) for name in names]
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())
    return (
        _builder(x509.Name([]), issuer, key, since=since, until=since + LEAF, names=listed)
        .add_extension(x509.SubjectAlternativeName(listed), critical=True)  # for it has no subject (RFC 5280, 4.2.1.6)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(by, critical=False)
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    since: datetime,
    until: datetime,
    names: list[x509.DNSName],
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Two certificates of one authority must not share a serial number (RFC 5280, 4.1.2.2); it is positive.
    told = f"{since:%Y-%m-%d} {' '.join(name.value for name in names)}".encode() + identifier.digest
    serial = int.from_bytes(hashlib.sha256(told).digest()[:_SERIAL], "big") >> 1 or 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(since)
        # To the second before, as both ends count.
        .not_valid_after(until - timedelta(seconds=1))
        .add_extension(identifier, critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.PEM).decode()


def _roots(names: Iterable[str]) -> list[str]:
    """The names of which all others are below one; a name permits everything below it."""
    bare = sorted({name.removeprefix("*.") for name in names})
    return [name for name in bare if not any(name.endswith(f".{other}") for other in bare)]


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
