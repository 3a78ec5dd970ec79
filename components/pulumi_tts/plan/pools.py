"""Pools: every instance of every pool, with all that its container needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pulumi_tts.config.guard import PoolGuard
from pulumi_tts.config.host import Mps
from pulumi_tts.config.outputs import OutputsLimit
from pulumi_tts.config.pool import Pool
from pulumi_tts.config.profile import Health, Profile
from pulumi_tts.plan.fleet import Place
from pulumi_tts.plan.graphics import MpsClient
from pulumi_tts.plan.guard import GuardedInstance, PoolGuardPlan, plan_pool_guard
from pulumi_tts.plan.images import Image, base_image, engine_image
from pulumi_tts.plan.names import instance_name, models_volume, outputs_volume
from pulumi_tts.plan.ports import Published
from pulumi_tts.plan.routes import HTTP_PORT, Route, instance_routes, shared_routes
from pulumi_tts.plan.tracing import otel_environment
from pulumi_tts.plan.way_out import WayOutPlan, past_proxy, plan_way_out, proxy_environment
from pulumi_tts.plan.weights import FilledWeights, filled_weights


@dataclass(frozen=True, slots=True)
class Instance:
    """One engine in one container."""

    name: str
    number: int
    upstream: str
    """Where the edge reaches it: `http://name:port`, or its host's address and a port there."""
    host: str
    """The host that it runs on."""
    volume: str | None
    """The volume of its outputs, if the engine makes any."""
    gpus: tuple[str, ...] = ()
    """The cards that it sees, and no others; none for an engine that needs none."""
    published: Published | None = None
    """Its port on its host's private address; absent on the edge's own host."""
    mps: MpsClient | None = None
    """What MPS holds it to, if its card has that."""
    environment: tuple[tuple[str, str], ...] = ()
    """What it is told beside what all of its pool are, or instead: where its spans go."""


@dataclass(frozen=True, slots=True)
class Container:
    """What is the same for every instance's container of a pool; sizes in MiB, times in seconds."""

    port: int
    """Where the engine listens."""
    command: tuple[str, ...] | None
    environment: tuple[tuple[str, str], ...]
    health: Health
    outputs: str | None
    models: str | None
    weights: str | None
    """Where the weights' volume is mounted, read-only."""
    unconfined: bool
    """Whether it reaches the whole internet, by no proxy."""
    user: str
    read_only: bool
    writable: tuple[str, ...]
    memory: int
    pids: int
    stop_grace: int


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool as it will run."""

    name: str
    """The name in the config."""
    resource_name: str
    """What its resources are called."""
    engine: str
    image: Image
    container: Container
    instances: tuple[Instance, ...]
    shared_routes: tuple[Route, ...]
    instance_routes: tuple[Route, ...]
    outputs_limit: OutputsLimit | None
    weights: FilledWeights | None
    """What is fetched into a volume before the instances start."""
    way_out: WayOutPlan | None = None
    """The proxy to what the engine may fetch from, on each host that has instances; absent where there is nothing."""
    guard: PoolGuardPlan | None = None
    """What the guard does for the pool; absent where the edge balances its instances itself."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of the pool."""
        return self.shared_routes + self.instance_routes

    @property
    def models_volume(self) -> str | None:
        """The volume of the models that the instances have fetched, if they fetch any."""
        return models_volume(self.resource_name) if self.container.models else None


