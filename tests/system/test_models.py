"""Engines that fetch their models: the second network and the shared volume, on the real Docker."""

from typing import Any

from tests.system.deployment import Deployment

# The gateway of the route to everywhere, as an address.
GATEWAY = """
import socket, struct
routes = [line.split() for line in open('/proc/net/route').readlines()[1:]]
gateway = next(route[2] for route in routes if route[1] == '00000000')
print(socket.inet_ntoa(struct.pack('<L', int(gateway, 16))), end='')
"""


def inspected(deployment: Deployment, instance: str) -> dict[str, Any]:
    id_ = deployment.container_ids()[f"{deployment.full_name}-{instance}"]
    found: dict[str, Any] = deployment.docker.api.inspect_container(id_)
    return found


def test_only_an_engine_that_fetches_gets_a_way_out_and_its_instances_share_a_volume(single: Deployment) -> None:
    voice = single.pool("voice")
    routes = {"pool": "fetching.{domain}"}
    fetching = {**voice, "name": "fetching", "instances": 2, "routes": routes, "fetches": True, "models": "/models"}
    single.config["pools"].append(fetching)
    single.up()
    inside, outside = f"{single.full_name}-network", f"{single.full_name}-outside"

    (network,) = single.docker.networks.list(names=[outside])
    assert network.attrs["Internal"] is False
    volumes = []
    for instance in ("fetching-1", "fetching-2"):
        container = inspected(single, instance)
        networks = container["NetworkSettings"]["Networks"]
        assert set(networks) == {inside, outside}
        code, gateway = single.inside(instance, "python3", "-c", GATEWAY)
        assert (code, gateway.decode()) == (0, networks[outside]["Gateway"]), "what it asks for leaves by the way out"
        volumes.append({mount["Destination"]: mount["Name"] for mount in container["Mounts"]})
    assert volumes[0]["/models"] == volumes[1]["/models"] == f"{single.full_name}-fetching-models"
    assert volumes[0]["/outputs"] != volumes[1]["/outputs"]
    assert set(inspected(single, "voice-1")["NetworkSettings"]["Networks"]) == {inside}

    single.refresh(expect_no_changes=True)
    single.up(expect_no_changes=True)

    single.destroy()
    assert single.networks() == set()
    assert f"{single.full_name}-fetching-models" in single.volumes(), "gigabytes that would have to be fetched again"
