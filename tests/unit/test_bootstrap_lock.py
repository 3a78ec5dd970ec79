"""requirements.lock, from which `.venv` is made, follows what is asked for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[2]
LOCK = (CHECKOUT / "requirements.lock").read_text()


def pins(lock: str) -> set[tuple[str, str]]:
    """Package and version; a package has several where its newest does not run on every Python."""
    return set(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock, flags=re.MULTILINE))


def asked_for() -> list[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    lines = (CHECKOUT / "services" / name / "requirements.in" for name in ("voice", "studio", "fill"))
    of_services = [line.split("#")[0].strip() for file in lines for line in file.read_text().splitlines()]
    return [
        *project["project"]["dependencies"],
        *(dependency for group in groups for dependency in group),
        *(line for line in of_services if line and not line.startswith("-")),
    ]


@pytest.mark.parametrize("dependency", asked_for())
def test_the_lock_has_what_is_asked_for(dependency: str) -> None:
    wanted = Requirement(dependency)
    name = wanted.name.lower().replace("_", "-")
    versions = [version for package, version in pins(LOCK) if package == name]
    assert versions, f"requirements.lock lacks {name}: run `make lock`"
    for version in versions:
        assert wanted.specifier.contains(version), f"requirements.lock has {name} {version}: run `make lock`"


@pytest.mark.parametrize("name", ["voice", "studio", "fill"])
def test_services_are_tested_with_the_versions_that_their_images_have(name: str) -> None:
    of_the_image = pins((CHECKOUT / "services" / name / "requirements.txt").read_text())
    assert of_the_image <= pins(LOCK), f"{name}'s image has other versions than .venv: run `make lock`"


def test_the_lock_pins_every_file_and_names_no_index() -> None:
    assert LOCK.count("--hash=sha256:") > len(pins(LOCK))
    assert "://" not in LOCK, "where packages come from is the machine's to say"
