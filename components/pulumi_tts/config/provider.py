"""Addresses of an identity provider: what is fetched there decides who comes in."""

import re
from ipaddress import ip_address

from pulumi_tts.config.fields import refused

_ADDRESS = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?")
_LAST_PORT = 65535


def provider_address(value: str, what: str, example: str) -> re.Match[str]:
    """The `scheme` and the `host` of an address.

    Raises where it is not ``what`` it should be, as ``example``, or where somebody on the way could change what it
    says.
    """
    match = _ADDRESS.fullmatch(value)
    if not match or not 1 <= int(match["port"] or 443) <= _LAST_PORT:
        raise refused(f"is not {what}", f"Write it as in '{example}'")
    if match["scheme"] == "http" and not _stays_inside(match["host"]):
        raise refused(
            "would fetch keys in the clear: who is on the way could let anybody in",
            "Write https://; http:// is taken for a container's name or a private address",
        )
    return match


def _stays_inside(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host
