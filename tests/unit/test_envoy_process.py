"""How Envoy is started and ended in its container, with a stand-in for it."""

import os
import subprocess
import time
from pathlib import Path

from pulumi_tts.render import envoy_process

PATIENCE = 30.0


def appears(path: Path) -> bool:
    """Whether a file is there, in the end."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_envoy_starts_when_its_files_are_there_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    wanted, started = tmp_path / "listeners.json", tmp_path / "started"
    stand_in = tmp_path / "envoy"
    stand_in.write_text(f'#!/bin/sh\necho "$@" > {started}.part\nmv {started}.part {started}\nexec sleep 60\n')
    stand_in.chmod(0o755)
    command = envoy_process.command(str(wanted), 1, ["--concurrency", "1"])
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as running:
        time.sleep(0.3)
        assert not started.exists(), "a file that is not there yet would end Envoy"
        wanted.touch()
        assert appears(started)
        assert started.read_text() == "--concurrency 1\n"
        running.terminate()
        running.wait(timeout=PATIENCE)


def test_it_ends_at_once_while_it_waits_for_its_files(tmp_path: Path) -> None:
    with subprocess.Popen(envoy_process.command(str(tmp_path / "never.json"), 1, [])) as running:
        time.sleep(0.3)
        running.terminate()
        assert running.wait(timeout=PATIENCE) == 0, "by its own will: as a container's first process it must"


def test_its_health_check_fails_where_nobody_answers() -> None:
    answer = subprocess.run(envoy_process.health_command(), stderr=subprocess.DEVNULL, check=False)
    assert answer.returncode == 1
