"""What every container may and may not do, asked of Docker and tried from inside."""

import json
import re
import socket
from ipaddress import ip_network

from pulumi_tts.render.traefik import IN_CONTAINER
from tests.spelled import shown
from tests.system.deployment import Deployment


def test_every_container_is_confined(shared: Deployment) -> None:
    pids_are_limited = shared.docker.info()["PidsLimit"]
    for name, id_ in shared.container_ids().items():
        inspected = shared.docker.api.inspect_container(id_)
        host, config = inspected["HostConfig"], inspected["Config"]
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] > 0, name
        assert host["LogConfig"]["Config"]["max-size"], name
        if name.endswith("-courier"):
            assert host["NetworkMode"] == "none", "root, but only for its volume"
            continue
        if name.endswith("-socket-proxy"):
            mounted = {mount["Destination"] for mount in inspected["Mounts"]}
            assert mounted == {"/files", "/var/run/docker.sock"}, (
                "root, whose the socket is, and nothing else of the host"
            )
        else:
            assert config["User"].split(":")[0] not in ("", "0", "root"), name
            assert "/var/run/docker.sock" not in {mount["Destination"] for mount in inspected["Mounts"]}, name
        assert host["ReadonlyRootfs"], name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        if pids_are_limited:
            assert host["PidsLimit"] > 0, f"{name} may fork without end"
        assert not [bind for bind in host["Binds"] or () if "docker.sock" in bind], name


def test_no_secret_shows_in_docker_inspect(shared: Deployment) -> None:
    secrets = secrets_of(shared)
    api = shared.docker.api
    inspected = {
        **{name: api.inspect_container(id_) for name, id_ in shared.container_ids().items()},
        **{name: api.inspect_network(name) for name in shared.networks()},
        **{name: api.inspect_volume(name) for name in shared.volumes()},
    }
    for name, told in inspected.items():
        text = json.dumps(told)
        assert shown(secrets, text) == [], name
        assert not re.search(r"\$2[aby]\$", text), "nor a bcrypt hash"


def test_the_state_has_secrets_as_ciphertext_only(shared: Deployment) -> None:
    state = shared.written_state()
    assert f"{shared.full_name}-edge-dashboard-password" in state, "it is the state that is searched"
    assert shown(secrets_of(shared), state) == []


def secrets_of(deployment: Deployment) -> dict[str, str]:
    """Every secret that was drawn; the dashboard's password, which an output tells, among them."""
    secrets = deployment.generated()
    assert deployment.outputs()["dashboard"]["password"] in secrets.values()
    return secrets


def test_an_instance_reaches_nothing_outside_its_network(shared: Deployment) -> None:
    edge = shared.docker.api.inspect_container(shared.container_ids()[f"{shared.full_name}-edge"])
    outside = edge["NetworkSettings"]["Networks"][f"{shared.full_name}-edge-public"]["IPAddress"]
    with socket.create_connection((outside, IN_CONTAINER.web), timeout=3):
        pass  # it listens there, for who is on that network
    attempt = f"import socket; socket.create_connection(('{outside}', {IN_CONTAINER.web}), timeout=3)"
    code, output = shared.inside("voice-1", "python3", "-c", attempt)
    assert code != 0
    assert b"TimeoutError" in output or b"unreachable" in output, output


NEAR = """
import os, socket
def answers(host, port, ask=b""):
    try:
        with socket.create_connection((host, port), timeout=3) as there:
            there.sendall(ask)
            return there.recv(4096).split(b"\\r\\n")[0].decode() or "open"
    except OSError as error:
        return type(error).__name__
status = b"GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"
print(os.path.exists("/var/run/docker.sock"))
print(answers("{guard}", 9901), answers("{guard}", 8081, status % b"/config_dump"), answers("{edge}", 8082))
print(answers("{socket_proxy}", 2375), answers("1.1.1.1", 443), answers("example.com", 443), answers("{host}", {port}))
asked = b"GET / HTTP/1.1\\r\\nHost: x\\r\\nX-Pulumi-Tts-Pool: studio\\r\\nConnection: close\\r\\n\\r\\n"
print(answers("{guard}", 8080, asked))
"""
"""Tries, from inside an instance, what it has no business with."""


def test_an_instance_reaches_no_control_of_its_stack(shared: Deployment) -> None:
    names = {part: f"{shared.full_name}-{part}" for part in ("guard", "edge")}
    bridge = shared.docker.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    host = str(ip_network(bridge)[1])
    with socket.create_server((host, 0)) as service:
        port = service.getsockname()[1]
        program = NEAR.format(**names, socket_proxy=f"{shared.full_name}-socket-proxy", host=host, port=port)
        code, output = shared.inside("voice-1", "python3", "-c", program)
    assert code == 0, output
    has_the_socket, controls, others, guard = output.decode().splitlines()
    assert has_the_socket == "False"
    assert controls == "ConnectionRefusedError HTTP/1.1 404 Not Found ConnectionRefusedError", (
        "the guard's admin, what it shows of itself, and the edge's ping"
    )
    for reached in others.split(" "):
        assert reached in ("gaierror", "TimeoutError", "OSError"), "Docker by its proxy, the internet, and the host"
    assert guard == "HTTP/1.1 403 Forbidden", "it answers nobody but the edge, whatever pool is named"
