"""Every Dockerfile of the repository, looked over by checkov; `make lint` has hadolint's word."""

import json
import os
import subprocess
import sys

from bootstrap.paths import CHECKOUT
from bootstrap.test_tools import checkov

EXPLAINED = {
    "CKV_DOCKER_2": "no HEALTHCHECK: the stack gives each container its own, with times that fit (docker/, profiles)",
    "CKV_DOCKER_7": "no tag in FROM: what it starts from is an argument, whose default and whose value have one",
}
"""What it finds, and why it stays."""


def findings(*files: str) -> dict[str, list[str]]:
    """What checkov finds in files: its checks, each with where it failed."""
    command = [sys.executable, "-m", "checkov.main", "--framework", "dockerfile", "--skip-download", "--output", "json"]
    environment = {**os.environ, "PYTHONPATH": str(checkov())}
    said = subprocess.run(
        [*command, "--compact", "--quiet", "--file", *files],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(said.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] == len(files), "all of them were read"
    found: dict[str, list[str]] = {}
    for failed in report["results"]["failed_checks"]:
        found.setdefault(failed["check_id"], []).append(failed["file_path"])
    return found


def test_checkov_finds_nothing_that_is_not_explained() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile"]
    files = subprocess.check_output(command, cwd=CHECKOUT, text=True).split()
    found = findings(*files)
    assert {check: where for check, where in found.items() if check not in EXPLAINED} == {}
    assert set(EXPLAINED) == set(found), "what is not found any more needs no explanation"
    for file in found["CKV_DOCKER_7"]:
        base = (CHECKOUT / file).read_text().partition("ARG BASE=")[2].split()
        assert base, f"{file}: what it starts from is no argument"
        assert ":" in base[0], f"{file}: its default has no tag"