def plan_pool(
    pool: Pool,
    resource_name: str,
    domain: str,
    local_images: bool,
    *,
    places: Sequence[Place],
    published: Mapping[str, Published] | None = None,
    https: bool = False,
    mps: Mapping[tuple[str, str], Mps] | None = None,
    traces: str | None = None,
) -> PoolPlan:
    """What follows from a pool's config.

    ``resource_name`` begins the names of what is made, ``domain`` fills `{domain}` in, ``local_images`` says that no
    container registry is to be asked, ``places`` says where each instance runs, and ``published`` by which port it is
    reached, by its container's name, if it is not on the edge's host. ``https`` says that browsers come by HTTPS
    alone; ``mps`` are the cards with MPS, by host and card. ``traces`` is where engines on the edge's host send their
    spans.
    """
    profile = pool.profile
    names = [instance_name(resource_name, number) for number in range(1, len(places) + 1)]
    # Without a guard there is nobody to pass its spans on.
    passed_on = traces and profile.traces and isinstance(pool.guard, PoolGuard)
    told = _traced(profile, resource_name, traces) if traces and passed_on else ()
    instances = tuple(
        _instance(name, number, profile, place, published=(published or {}).get(name), mps=mps or {}, told=told)
        for number, (name, place) in enumerate(zip(names, places, strict=True), start=1)
    )
    upstreams = tuple(instance.upstream for instance in instances)
    return PoolPlan(
        name=pool.name,
        resource_name=resource_name,
        engine=pool.engine_name,
        image=engine_image(profile, base_image(local_images)),
        container=_container(pool, profile),
        instances=instances,
        shared_routes=tuple(shared_routes(pool, profile, domain, upstreams)),
        instance_routes=tuple(instance_routes(pool, profile, domain, upstreams)),
        outputs_limit=pool.outputs_limit,
        weights=filled_weights(profile),
        way_out=plan_way_out(resource_name, f"pool {pool.name}", profile.fetches_from, local_images),
        guard=plan_pool_guard(pool, resource_name, [_guarded(instance) for instance in instances], https=https),
    )


def _instance(
    name: str,
    number: int,
    profile: Profile,
    place: Place,
    *,
    published: Published | None,
    mps: Mapping[tuple[str, str], Mps],
    told: tuple[tuple[str, str], ...],
) -> Instance:
    # An instance on a card with MPS has no other (plan/fleet.py).
    card = mps.get((place.host, place.gpus[0])) if len(place.gpus) == 1 else None
    return Instance(
        name=name,
        number=number,
        upstream=published.upstream if published else f"http://{name}:{profile.port}",
        host=place.host,
        volume=outputs_volume(name) if profile.outputs else None,
        gpus=place.gpus,
        published=published,
        mps=MpsClient(profile.vram, card.threads) if card and profile.vram else None,
        # From another host it would not find the guard, which passes them on.
        environment=() if published else told,
    )


def _guarded(instance: Instance) -> GuardedInstance:
    reached = urlsplit(instance.upstream)
    return GuardedInstance(instance.name, str(reached.hostname), reached.port or HTTP_PORT, instance.host)


def _container(pool: Pool, profile: Profile) -> Container:
    return Container(
        port=profile.port,
        command=_command(profile),
        environment=tuple(
            sorted((_proxy(profile) | _base_path(pool, profile) | _slots(profile) | profile.environment).items())
        ),
        health=profile.health,
        outputs=profile.outputs,
        models=profile.models,
        weights=profile.weights.directory if profile.weights else None,
        unconfined=profile.fetches_from == "any",
        user=profile.user,
        read_only=profile.read_only,
        writable=tuple(profile.writable),
        memory=profile.memory,
        pids=profile.pids,
        stop_grace=profile.stop_grace,
    )


def _command(profile: Profile) -> tuple[str, ...] | None:
    """The command with the model that it names filled in."""
    weights = profile.weights
    if not profile.command or not weights:
        return tuple(profile.command) if profile.command else None
    known = {
        "{repository}": weights.repository or "",
        "{revision}": weights.revision or "",
        "{directory}": weights.directory or "",
    }
    return tuple(known.get(word, word) for word in profile.command)


def _proxy(profile: Profile) -> dict[str, str]:
    """The variables that tell an engine by which proxy it fetches, if it does."""
    return proxy_environment() if _has_proxy(profile) else {}


def _has_proxy(profile: Profile) -> bool:
    return bool(profile.fetches_from) and profile.fetches_from != "any"


def _traced(profile: Profile, service: str, collector: str) -> tuple[tuple[str, str], ...]:
    """The variables that tell an engine where its spans go, and past its proxy, which would refuse them."""
    past = past_proxy(str(urlsplit(collector).hostname)) if _has_proxy(profile) else {}
    own = tuple((name, value) for name, value in past.items() if name not in profile.environment)
    return (*otel_environment(service, collector), *own)


def _base_path(pool: Pool, profile: Profile) -> dict[str, str]:
    """The variable that tells a UI the prefix which the edge strips."""
    if profile.base_path_variable and pool.told_prefix:
        return {profile.base_path_variable: pool.told_prefix}
    return {}


def _slots(profile: Profile) -> dict[str, str]:
    """The variable that tells an engine how many requests it works on at once."""
    if profile.slots_variable and profile.counted_slots:
        return {profile.slots_variable: str(profile.counted_slots)}
    return {}
