"""A pool: N instances of one engine, and the ways to reach them."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from pulumi_tts.config.auth import AuthField, Login
from pulumi_tts.config.engines import ENGINES
from pulumi_tts.config.fields import HostTemplate, Name, PathPrefix, Strict, refused
from pulumi_tts.config.front import AnswerHeaders, EncodedField
from pulumi_tts.config.guard import GuardField, PoolGuard
from pulumi_tts.config.keeper import Heal, HealField, Restart
from pulumi_tts.config.limits import LimitsField
from pulumi_tts.config.outputs import OutputsLimit
from pulumi_tts.config.pin import Pin
from pulumi_tts.config.problems import did_you_mean
from pulumi_tts.config.profile import Overrides, Profile

MAX_INSTANCES = 512
"""The largest pool: the size up to which previews are measured (docs/bench-engine.md)."""


def _known_engine(name: str) -> str:
    if name not in ENGINES:
        raise refused("is not an engine", did_you_mean(name, list(ENGINES)))
    return name


# The tags keep a wrong engine name from being reported as a wrong profile too, and the reverse.
ENGINE_TAGS = ("<engine name>", "<engine profile>")
Engine = Annotated[
    Annotated[str, AfterValidator(_known_engine), Tag(ENGINE_TAGS[0])] | Annotated[Profile, Tag(ENGINE_TAGS[1])],
    Discriminator(lambda value: ENGINE_TAGS[isinstance(value, dict | Profile)]),
]


class AntiAffinity(StrEnum):
    """What no two instances of a pool may share."""

    gpu = "gpu"
    """A card, or a MIG device."""
    host = "host"
    """A host."""


class Routes(Strict):
    """How requests reach a pool; at least one way."""

    pool: HostTemplate | None = None
    """A host name shared by all instances, as in `voice.{domain}`."""
    instance: HostTemplate | None = None
    """A host name for each instance, as in `voice{n}.{domain}`; `{n}` counts from 1."""
    path: PathPrefix | None = None
    """A path prefix on `{domain}`, shared by all instances, as in `/vibevoice/project-x`."""
    strip: bool = True
    """Whether the engine sees paths without the prefix. Default: yes."""
    encoded: EncodedField = []
    """Characters that paths may hold percent-encoded: `slash`, `percent`, `semicolon`, `question_mark`, `hash`; a
    request with another one is refused. Default: none."""

    @field_validator("pool")
    @classmethod
    def _one_name_for_all(cls, value: str | None) -> str | None:
        if value and "{n}" in value:
            raise refused(
                "has {n}, but one name is shared by all instances",
                f"Remove {{n}}, or use it as routes.instance: {value!r}",
            )
        return value

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Routes":
        if not (self.pool or self.instance or self.path):
            raise refused("has no way in", "Give at least one of pool, instance and path")
        return self


class Pool(Overrides):
    """N instances of one engine behind one name; any value of the engine's profile may be replaced here."""

    name: Name
    """The pool's name; containers and volumes are called after it."""
    engine: Engine
    """An engine's name, or a profile of one's own as a mapping."""
    instances: Annotated[int, Field(ge=1, le=MAX_INSTANCES)] = 1
    """How many instances. Default: 1."""
    routes: Routes
    """How requests reach the pool."""
    auth: AuthField | None = None
    """What its routes ask for: `open`, `basic`, `api_keys`, `jwt` or `oidc`; or that of each of them.
    Default: edge.auth.default."""
    limits: LimitsField | None = None
    """How much one user may ask for, in the place of edge.limits; `none`: as much as there is. Default: edge.limits;
    for a UI, one page of which is some 70 requests, none."""
    headers: AnswerHeaders = {}
    """Headers added to every answer of this pool, as in `X-Model-Version: v3`."""
    outputs_limit: OutputsLimit | None = None
    """What is removed of each instance's outputs. Default: nothing, ever."""
    pins: list[Pin] = []
    """Instances that have to run in a certain place. Default: none; placement chooses."""
    guard: GuardField = PoolGuard()
    """How the guard treats the pool's requests; `none`: the edge balances them itself. Default: guarded."""
    restart: Restart | None = None
    """When its instances are restarted, one after the other; of guarded pools. Default: never."""
    heal: HealField = Heal()
    """How an instance is restarted that stays unhealthy, of guarded pools; `none`: not at all. Default: it is."""
    anti_affinity: Annotated[AntiAffinity, Field(strict=False)] | None = None
    """What no two instances of the pool may share: `gpu` or `host`. Default: they are spread where there is room."""

    @property
    def engine_name(self) -> str:
        """The engine as it is shown: its name, or `custom` for a profile of one's own."""
        return self.engine if isinstance(self.engine, str) else "custom"

    def login(self, way: str) -> Login | None:
        """What one of its ways in (`pool`, `instance` or `path`) asks for; None for the stack's default."""
        return self.auth if self.auth is None or isinstance(self.auth, Login) else getattr(self.auth, way)

    @property
    def told_prefix(self) -> str | None:
        """The path prefix that the edge strips and the engine is told, so that its pages' links are right."""
        prefix = self.routes.path
        return prefix if self.profile.base_path_variable and self.routes.strip and prefix != "/" else None

    @property
    def profile(self) -> Profile:
        """The engine's profile with this pool's own values in it."""
        base = ENGINES[self.engine] if isinstance(self.engine, str) else self.engine
        return self.applied_to(base)
