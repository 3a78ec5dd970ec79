"""The stack's unit test: three lines on mocks, without Docker and without an engine."""

from typing import Any

import pulumi


class Mocks(pulumi.runtime.Mocks):
    """Every resource succeeds, with its inputs as outputs."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, {**args.inputs, "imageId": "sha256:mock"}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


pulumi.runtime.set_mocks(Mocks())

from infrastructure import infrastructure, with_page  # noqa: E402  after the mocks


@pulumi.runtime.test  # type: ignore[untyped-decorator]
def test_the_page_stands_beside_the_speech() -> pulumi.Output[None]:
    edge = infrastructure("local", 8090)
    assert [route["host"] for route in with_page([{"host": "speech.localhost"}])] == [
        "speech.localhost",
        "page.localhost",
    ]
    return edge.url.apply(lambda url: check(url == "http://localhost:8090"))


def check(holds: bool) -> None:
    """Fails the test from within an apply."""
    assert holds
