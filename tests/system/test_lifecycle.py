"""A stack's end, and what it leaves."""

import pytest
from pulumi import automation as auto

from tests.system.deployment import Deployment


def test_destroy_leaves_nothing_but_the_outputs_and_the_next_up_has_them_again(single: Deployment) -> None:
    single.up()
    single.inside("voice-1", "sh", "-c", "echo mine > /outputs/kept-by-test")
    single.destroy()
    assert single.container_ids() == {}
    assert single.networks() == set()
    assert single.volumes() == {f"{single.full_name}-voice-1-outputs"}
    single.up()
    assert single.inside("voice-1", "cat", "/outputs/kept-by-test") == (0, b"mine\n")


def test_a_destroy_without_the_program_says_how_it_is_done(single: Deployment) -> None:
    single.up()
    with pytest.raises(auto.CommandError, match="--run-program"):
        single.stack.destroy(run_program=False)
