"""What may be fetched from: how it is written, what is refused, and what follows."""

from typing import Any

import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.config.fetching import HUGGING_FACE
from pulumi_tts.plan import plan_stack
from pulumi_tts.plan.way_out import AllowedHost, WayOutPlan
from pulumi_tts.render import way_out
from tests.unit.configs import stack, voice
from tests.unit.test_config import problems_of

BOTH = (80, 443)


def way_out_of(*sources: Any) -> WayOutPlan:
    plan = plan_stack(load_stack(stack(voice(fetches_from=list(sources)))), "tts-test", local_images=True)
    found = plan.pools[0].way_out
    assert found
    return found


@pytest.mark.parametrize(
    ("source", "host"),
    [
        ("huggingface.co", AllowedHost("huggingface.co", BOTH, None)),
        ("*.hf.co", AllowedHost("*.hf.co", BOTH, None)),
        ("mirror.example.com:8443", AllowedHost("mirror.example.com", (8443,), None)),
        ("10.0.0.7", AllowedHost("10.0.0.7", BOTH, "10.0.0.7")),
        ("10.0.0.7:9000", AllowedHost("10.0.0.7", (9000,), "10.0.0.7")),
        ({"host": "hub.internal", "address": "10.0.0.7"}, AllowedHost("hub.internal", BOTH, "10.0.0.7")),
        ({"host": "hub.internal:81", "address": "10.0.0.7"}, AllowedHost("hub.internal", (81,), "10.0.0.7")),
    ],
)
def test_a_host_is_written_in_one_of_these_ways(source: Any, host: AllowedHost) -> None:
    assert way_out_of(source).hosts == (host,)


def test_a_host_that_is_written_twice_is_one_with_all_its_ports() -> None:
    assert way_out_of("a.test", "a.test:8443").hosts == (AllowedHost("a.test", (80, 443, 8443), None),)


@pytest.mark.parametrize(
    ("source", "reason", "remedy"),
    [
        ("https://huggingface.co", "is not a host to fetch from", "no scheme or path"),
        ("huggingface.co/models", "is not a host to fetch from", "no scheme or path"),
        ("HuggingFace.co", "is not a host to fetch from", "huggingface.co"),
        ("*", "is not a host to fetch from", "'*.hf.co'"),
        ("*.co", "is everything below a top-level domain", "any"),
        ("a.*.co", "is not a host to fetch from", "'*.hf.co'"),
        ("a.test:0", "has no port that there is", "65535"),
        ("a.test:99999", "has no port that there is", "65535"),
        ("127.0.0.1", "is an address of a machine's own", "10.0.0.7"),
        ("169.254.169.254", "what clouds tell their machines secrets by", "10.0.0.7"),
        ("168.63.129.16:80", "what clouds tell their machines secrets by", "10.0.0.7"),
        ("0.0.0.0", "is an address of a machine's own", "10.0.0.7"),
        ({"host": "a.test", "address": "127.0.0.1"}, "is an address of a machine's own", "10.0.0.7"),
        ({"host": "a.test", "address": "hub"}, "is not an IPv4 address", "10.0.0.7"),
        ({"host": "*.a.test", "address": "10.0.0.7"}, "is many names", "each server"),
    ],
)
def test_what_is_no_host_is_refused_with_what_would_be_right(source: Any, reason: str, remedy: str) -> None:
    (problem,) = problems_of(stack(voice(fetches_from=[source])))
    assert problem.path.startswith("pools[0].fetches_from[0]")
    assert reason in problem.reason
    assert remedy in problem.remedy


def test_what_it_was_called_before_is_refused_and_the_new_key_is_named() -> None:
    (problem,) = problems_of(stack(voice(fetches=True)))
    assert problem.path == "pools[0].fetches"
    assert "fetches_from" in problem.remedy


@pytest.mark.parametrize("written", ["any", []])
def test_who_may_fetch_from_anywhere_or_nowhere_has_no_proxy_and_no_variables(written: Any) -> None:
    plan = plan_stack(load_stack(stack(voice(fetches_from=written))), "tts-test", local_images=True).pools[0]
    assert plan.way_out is None
    assert plan.container.unconfined is (written == "any")
    assert not [name for name, _ in plan.container.environment if "proxy" in name.lower()]


