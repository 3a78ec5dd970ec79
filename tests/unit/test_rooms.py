"""Data flows one way: each room imports only what DESIGN.md lets it."""

import ast
import gc
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "components" / "pulumi_tts"
ALLOWED = {
    "config": {"config"},
    "plan": {"config", "plan"},
    "render": {"plan", "render"},
    "labels": {"plan", "labels"},
    "docker": {"config", "plan", "render", "labels", "docker"},
    "policy": {"config", "policy"},
}
ENGINE = {"pulumi", "pulumi_docker", "pulumi_random"}


def parsed(code: str) -> ast.AST:
    """The code as a tree; Python 3.11 fails where garbage is collected meanwhile (AST constructor recursion depth)."""
    gc.disable()
    try:
        return ast.parse(code)
    finally:
        gc.enable()


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_the_rooms_before_it(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("pulumi_tts.")}
        assert ours <= ALLOWED[room], path


@pytest.mark.parametrize("room", ["config", "plan", "render", "labels", "policy"])
def test_everything_but_the_docker_room_works_without_pulumi(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & (ENGINE | {"docker"}), path
