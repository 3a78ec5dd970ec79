"""What an engine's profile says: how its container is started, and how one knows that it is ready."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pulumi_tts.config.fetching import FetchesFrom
from pulumi_tts.config.fields import (
    Directory,
    Environment,
    ImageReference,
    Mebibytes,
    Port,
    Seconds,
    Strict,
    UrlPath,
    VariableName,
    refused,
)
from pulumi_tts.config.problems import did_you_mean
from pulumi_tts.config.weights import Weights

Command = Annotated[list[str], Field(min_length=1)]
Cards = Annotated[int, Field(ge=1, le=8)]
Slots = Annotated[int, Field(ge=1, le=256)]
User = Annotated[str, Field(pattern=r"^[0-9]+(:[0-9]+)?$")]
ContentType = Annotated[str, Field(pattern=r"^(none|websocket|[a-z]+/[a-z0-9.+-]+)$")]

SLOTS = 2
"""Of an API that does not say how many requests it works on at once."""


class Kind(StrEnum):
    """What clients find behind an engine's port."""

    api = "api"
    """Programs call it: never compressed, any instance can answer any request."""
    ui = "ui"
    """People open it in a browser: pages are compressed, and a session stays on its instance."""


KindField = Annotated[Kind, Field(strict=False)]


BUILT_HERE = (
    "cosyvoice3",
    "indextts",
    "stable-diffusion-webui",
    "studio",
    "vibevoice",
    "vibevoice-realtime",
    "voice",
)
"""The folders of `services/` and `engines/` that an image can be built from."""


def _built_here(value: str) -> str:
    if value not in BUILT_HERE:
        raise refused("is not a folder of services/ or engines/", did_you_mean(value, BUILT_HERE))
    return value


class Health(Strict):
    """How Docker and the edge find out whether an instance is ready for traffic."""

    command: Command
    """Run inside the container, without a shell; exit status 0 means ready."""
    path: UrlPath
    """What the edge asks for; any status below 400 means ready."""
    interval: Seconds = 10
    """Time between two checks. Default: 10s, as in the source documents."""
    timeout: Seconds = 5
    """How long one check may take. Default: 5s, as in the source documents."""
    retries: Annotated[int, Field(ge=1, le=20)] = 3
    """Failed checks in a row before the container counts as unhealthy. Default: 3, as in Docker."""
    startup: Seconds = 60
    """How long the engine may take to load before failed checks count, and how long `up` waits for it."""
    prompt: bool = False
    """Whether `path` answers within a moment however busy the engine is, so that the guard may ask often and give up
    early. Default: no, the guard is then as patient as the container's own check."""

    @property
    def longest_start(self) -> int:
        """How long after its start, in seconds, Docker may take to call an instance healthy or unhealthy."""
        return self.startup + self.retries * (self.interval + self.timeout)


class Audio(Strict):
    """How long an engine's answers sound, for who counts that: by their size and content type, never by their text."""

    rate: Annotated[int, Field(ge=1000, le=384_000)]
    """Samples a second of what is not compressed; WAV and raw samples are counted exactly. An answer that says so
    itself (`audio/pcm;rate=24000`) is believed, and so is one with the header X-Audio-Seconds."""
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    """Of what is not compressed. Default: 1."""
    bits: Literal[8, 16, 24, 32] = 16
    """A sample of what is not compressed. Default: 16."""
    raw: list[ContentType] = ["audio/pcm", "audio/l16"]
    """Content types of samples without a header; `none` for an answer that names none, `websocket` for what one
    carries. Default: audio/pcm and audio/l16."""
    kilobits: dict[ContentType, Annotated[float, Field(gt=0, le=10_000, strict=False)]] = {}
    """Of what is compressed: the nominal thousands of bits a second, by content type, as in `{audio/mpeg: 64}`; what is
    counted is then as good as these are. Default: none, and nothing of it is counted."""


