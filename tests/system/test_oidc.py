"""A login by an OpenID provider in a whole stack: oauth2-proxy in its container, built where no registry answers."""

from collections.abc import Iterator
from copy import deepcopy
from ipaddress import ip_network

import pytest

from bootstrap import go_programs
from tests.edge.provider import CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.spelled import shown
from tests.system.deployment import Deployment
from tests.waiting import wait_for

PAGE = {"Accept": "text/html"}


@pytest.fixture
def provider(shared: Deployment) -> Iterator[Provider]:
    """A provider that containers reach, on Docker's own bridge."""
    (own,) = shared.docker.networks.get("bridge").attrs["IPAM"]["Config"]
    with providing(str(ip_network(own["Subnet"])[1])) as running:
        yield running


@pytest.fixture
def asking(shared: Deployment, provider: Provider) -> Iterator[Deployment]:
    """The shared stack with pools that ask for a session, brought back to its config afterwards."""
    before = deepcopy(shared.config)
    go_programs.collect("oauth2-proxy")
    shared.set_secret("tts:oidcSecret", CLIENT_SECRET)
    shared.config["domain"] = "voice.test"
    provider.redirect = f"http://login.voice.test:{shared.config['edge']['port']}/oauth2/callback"
    shared.config["edge"]["auth"] = {
        "default": "oidc",
        "oidc": {
            "issuer": provider.issuer,
            "client_id": CLIENT_ID,
            "client_secret": {"secret": "oidcSecret"},
            "allowed": {"emails": ["anna@example.com"]},
        },
    }
    yield shared
    shared.config = before
    shared.up()


def test_people_come_in_by_a_provider_and_nothing_restarts_for_it(asking: Deployment, provider: Provider) -> None:
    before = asking.lasting_ids()
    asking.up()
    now = asking.lasting_ids()
    assert {name for name in now if now[name] != before.get(name)} == {f"{asking.full_name}-edge-oidc"}
    asking.up(expect_no_changes=True)
    url = asking.outputs()["pools"]["voice"]["url"]
    with asking.client(follow_redirects=True) as anna:
        wait_for(lambda: anna.get(f"{url}/v1/models").status_code == 401)
        answer = anna.get(f"{url}/v1/models", headers=PAGE)
        assert (answer.status_code, str(answer.url), len(answer.history)) == (200, f"{url}/v1/models", 3)
        for instance in asking.outputs()["pools"]["voice"]["instances"]:
            assert anna.get(f"{instance}/health").status_code == 200
    with asking.client(follow_redirects=True) as bert:
        provider.signed_in = {"sub": "2", "email": "bert@example.com"}
        assert bert.get(f"{url}/v1/models", headers=PAGE).status_code == 403
        # An address is a file: whoever is let in now comes in by the container that was there.
        asking.config["edge"]["auth"]["oidc"]["allowed"]["emails"].append("bert@example.com")
        asking.up()
        assert asking.lasting_ids() == now
        wait_for(lambda: bert.get(f"{url}/v1/models", headers=PAGE).status_code == 200)
    secrets = {"the provider's": CLIENT_SECRET, **asking.generated()}
    told = [asking.docker.api.inspect_container(name) for name in now]
    assert shown(secrets, str(told) + asking.written_state()) == []
