"""The benchmark of placement compares answers to one question, and asks it of the fleet that it names."""

from bench.placement.fleet import hosts, pools
from bench.placement.others import exact, first_fit
from pulumi_tts.plan.placement import place


def test_it_is_512_instances_on_64_hosts_and_all_three_find_that_they_fit() -> None:
    fleet, wanted = hosts(), pools()
    assert (len(fleet), len(place(fleet, wanted).places)) == (64, 512)
    assert first_fit(fleet, wanted) == 512
    assert exact(fleet, wanted)


def test_twice_as_large_they_do_not_fit() -> None:
    assert not exact(hosts(), pools(factor=2))
