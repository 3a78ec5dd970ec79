"""The kinds of value that a config is made of: each parses what a user writes, or says what would be right."""

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_IMAGE = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?"  # registry
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"  # name
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"  # tag, digest
)
_PORTS = re.compile(r"([0-9]{4,5})-([0-9]{4,5})")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_SHORT_DURATION = re.compile(r"([0-9]{1,6})(ms|s)")
_SIZE = re.compile(r"([0-9]{1,6})(m|g)")
_LONGEST = 7 * 24 * 3600
_LONGEST_SHORT = 600_000
_SHORTEST_SHORT = 50  # less is below what a busy machine keeps to
_SMALLEST = 16  # MiB; Docker refuses less than 6, and takes 0 for no limit
_FIRST_PORT, _LAST_PORT = 1024, 65535
_MAX_HOST_LENGTH = 253  # RFC 1035, 2.3.4
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_MEBIBYTES = {"m": 1, "g": 1024}


class Strict(BaseModel):
    """A mapping in the YAML: no unknown keys, no silent conversions, no change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def refused(reason: str, remedy: str) -> PydanticCustomError:
    """The error that a field raises: why the value is wrong, and what would be right."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "remedy": remedy})


def mapping_as(example: str) -> BeforeValidator:
    """What shows an ``example`` to whoever wrote a mere word or number where a mapping is read."""

    def checked(value: Any) -> Any:
        if not isinstance(value, dict | BaseModel):
            raise refused("is not a mapping", f"Write it as in {example}")
        return value

    return BeforeValidator(checked)


def _name(value: str) -> str:
    if not _LABEL.fullmatch(value) or len(value) > 32:  # noqa: PLR2004
        raise refused(
            "is not a name",
            "Use at most 32 lower-case letters, digits and inner hyphens, as in 'cosy' or 'project-x'",
        )
    return value


def is_host_name(text: str) -> bool:
    """Whether a text is a host name that DNS can carry (RFC 1123), and not an IP address."""
    labels = text.split(".")
    return (
        len(text) <= _MAX_HOST_LENGTH and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    )


def _domain(value: str) -> str:
    if not is_host_name(value):
        raise refused(
            "is not a domain name",
            "Use lower-case labels joined by dots, with no scheme, port or path, as in 'voice.example.com'",
        )
    return value


def _host_template(value: str) -> str:
    filled = value.replace("{domain}", "example.com").replace("{n}", "1")
    if not is_host_name(filled):
        raise refused(
            "is not a host name",
            "Use a host name in which {domain} and {n} may stand, as in 'cosy{n}.{domain}'; "
            "a path prefix goes into routes.path",
        )
    return value


def _path_prefix(value: str) -> str:
    if value == "/":
        return value
    segments = value.split("/")
    if segments[0] != "" or not all(_PATH_SEGMENT.fullmatch(segment) for segment in segments[1:]):
        raise refused(
            "is not a path prefix",
            "Start with '/', end without one, and use letters, digits, '-', '_', '~' and inner dots, "
            "as in '/vibevoice/project-x'",
        )
    return value


def _url_path(value: str) -> str:
    if not re.fullmatch(r"/[\x21-\x7e]*", value):
        raise refused("is not a URL path", "Start with '/' and use no spaces, as in '/health'")
    return value


def _directory(value: str) -> str:
    segments = value.split("/")[1:]
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", value) or {".", ".."} & set(segments):
        raise refused("is not an absolute directory", "Write it from the root, as in '/root/outputs'")
    return value


def _bind_address(value: str) -> str:
    try:
        IPv4Address(value)
    except AddressValueError as error:
        raise refused(
            "is not an IPv4 address",
            "Use 127.0.0.1 for this machine only, 0.0.0.0 for every interface, or one interface's address",
        ) from error
    return value