def test_an_engine_s_own_list_can_be_taken_away() -> None:
    cards = [{"gpus": [{"id": 0, "vram": "24g"}]}]
    ollama = {"name": "ollama", "engine": "ollama", "routes": {"path": "/ollama"}, "fetches_from": []}
    plan = plan_stack(load_stack(stack(ollama, hosts=cards)), "tts-test", local_images=True).pools[0]
    assert plan.way_out is None
    assert not plan.container.unconfined


def test_an_engine_is_told_its_proxy_in_both_spellings_and_a_pool_may_say_otherwise() -> None:
    pool = voice(fetches_from=["a.test"], environment={"NO_PROXY": "mine"})
    plan = plan_stack(load_stack(stack(pool)), "tts-test", local_images=True).pools[0]
    told = dict(plan.container.environment)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        assert told[name] == "http://way-out:3128"
    assert told["no_proxy"] == "localhost,127.0.0.1,0.0.0.0,::1", "what Gradio and health checks ask"
    assert told["NO_PROXY"] == "mine"


# ---- the hub


def hub_of(links: list[dict[str, Any]] | None = None, **hub: Any) -> set[str]:
    weights = {
        "repository": "big/model",
        "revision": "0" * 40,
        "directory": "/weights",
        **({"links": links} if links else {}),
    }
    engine = {
        "image": "engine:1",
        "port": 80,
        "memory": "1g",
        "health": {"command": ["true"], "path": "/"},
        "weights": weights,
    }
    plan = plan_stack(load_stack(stack(voice(engine=engine), hub=hub)), "tts-test", local_images=True)
    assert plan.fill.way_out
    return {f"{host.name} {host.ports} {host.address}" for host in plan.fill.way_out.hosts}


def test_weights_come_from_hugging_face_and_where_it_has_its_files() -> None:
    assert hub_of() == {f"{name} {BOTH} None" for name in HUGGING_FACE}


def test_a_mirror_s_weights_come_from_it_alone_unless_more_is_named() -> None:
    assert hub_of(endpoint="https://mirror.test") == {f"mirror.test {BOTH} None"}
    more = hub_of(endpoint="https://mirror.test:8443", fetches_from=["files.test"])
    assert more == {"mirror.test (8443,) None", f"files.test {BOTH} None"}


def test_a_single_file_s_server_is_asked_too() -> None:
    link = {"url": "https://example.com/voices.bin", "sha256": "a" * 64}
    assert f"example.com {BOTH} None" in hub_of([link])


def test_a_mirror_on_a_private_address_is_named_by_it() -> None:
    assert hub_of(endpoint="http://10.0.0.7:9000") == {"10.0.0.7 (9000,) 10.0.0.7"}
    named = {"host": "hub.internal", "address": "10.0.0.7"}
    assert hub_of(endpoint="https://hub.internal", fetches_from=[named]) == {f"hub.internal {BOTH} 10.0.0.7"}
    assert hub_of(endpoint="http://hub.internal:81", fetches_from=[named]) == {"hub.internal (80, 81, 443) 10.0.0.7"}, (
        "at whatever port"
    )


def test_who_fetches_nothing_for_anybody_needs_no_proxy() -> None:
    assert plan_stack(load_stack(stack(voice())), "tts-test", local_images=True).fill.way_out is None


# ---- what the proxy reads


def test_another_host_is_another_file_and_the_same_proxy() -> None:
    one, more = way_out_of("a.test"), way_out_of("a.test", "b.test", "10.0.0.7")
    assert way_out.bootstrap(one) == way_out.bootstrap(more), "or it would be replaced, and downloads cut off"
    assert way_out.files(one).keys() == way_out.files(more).keys()
    assert way_out.files(one) != way_out.files(more)


@pytest.mark.parametrize("address", ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"])
def test_no_name_may_stand_for_an_address_within(address: str) -> None:
    assert address in way_out.NEVER
    assert f'"address_prefix": "{address.partition("/")[0]}"' in way_out.bootstrap(way_out_of("a.test"))
