"""What our package and the keeper's agree on, each of which is alone in its place."""

import sys
from pathlib import Path

import pytest

from pulumi_tts.config import load_stack
from pulumi_tts.plan import plan_stack
from pulumi_tts.plan.guard import RUN
from pulumi_tts.render import envoy
from tests.unit.configs import stack

SERVICES = Path(__file__).parents[2] / "services"


def test_the_keeper_passes_on_every_file_of_envoys_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SERVICES))
    from keeper.rotation import PASSED_ON  # noqa: PLC0415  as its image has it
    from keeper.settings import Settings  # noqa: PLC0415

    guard = plan_stack(load_stack(stack()), "tts-test", local_images=True).guard
    assert guard
    assert tuple(envoy.files(guard)) == PASSED_ON
    assert str(Settings().run) == RUN
    assert sys.modules["keeper"].__file__ == str(SERVICES / "keeper" / "__init__.py")