def is_ip_address(text: str) -> bool:
    """Whether a text is an IPv4 address."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _private_address(value: str) -> str:
    address = IPv4Address(value) if is_ip_address(value) else None
    if address is None or not address.is_private or address.is_unspecified or address.is_loopback:
        # What is published there has no login of its own, so it never is where everybody is.
        raise refused(
            "is not a private IPv4 address",
            "Use the host's own address on a network that only your hosts are on (10.…, 172.16.…, 192.168.…), "
            "as a VPN such as WireGuard gives one too",
        )
    return value


def _address(value: str) -> str:
    if is_ip_address(value):
        return _private_address(value)
    if not is_host_name(value):
        raise refused(
            "is neither an IPv4 address nor a host name", "Write it as in '10.0.0.7' or 'gpu-2.internal', with no port"
        )
    return value


def _port_range(value: str) -> str:
    match = _PORTS.fullmatch(value)
    if not match or not _FIRST_PORT <= int(match[1]) <= int(match[2]) <= _LAST_PORT:
        raise refused(
            "is not a range of ports",
            f"Write the first and the last, from {_FIRST_PORT} to {_LAST_PORT}, as in '20000-20999'",
        )
    return value


def ports_of(written: str) -> range:
    """The ports of a range as it is written, `20000-20999`, its last one included."""
    first, last = written.split("-")
    return range(int(first), int(last) + 1)


def _image(value: str) -> str:
    name = value.rpartition("/")[2]
    if not _IMAGE.fullmatch(value) or not (":" in name or "@" in name):
        raise refused(
            "is not an image reference with a tag or digest",
            "Write name:tag or name@sha256:…, as in 'ollama/ollama:0.12.0'",
        )
    return value


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise refused("is not an environment variable's name", "Use letters, digits and '_', as in 'MODEL_DIR'")
    return value


def _variable_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise refused(
            "is a YAML boolean, which programs read in different ways", 'Quote what is meant, as in "true" or "1"'
        )
    if isinstance(value, str) and "\0" in value:
        raise refused("has a NUL character, which no environment can hold", "Remove it")
    return str(value) if isinstance(value, int | float) else value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise refused("is not a header's name", "Use letters, digits and hyphens, as in 'X-Model-Version'")
    return value


def _distinct_headers(value: dict[str, str]) -> dict[str, str]:
    first_written: dict[str, str] = {}
    for name in value:
        if (first := first_written.setdefault(name.casefold(), name)) != name:
            raise refused(f"has the header {name} twice, the other time as {first}", "Write it once")
    return value


def _header_value(value: str) -> str:
    if not _HEADER_VALUE.fullmatch(value):
        raise refused("is not a header's value", "Use printable ASCII on one line")
    return value


def _seconds(value: Any) -> Any:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("is not a duration", "Write a whole number with s, m or h, as in '30s' or '5m'")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 1 <= seconds <= _LONGEST:
        raise refused("is not a duration that makes sense here", "Use at least 1s and at most 168h, a week")
    return seconds


def _milliseconds(value: Any) -> Any:
    match = _SHORT_DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("is not a short duration", "Write a whole number with ms or s, as in '500ms' or '2s'")
    milliseconds = int(match[1]) * (1 if match[2] == "ms" else 1000)
    if not _SHORTEST_SHORT <= milliseconds <= _LONGEST_SHORT:
        raise refused("is not a short duration that makes sense here", "Use at least 50ms and at most 600s")
    return milliseconds


def _mebibytes(value: Any) -> Any:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused("is not a size", "Write a whole number with m (MiB) or g (GiB), as in '512m' or '8g'")
    size = int(match[1]) * _MEBIBYTES[match[2]]
    if size < _SMALLEST:
        raise refused("is too small", f"Use at least {_SMALLEST}m")
    return size


def size_text(mebibytes: int) -> str:
    """A size as one writes it: `8g` where it is whole, else `8500m`."""
    gibibytes, rest = divmod(mebibytes, _MEBIBYTES["g"])
    return f"{mebibytes}m" if rest else f"{gibibytes}g"


def _as_written(pattern: re.Pattern[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


Name = Annotated[str, AfterValidator(_name)]
Domain = Annotated[str, AfterValidator(_domain)]
HostTemplate = Annotated[str, AfterValidator(_host_template)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
Directory = Annotated[str, AfterValidator(_directory)]
BindAddress = Annotated[str, AfterValidator(_bind_address)]
PrivateAddress = Annotated[str, AfterValidator(_private_address)]
"""An IPv4 address that only machines of one's own reach."""
Address = Annotated[str, AfterValidator(_address)]
"""Such an address, or a host name."""
PortRange = Annotated[
    str, AfterValidator(_port_range), WithJsonSchema({"type": "string", "pattern": f"^{_PORTS.pattern}$"})
]
"""Ports from the first to the last, as in `20000-20999`."""
ImageReference = Annotated[str, AfterValidator(_image)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, BeforeValidator(_seconds), _as_written(_DURATION)]
"""A duration as ``30s``, ``5m`` or ``2h``; in seconds once read."""
Milliseconds = Annotated[int, BeforeValidator(_milliseconds), _as_written(_SHORT_DURATION)]
"""A short duration as ``500ms`` or ``2s``; in milliseconds once read."""
Mebibytes = Annotated[int, BeforeValidator(_mebibytes), _as_written(_SIZE)]
"""A size as ``512m`` or ``8g``; in MiB once read."""
VariableName = Annotated[str, AfterValidator(_variable)]
Environment = dict[
    VariableName,
    Annotated[str, BeforeValidator(_variable_value), WithJsonSchema({"type": ["string", "number"]})],
]
HeaderName = Annotated[str, AfterValidator(_header)]
HeaderText = Annotated[str, AfterValidator(_header_value)]
Headers = Annotated[
    dict[HeaderName, HeaderText],
    AfterValidator(_distinct_headers),
]
