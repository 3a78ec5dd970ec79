"""What every container may and may not do, asked of Docker and tried from inside."""

import json
import re
import socket

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
