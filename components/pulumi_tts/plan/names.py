"""The names of what is made, so that a person meets the same word in the config, in Docker and in the state."""


def instance_name(pool: str, number: int) -> str:
    """An instance's container, as its pool's resources are called: `tts-dev-voice-1`."""
    return f"{pool}-{number}"


def outputs_volume(instance: str) -> str:
    """The volume that keeps what an instance makes."""
    return f"{instance}-outputs"


def models_volume(pool: str) -> str:
    """The volume of the models that a pool's instances have fetched."""
    return f"{pool}-models"


def weights_volume(stack: str, weights: str) -> str:
    """The volume of weights that a stack's instances share on a host."""
    return f"{stack}-weights-{weights}"


def way_out_name(of: str) -> str:
    """The proxy through which a pool's instances, or what fetches weights, reach what they may fetch from."""
    return f"{of}-way-out"


def internet_network(stack: str) -> str:
    """The network with a way out, of those proxies and of engines that may fetch from anywhere."""
    return f"{stack}-internet"


def tidy_name(stack: str, host: str, uid: int) -> str:
    """The container that keeps the outputs of a user's engines within their limits."""
    return f"{stack}-tidy-{host}-{uid}"


def mps_name(stack: str, host: str, gpu: str) -> str:
    """The MPS daemon of a card. No instance is called so: what is after the last hyphen of its name is a number."""
    return f"{stack}-mps-{host}-{f'gpu{gpu}' if gpu.isdigit() else gpu}"


def on_host(name: str, host: str) -> str:
    """The same thing on a host other than the edge's, where each has its own: `tts-dev-network-gpu-2`."""
    return f"{name}-{host}"


def places_volume(stack: str) -> str:
    """The volume whose labels remember what is on hosts other than the edge's."""
    return f"{stack}-places"


def edge_name(stack: str) -> str:
    """The edge's container."""
    return f"{stack}-edge"


def oidc_name(edge: str) -> str:
    """What asks an OpenID provider for an edge."""
    return f"{edge}-oidc"


def acme_volume(edge: str) -> str:
    """The volume with an edge's ACME account and the certificates that it was given."""
    return f"{edge}-acme"


def guard_name(stack: str) -> str:
    """The guard's container."""
    return f"{stack}-guard"


def keeper_name(stack: str) -> str:
    """The keeper's container."""
    return f"{stack}-keeper"


def pool_name(stack: str, pool: str) -> str:
    """What a pool's resources are called in a stack."""
    return f"{stack}-{pool}"


def discovery_name(edge: str) -> str:
    """What watches for containers that ask to be admitted to an edge."""
    return f"{edge}-discovery"


def admitted_network(edge: str) -> str:
    """The network that containers join which ask to be admitted to an edge."""
    return f"{edge}-admitted"


def observe_network(stack: str) -> str:
    """The network of what watches a stack, and of what is watched."""
    return f"{stack}-observe"


def meter_name(stack: str) -> str:
    """What counts who used how much."""
    return f"{stack}-meter"


def logs_volume(stack: str) -> str:
    """The volume of the access logs that the meter reads."""
    return f"{stack}-logs"


def usage_volume(stack: str) -> str:
    """The volume of what the meter has counted."""
    return f"{stack}-usage"


def observe_outside(stack: str) -> str:
    """The network with a way out of what tells somebody outside."""
    return f"{stack}-observe-outside"


def prometheus_name(stack: str) -> str:
    """What keeps metrics."""
    return f"{stack}-prometheus"


def alertmanager_name(stack: str) -> str:
    """What tells people of alerts."""
    return f"{stack}-alertmanager"


def blackbox_name(stack: str) -> str:
    """What asks as a client would."""
    return f"{stack}-blackbox"


def node_name(stack: str) -> str:
    """What watches the edge's host."""
    return f"{stack}-node"


def jaeger_name(stack: str) -> str:
    """What collects traces, and keeps them or sends them on."""
    return f"{stack}-jaeger"


def grafana_name(stack: str) -> str:
    """What shows dashboards."""
    return f"{stack}-grafana"


def socket_proxy_name(client: str) -> str:
    """The proxy through which its client, or a stack's keeper, asks Docker."""
    return f"{client}-socket-proxy"
