"""The benchmark of placement compares answers to one question, and asks it of the fleet that it names."""

from bench.placement.fleet import config
from bench.placement.others import exact, first_fit
from pulumi_tts.config import load_stack
from pulumi_tts.plan import plan_stack


def test_it_is_512_instances_on_64_hosts_and_all_three_find_that_they_fit() -> None:
    stack = load_stack(config())
    plan = plan_stack(stack, "tts-bench", local_images=False)
    assert (len(plan.hosts), len(plan.placement.places)) == (64, 512)
    assert first_fit(stack.hosts, stack.pools) == 512
    assert exact(stack.hosts, stack.pools)


def test_twice_as_large_they_do_not_fit() -> None:
    stack = load_stack(config(factor=2))
    assert not exact(stack.hosts, stack.pools)
