"""Traefik's TLS: what it is started with for HTTPS and ACME, and the file of certificates and options."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pulumi_tts.plan.tls import LETS_ENCRYPT, AcmePlan, Challenge, DnsPlan, TlsPlan, TlsProfile
from pulumi_tts.render.yaml_file import Tree, yaml_text

HTTPS, HTTP = "websecure", "web"
"""The entry points' names."""

ACME_FOLDER = "/acme"
"""Where the volume with the account and its certificates is mounted, writable."""

_RESOLVER = "acme"
HSTS = "edge_hsts"
"""The middleware that keeps browsers to HTTPS; every answer over it passes."""
_ORDERS = "edge_certificates"
_CA = "acme-ca.pem"
_READ_ONCE = "PULUMI_TTS_READ_ONCE"

# Mozilla's guideline 6.0 (ssl-config.mozilla.org, `intermediate`), by Go's names. Of TLS 1.3 Go has exactly its three
# suites, and gives no choice. Session tickets are off, as in the configurations that Mozilla writes: Go makes new keys
# for them every day, but keeps the old ones for a week, with which a recorded session could be read.
_CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]
_CURVES = ["X25519MLKEM768", "X25519", "CurveP256", "CurveP384"]


def entry_point(*, https: bool) -> str:
    """Where clients come in: a plain port beside HTTPS does nothing but send them there."""
    return HTTPS if https else HTTP


def tls_arguments(tls: TlsPlan, entry_points: Iterable[str], directory: str, acme_folder: str) -> tuple[str, ...]:
    """Traefik's command line for TLS on these entry points, with what lies in ``directory``."""
    return (
        # `:443` and not the entry point's name: what is published outside has another port than the container.
        f"--entryPoints.{HTTP}.http.redirections.entryPoint.to=:{tls.port}",
        f"--entryPoints.{HTTP}.http.redirections.entryPoint.scheme=https",
        f"--entryPoints.{HTTP}.http.redirections.entryPoint.permanent=true",
        *(f"--entryPoints.{name}.http.tls=true" for name in entry_points),
        *(_acme_arguments(tls.acme, directory, acme_folder) if tls.acme else ()),
    )


def _acme_arguments(acme: AcmePlan, directory: str, folder: str) -> Iterator[str]:
    resolver = f"--certificatesResolvers.{_RESOLVER}.acme"
    yield f"{resolver}.email={acme.email}"
    yield f"{resolver}.storage={folder}/{acme_file(acme.server)}"
    yield f"{resolver}.caServer={acme.server}"
    if acme.ca:
        yield f"{resolver}.caCertificates={directory}/{_CA}"
    yield f"{resolver}.keyType={acme.key_type.value}"
    yield f"{resolver}.certificatesDuration={acme.hours}"
    match acme.challenge:
        case DnsPlan() as dns:
            yield f"{resolver}.dnsChallenge.provider={dns.provider}"
            if dns.resolvers:
                yield f"{resolver}.dnsChallenge.resolvers={','.join(dns.resolvers)}"
            if dns.wait:
                yield f"{resolver}.dnsChallenge.propagation.disableChecks=true"
                yield f"{resolver}.dnsChallenge.propagation.delayBeforeChecks={dns.wait}s"
        case Challenge.http:
            yield f"{resolver}.httpChallenge.entryPoint={HTTP}"
        case Challenge.tls_alpn:
            yield f"{resolver}.tlsChallenge=true"


def acme_file(server: str) -> str:
    """The file on the volume of what one ACME server gave: Traefik would keep another's certificates until they end,
    and those of a server for trials are trusted by nobody."""
    return "acme.json" if server == LETS_ENCRYPT else f"acme-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"


def tls_files(tls: TlsPlan, secrets: Mapping[str, str]) -> dict[str, str]:
    """The files that Traefik reads once, when it starts: who signs the ACME server, and the DNS provider's secrets.

    ``secrets`` are those of the config, by their keys.
    """
    if not tls.acme:
        return {}
    ca = {_CA: tls.acme.ca} if tls.acme.ca else {}
    return ca | {name: secrets[key] for name, key in _dns_secrets(tls.acme)}


def tls_environment(tls: TlsPlan, directory: str, secrets: Mapping[str, str], seed: str) -> list[str]:
    """Traefik's environment, as `NAME=value`: what the DNS provider wants, and of secrets where their files are.

    With it goes a fingerprint of what is read once, so that another content makes another edge. ``seed`` is a secret of
    the stack's, without which nobody can try whether a guess has the same one.
    """
    files = tls_files(tls, secrets)
    told = [f"{_READ_ONCE}={_fingerprint(files, seed)}"] if files else []
    if tls.acme and isinstance(tls.acme.challenge, DnsPlan):
        told += [f"{name}_FILE={directory}/{name}" for name, _ in tls.acme.challenge.secrets]
        told += [f"{name}={value}" for name, value in tls.acme.challenge.settings]
    return sorted(told)


def tls_file(tls: TlsPlan, pairs: Iterable[tuple[str, str]], orders: Sequence[tuple[str, ...]]) -> str:
    """The file of TLS options, certificates and private keys, all of which change while Traefik runs.

    ``pairs`` are certificates with their keys, as PEM; ``orders`` are the names of each certificate that Traefik has
    to order, if any.
    """
    http: Tree = {"middlewares": {HSTS: {"headers": {"stsSeconds": tls.hsts}}}}
    if orders:
        # It matches nothing; it says which certificates there have to be. If routes said so, each of the hundred that
        # share one would.
        http["routers"] = {
            _ORDERS: {
                "rule": f"Host(`{_ORDERS.replace('_', '-')}.invalid`)",
                "entryPoints": [HTTPS],
                "service": "noop@internal",
                "tls": {"certResolver": _RESOLVER, "domains": [_domain(names) for names in orders]},
            }
        }
    section: Tree = {"options": {"default": _options(tls.profile)}}
    # Keys are in this file and not beside it: a certificate and its key arrive together, or not yet.
    if certificates := [{"certFile": certificate, "keyFile": key} for certificate, key in pairs]:
        section["certificates"] = certificates
    return yaml_text({"tls": section, "http": http})


def _options(profile: TlsProfile) -> Tree:
    # A name that is not ours gets no certificate, and no answer.
    common: Tree = {"sniStrict": True, "disableSessionTickets": True, "curvePreferences": _CURVES}
    if profile is TlsProfile.modern:
        return {"minVersion": "VersionTLS13", **common}
    return {"minVersion": "VersionTLS12", "cipherSuites": _CIPHERS, **common}


def _domain(names: tuple[str, ...]) -> Tree:
    main, *others = names
    return {"main": main, **({"sans": others} if others else {})}


def _dns_secrets(acme: AcmePlan) -> tuple[tuple[str, str], ...]:
    return acme.challenge.secrets if isinstance(acme.challenge, DnsPlan) else ()


def _fingerprint(files: Mapping[str, str], seed: str) -> str:
    told = "\0".join(f"{name}\0{content}" for name, content in sorted(files.items()))
    return hmac.digest(seed.encode(), told.encode(), "sha256").hex()[:8]
