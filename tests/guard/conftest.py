"""One guard for the tests that leave it as they found it, and one for each that does not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.guard.guarding import Guarding, guarding

Start = Callable[..., Guarding]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a guard with these pools; it is ended after the test."""
    with ExitStack() as ends:

        def run(*pools: dict[str, Any], **options: Any) -> Guarding:
            return ends.enter_context(guarding(tmp_path, *pools, **options))

        yield run