class Profile(Strict):
    """An engine: everything that is the same for each of its instances, wherever it runs."""

    image: ImageReference | None = None
    """The image to run. Absent for the engines that this package builds itself."""
    build: Annotated[str, AfterValidator(_built_here)] | None = None
    """The folder of `services/` or `engines/` that the image is built from, instead of `image`."""
    weights: Weights | None = None
    """The model that is built into the image, fetched into a volume, or named by the command. Default: the engine's own
    affair."""
    command: Command | None = None
    """The container's command. Default: the image's own."""
    environment: Environment = {}
    """Environment variables; a pool's own are added to these."""
    port: Port
    """Where the engine listens inside its container."""
    health: Health
    """How to know that it is ready."""
    kind: KindField = Kind.api
    """`api` or `ui`."""
    base_path_variable: VariableName | None = None
    """The environment variable that tells a UI its stripped path prefix, such as `GRADIO_ROOT_PATH`."""
    own_host: bool = False
    """Whether its pages ask for absolute paths, so that a path prefix is refused. Default: no."""
    outputs: Directory | None = None
    """The directory that holds what the engine makes; each instance gets a volume there. Default: none."""
    outputs_hold_more: bool = False
    """Whether that directory also holds what users or the engine keep, such as settings or voices; `outputs_limit`,
    which removes the oldest files there, is then refused. Default: no."""
    models: Directory | None = None
    """The directory of models that are not in the image; a pool's instances share one volume there. Default: none."""
    slots: Slots | None = None
    """How many requests one instance works on at once; the guard sends it no more. Default: 2 for an API (one card is
    saturated by about 4 streams, and each comes later the more there are); a UI's are not counted, since its pages hold
    many open and its engine has a queue of its own."""
    slots_variable: VariableName | None = None
    """The environment variable that tells the engine its slots, such as `VOICE_SLOTS`. Default: none."""
    traces: bool = False
    """Whether it understands OpenTelemetry's variables: it is then told where its spans go (`OTEL_…`), if the stack is
    traced and its instance is guarded and on the edge's host. Default: no."""
    fetches_from: FetchesFrom = []
    """The hosts that it fetches models from by itself, as in `huggingface.co`, `*.hf.co` (all below it) or
    `mirror.example.com:8443`; by HTTPS and HTTP on their usual ports, or on the port that is written. Its instances
    reach these through a proxy of their pool's, which takes no name for a private address, and nothing else. A server
    on a private address is its IPv4 address, or `{host: hub.internal, address: 10.0.0.7}`. `any`: the whole internet,
    and your network. Default: none, no way out."""
    user: User = "10001:10001"
    """`uid` or `uid:gid` that the engine runs as."""
    read_only: bool = True
    """Whether the container's root file system is read-only; `writable` directories stay writable."""
    writable: list[Directory] = ["/tmp"]  # noqa: S108  a path inside the container
    """Directories kept in memory (tmpfs) that the engine may write to. Default: `/tmp`."""
    memory: Mebibytes
    """The container's memory limit."""
    vram: Mebibytes | None = None
    """What one instance takes of a graphics card's memory. Default: none, the engine needs no card."""
    cards: Cards = 1
    """Over how many cards one instance is spread; `vram` is what it takes on each. Default: 1."""
    pids: Annotated[int, Field(ge=16, le=65535)] = 256
    """The container's limit on processes and threads. Default: 256."""
    stop_grace: Seconds = 30
    """How long a stopping instance may finish the work it has. Default: 30s."""
    audio: Audio | None = None
    """How long its answers sound. Default: seconds of audio are not counted."""

    @property
    def counted_slots(self) -> int | None:
        """The slots of an instance; absent for a UI, whose requests are not counted."""
        return None if self.kind is Kind.ui else self.slots or SLOTS

    @property
    def uid(self) -> int:
        """Whom the engine runs as."""
        return int(self.user.partition(":")[0])

    @property
    def needs_weights(self) -> bool:
        """Whether the image's build, the command or a volume has a place for the model."""
        in_volume = bool(self.weights and self.weights.directory)
        return bool(self.build) or in_volume or "{revision}" in (self.command or ())

    @model_validator(mode="after")
    def _has_one_image(self) -> "Profile":
        if (self.image is None) == (self.build is None):
            raise refused("names no image, or two", "Give either image or build")
        return self


class HealthOverrides(Strict):
    """The values of an engine's health check that a pool may replace."""

    command: Command | None = None
    """Another command inside the container."""
    path: UrlPath | None = None
    """Another path for the edge to ask for."""
    interval: Seconds | None = None
    """Another time between two checks."""
    timeout: Seconds | None = None
    """Another time that one check may take."""
    retries: Annotated[int, Field(ge=1, le=20)] | None = None
    """Another number of failed checks in a row."""
    startup: Seconds | None = None
    """Another time to load in, such as for a larger model."""
    prompt: bool | None = None
    """Whether the check answers within a moment however busy the engine is."""


class Overrides(Strict):
    """The values of a profile that a pool may replace; what is absent stays the engine's own."""

    image: ImageReference | None = None
    """Another image, such as a newer version of the engine."""
    weights: Weights | None = None
    """Another model, or another revision of it; what is absent stays the engine's own."""
    command: Command | None = None
    """Another command."""
    environment: Environment = {}
    """Variables added to the engine's own; the same name replaces."""
    port: Port | None = None
    """Another port inside the container."""
    health: HealthOverrides = HealthOverrides()
    """Another way to know that it is ready; what is absent stays the engine's own."""
    kind: KindField | None = None
    """`api` or `ui`."""
    base_path_variable: VariableName | None = None
    """Another variable for the path prefix."""
    own_host: bool | None = None
    """Whether a path prefix is refused."""
    outputs: Directory | None = None
    """Another directory for the outputs' volume."""
    outputs_hold_more: bool | None = None
    """Whether that directory also holds what is kept; say no where yours holds nothing but results."""
    models: Directory | None = None
    """Another directory for the models' volume."""
    slots: Slots | None = None
    """Another number of requests that one instance works on at once."""
    slots_variable: VariableName | None = None
    """Another variable that tells the engine its slots."""
    traces: bool | None = None
    """Whether it understands OpenTelemetry's variables."""
    fetches_from: FetchesFrom | None = None
    """Other hosts that it fetches models from; `[]`: none; `any`: the whole internet, and your network."""
    user: User | None = None
    """Another user."""
    read_only: bool | None = None
    """Whether the root file system is read-only."""
    writable: list[Directory] | None = None
    """Other writable directories in memory."""
    memory: Mebibytes | None = None
    """Another memory limit."""
    vram: Mebibytes | None = None
    """Another figure for what an instance takes of a card's memory."""
    cards: Cards | None = None
    """Another number of cards that an instance is spread over."""
    pids: Annotated[int, Field(ge=16, le=65535)] | None = None
    """Another limit on processes and threads."""
    stop_grace: Seconds | None = None
    """Another time to finish work in."""
    audio: Audio | None = None
    """Another way to know how long its answers sound."""

    def applied_to(self, profile: Profile) -> Profile:
        """The profile with this pool's own values in place of the engine's."""
        own = {name: value for name in Overrides.model_fields if (value := getattr(self, name)) is not None}
        own["environment"] = profile.environment | self.environment
        own["health"] = profile.health.model_copy(update=self.health.model_dump(exclude_none=True))
        if self.weights and profile.weights:
            own["weights"] = profile.weights.model_copy(update=self.weights.model_dump(exclude_none=True))
        if self.image:
            own["build"] = None
        return profile.model_copy(update=own)
