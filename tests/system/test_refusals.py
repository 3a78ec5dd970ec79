"""Bad input, put to the real engine: refused in words, with nothing touched."""

import socket

import pytest
from pulumi import automation as auto

from tests.system.deployment import Deployment


def refusal(deployment: Deployment) -> str:
    """What a person reads when an `up` is refused."""
    with pytest.raises(auto.CommandError) as error:
        deployment.up()
    assert deployment.container_ids() == {}
    assert deployment.networks() == set()
    said = str(error.value)
    assert "Traceback" not in said, "a person is not shown the program's insides"
    return said


def test_every_problem_of_a_config_is_said_at_once(refused: Deployment) -> None:
    refused.config["pools"][0]["engine"] = "voce"
    refused.config["edge"]["prot"] = 80
    said = refusal(refused)
    assert "Pulumi.single.yaml, tts:stack: 2 problems; nothing was touched." in said
    assert "pools[0].engine: 'voce' is not an engine. Did you mean 'voice'?" in said
    assert "edge.prot: 80 is under a key that is not known here. Did you mean 'port'?" in said


def test_a_docker_host_that_does_not_answer_is_named(refused: Deployment) -> None:
    refused.config["hosts"] = [{"name": "gpu-1", "docker": "tcp://127.0.0.1:1"}]
    said = refusal(refused)
    assert "hosts[0].docker: 'tcp://127.0.0.1:1' does not answer as a Docker engine (host 'gpu-1'" in said
    assert "Connection refused" in said


def test_a_port_that_another_stack_has_is_named(shared: Deployment, refused: Deployment) -> None:
    port = shared.config["edge"]["port"]
    refused.config["edge"]["port"] = port
    said = refusal(refused)
    assert f"edge.port: {port} is already published on 127.0.0.1 by the container 'tts-systest-edge'" in said


def test_a_port_that_a_program_of_this_machine_has_is_named(refused: Deployment) -> None:
    port = refused.config["edge"]["port"]
    with socket.create_server(("127.0.0.1", port)):
        said = refusal(refused)
    assert f"edge.port: {port} cannot be had on 127.0.0.1 of this machine (Address already in use)" in said


def test_a_secret_that_is_not_set_is_asked_for(refused: Deployment) -> None:
    refused.config["edge"]["dashboard"] = {"password": {"secret": "dashboardPassword"}}
    said = refusal(refused)
    assert "names the config key tts:dashboardPassword, which is not set" in said
    assert "pulumi config set --secret tts:dashboardPassword" in said


def test_a_secret_kept_in_the_clear_is_refused(refused: Deployment) -> None:
    refused.config["edge"]["dashboard"] = {"password": {"secret": "dashboardPassword"}}
    refused.extra_config["tts:dashboardPassword"] = "hunter2"
    said = refusal(refused)
    assert "which is kept in the clear" in said
    assert "hunter2" not in said
