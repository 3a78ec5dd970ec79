"""What only the whole config can know about the front door, and what the pieces behind it must not be older than."""

import re
from collections.abc import Iterator, Mapping

from pulumi_tts.config import versions
from pulumi_tts.config.edge import Edge
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.problems import Problem, shown

FRAMING = ("Content-Security-Policy", "X-Frame-Options")
"""Headers by which it says who may frame a page, where the config names any."""

HSTS = ("Strict-Transport-Security",)
"""The header by which it keeps browsers to HTTPS, where it does."""

_VERSION = re.compile(r":v([0-9]+)\.([0-9]+)\.([0-9]+)(-alpine)?$")
Version = tuple[int, ...]

LEAST: dict[str, tuple[Version, str]] = {
    "traefik": (
        (3, 7, 13),
        "before it, Traefik passes on h2c upgrades that it did not negotiate and skips client certificates "
        "(CVE-2026-114656), has no way to refuse X.Forwarded.For (3.7.12, CVE-2026-88011), lets X_Auth_User by its "
        "logins (3.7.6, CVE-2026-54763), and /a../b by those of /b (3.7.3, CVE-2026-48020)",
    ),
    "envoy": (
        (1, 40, 0),
        "the ways out were tried with no older one's upstream_rbac, by which they refuse private addresses; before "
        "1.39.1, what a client sends ahead of an upgrade is taken for another client's request (CVE-2026-73548), and "
        "/a/..;/b is not /b (CVE-2026-73551)",
    ),
    "oauth2-proxy": (
        (7, 15, 2),
        "before it, whoever may say X-Forwarded-Uri comes in without a session (GHSA-7x63-xv5r-3p2x), and an address "
        "with two @ is of the domain of the last (GHSA-c5c4-8r6x-56w3)",
    ),
}
"""The oldest release of each that this package runs, and what is wrong with those before it."""


def front_checks(edge: Edge, pools: Mapping[int, Pool]) -> Iterator[Problem]:
    """What is wrong between the front door and headers, the edge's and those of pools by their place in the YAML."""
    written = {"edge": edge.headers, **{f"pools[{at}]": pool.headers for at, pool in pools.items()}}
    for path, headers in written.items():
        for name in _among(headers, FRAMING if edge.framed_by else ()):
            yield Problem(
                f"{path}.headers.{name}",
                shown(headers[name]),
                "says who may frame a page, and so does edge.framed_by, for all pools",
                "Write one of them",
            )
        for name in _among(headers, HSTS if edge.https and edge.https.keeps_to_https else ()):
            yield Problem(
                f"{path}.headers.{name}",
                shown(headers[name]),
                "does nothing: edge.tls.hsts takes its place on every answer",
                "Write edge.tls.hsts",
            )


def version_checks() -> Iterator[Problem]:
    """Which images of versions.toml are older than they may be, and why that matters."""
    known = versions.images()
    running = {"traefik": known.traefik, "envoy": known.envoy, "oauth2-proxy": known.oauth2_proxy}
    for name, reference in running.items():
        least, reason = LEAST[name]
        match = _VERSION.search(reference)
        if not match or tuple(int(part) for part in match.groups()[:3]) < least:
            yield Problem(
                f"versions.toml: images.{name}.registry",
                shown(reference),
                f"is not known to be {'.'.join(map(str, least))} or newer: {reason}",
                f"Use {name} {'.'.join(map(str, least))} or newer, named by its full version",
            )


def _among(written: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    wanted = {name.casefold() for name in names}
    return [name for name in written if name.casefold() in wanted]
