"""A Docker host, and the graphics cards in it."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from pulumi_tts.config.fields import (
    Address,
    Mebibytes,
    Name,
    PortRange,
    PrivateAddress,
    Strict,
    is_ip_address,
    ports_of,
    refused,
)

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GPU_ID = re.compile(rf"\d{{1,3}}|GPU-{_UUID}|MIG-{_UUID}|MIG-GPU-{_UUID}/\d+/\d+")


def _endpoint(value: str) -> str:
    try:
        url = urlsplit(value)
        there = bool(url.path) if url.scheme == "unix" else bool(url.hostname)
        right = url.scheme in ("unix", "ssh", "tcp") and there and (url.port is None or url.port > 0)
    except ValueError:  # a port that is none, or a bracket that is not closed
        right = False
    if not right:
        raise refused(
            "is not where a Docker engine can answer",
            "Write unix:///var/run/docker.sock, ssh://user@host or tcp://host:port",
        )
    return value


def _folder(value: str) -> str:
    if not value.startswith(("/", "~/")):
        raise refused(
            "is not a folder written from the root or the home folder", "Write it as in '~/.docker/gpu-2' or '/etc/…'"
        )
    return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _gpu_id(value: str) -> str:
    if not _GPU_ID.fullmatch(value):
        raise refused(
            "is not a card's id",
            "Use an index such as 0, or a whole id that `nvidia-smi -L` prints: GPU-… or, for a part of a card, MIG-…",
        )
    return value


GpuId = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_gpu_id),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^({_GPU_ID.pattern})$"}]}
    ),
]
"""A card as NVIDIA's tools call it: its index, its UUID, or the UUID of a MIG device."""


class Mps(Strict):
    """How the instances on a card with NVIDIA's Multi-Process Service share it."""

    threads: Annotated[int, Field(ge=1, le=100)] | None = None
    """How much of the card each process of an instance may use at once, in percent of its threads. Default: all of it;
    they share what there is."""


MPS_TAGS = ("<yes or no>", "<mps>")
MpsField = Annotated[
    Annotated[bool, Tag(MPS_TAGS[0])] | Annotated[Mps, Tag(MPS_TAGS[1])],
    Discriminator(lambda value: MPS_TAGS[isinstance(value, dict | Mps)]),
]


class Gpu(Strict):
    """A graphics card, or a MIG device, that instances are placed on."""

    id: GpuId
    """Its index, its UUID (`GPU-…`), or a MIG device's (`MIG-…`); `nvidia-smi -L` prints them."""
    vram: Mebibytes
    """Its memory, as `nvidia-smi` reports it; a card sold as 24 GB may have 23034m."""
    reserve: Mebibytes = 1024
    """What is left free of it, for the driver, a screen, and peaks above the engines' own figures. Default: 1g."""
    mps: MpsField = False
    """Whether its instances run on it side by side, by NVIDIA's Multi-Process Service, each of their processes held to
    the `vram` of its engine; whole cards only. Default: no, they take turns (time-slicing)."""

    @property
    def multi_process(self) -> Mps | None:
        """How instances share it by MPS; absent where they take turns."""
        return self.mps if isinstance(self.mps, Mps) else Mps() if self.mps else None

    @property
    def is_mig(self) -> bool:
        """Whether this is a part of a card."""
        return self.id.startswith("MIG-")

    @property
    def room(self) -> int:
        """What instances may take together, in MiB."""
        return self.vram - self.reserve

    @model_validator(mode="after")
    def _has_room(self) -> "Gpu":
        if self.room <= 0:
            raise refused(
                f"reserves {self.reserve}m of {self.vram}m, which leaves nothing for instances",
                "Make reserve smaller than vram",
            )
        return self

    @model_validator(mode="after")
    def _shares_a_whole_card(self) -> "Gpu":
        if self.is_mig and self.multi_process:
            raise refused(
                "has mps, and is a MIG device: a part of a card, which is divided already",
                "Take mps out, or split the card less and list it whole",
            )
        return self


class Host(Strict):
    """A machine with a Docker engine that instances run on."""

    name: Name = "local"
    """The host's name in plans and messages."""
    docker: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Where Docker answers: `unix://…`, `ssh://…` or `tcp://…`. Default: what `DOCKER_HOST` says, else this machine.

    Keys and options of `ssh://` are what `~/.ssh/config` says."""
    certificates: Annotated[str, AfterValidator(_folder)] | None = None
    """For `tcp://` with TLS: the folder with `ca.pem`, `cert.pem` and `key.pem`, on the machine that runs Pulumi.

    Only the folder's name is kept in Pulumi's state. Default: what `DOCKER_CERT_PATH` says."""
    address: Address | None = None
    """Where the edge's host reaches this one: a private IPv4 address, or a name. The edge's own host, the first,
    has none, and neither `bind` nor `ports`."""
    bind: PrivateAddress | None = None
    """The address of this host on which its instances' ports are published. Default: `address`, if it is an IP."""
    ports: PortRange = "20000-20999"
    """The ports that instances get on that address, from the lowest free one up. Default: 20000-20999.

    The last one is not an instance's: on it the keeper reaches the host's Docker, through a socket proxy."""
    gpus: list[Gpu] = []
    """The cards that instances may use. Default: none."""
    mig: bool = False
    """Whether cards of this host are split by MIG, so that `gpus` may list MIG devices. Default: no."""

    @property
    def published_on(self) -> str | None:
        """The IPv4 address that instances' ports are published on, if the config says one."""
        return self.bind or (self.address if self.address and is_ip_address(self.address) else None)

    @property
    def instance_ports(self) -> range:
        """The ports that instances may get."""
        return ports_of(self.ports)[:-1]

    @property
    def proxy_port(self) -> int:
        """The port of the socket proxy: always the last one, so that no instance ever has it."""
        return ports_of(self.ports)[-1]

    @model_validator(mode="after")
    def _certificates_have_a_use(self) -> "Host":
        if self.certificates and not (self.docker or "").startswith("tcp://"):
            raise refused(
                "has certificates for an endpoint without TLS",
                "Write docker: tcp://host:2376, or take certificates out",
            )
        return self
