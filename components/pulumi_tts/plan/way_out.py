"""Ways out: the proxies through which engines, and what fetches weights, reach the hosts that they may fetch from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pulumi_tts.config.fetching import HUGGING_FACE, FetchesFrom, NamedSource, Source, host_and_port, source_of
from pulumi_tts.config.fields import is_ip_address
from pulumi_tts.config.hub import Hub
from pulumi_tts.plan.images import Image, envoy_image
from pulumi_tts.plan.names import on_host, way_out_name

PORT = 3128
"""Where a proxy listens in its container: the usual port of forward proxies."""
ALIAS = "way-out"
"""What a proxy is called on the network that it shares with those who may use it; the same on every host."""
USUAL_PORTS = (443, 80)
"""Those of HTTPS and HTTP."""
OWN = ("localhost", "127.0.0.1", "0.0.0.0", "::1")  # noqa: S104  what Gradio asks itself by
"""What is in the container that asks; a health check that went to the proxy would be refused."""


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """A host that may be fetched from."""

    name: str
    """Its name, its address, or `*.` and what all of its names end in."""
    ports: tuple[int, ...]
    address: str | None
    """The only address that it is at, which may be a private one; absent where DNS is asked, and may say none."""


@dataclass(frozen=True, slots=True)
class WayOutPlan:
    """A proxy on one host, for one pool or for what fetches weights, which nobody else can reach."""

    name: str
    """Its container's, and its network's."""
    owner: str
    """Whose it is, for its log and its answers: `pool cosy`."""
    image: Image
    hosts: tuple[AllowedHost, ...]

    def on(self, host: str) -> "WayOutPlan":
        """The same on a host other than the edge's."""
        return replace(self, name=on_host(self.name, host))


def plan_way_out(resource_name: str, owner: str, sources: FetchesFrom, local_images: bool) -> WayOutPlan | None:
    """What follows from the hosts that may be fetched from; absent for none, and for `any`, which needs no proxy."""
    if sources == "any" or not sources:
        return None
    return WayOutPlan(way_out_name(resource_name), owner, envoy_image(local_images), allowed_hosts(sources))


def hub_sources(hub: Hub, links: Iterable[str]) -> list[Source]:
    """Where weights come from: the hub, what it sends downloads to, and the addresses of single files."""
    endpoint = source_of(hub.endpoint)
    further: Sequence[Source] = hub.fetches_from if hub.fetches_from is not None else _usual(endpoint)
    return [*further, endpoint, *(source_of(link) for link in links)]


def _usual(endpoint: str) -> tuple[str, ...]:
    return HUGGING_FACE if endpoint == HUGGING_FACE[0] else ()


def allowed_hosts(sources: Iterable[Source]) -> tuple[AllowedHost, ...]:
    """Each host once; one whose address is named is not asked for by DNS, wherever else it is mentioned."""
    named = {source.host: source.address for source in sources if isinstance(source, NamedSource)}
    texts = sorted({source.host if isinstance(source, NamedSource) else source for source in sources})
    ports: dict[tuple[str, str | None], set[int]] = {}
    for text in texts:
        host, port = host_and_port(text)
        address = named.get(text) or named.get(host) or (host if is_ip_address(host) else None)
        ports.setdefault((host, address), set()).update((port,) if port else USUAL_PORTS)
    return tuple(AllowedHost(host, tuple(sorted(ports[host, address])), address) for host, address in ports)


def proxy_environment() -> dict[str, str]:
    """The variables by which programs find their proxy."""
    url = f"http://{ALIAS}:{PORT}"
    return _both({"HTTP_PROXY": url, "HTTPS_PROXY": url}) | past_proxy()


def past_proxy(*hosts: str) -> dict[str, str]:
    """The variables that say what is not asked by the proxy: what is in the container itself, and ``hosts``."""
    return _both({"NO_PROXY": ",".join((*OWN, *hosts))})


def _both(told: dict[str, str]) -> dict[str, str]:
    # Both ways to write them: there is no standard.
    return told | {name.lower(): value for name, value in told.items()}
