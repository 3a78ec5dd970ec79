"""services/fill, with the real client of Hugging Face's hub, against a hub on this machine (hub.py)."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fill.progress import Steps
from tests.services.hub import REPOSITORY, REVISION, Hub, a_hub
from tests.services.serving import SERVICES

MODEL = random.Random(1).randbytes(25_000_000)
PIECE = 10 * 1024 * 1024
"""What the client writes at a time; of a piece that was cut off, nothing is kept."""
FILES = {"config.json": b'{"model_type": "example"}', "model.safetensors": MODEL, "folder/voice.bin": MODEL[:20_000]}
JOB = {"repository": REPOSITORY, "revision": REVISION}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with a_hub(dict(FILES)) as hub:
        yield hub


def fill(folder: Path, hub: Hub, job: Any = JOB, *arguments: str, token: Path | None = None) -> tuple[int, str]:
    """Exit status and lines of one run, as its container starts it."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SERVICES),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_TOKEN_PATH": str(token or folder / "no-token"),
        "FILL_FOLDER": str(folder),
        "FILL": json.dumps(job),
    }
    folder.mkdir(exist_ok=True)
    run = subprocess.run(
        [sys.executable, "-m", "fill", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return run.returncode, run.stdout


def there(folder: Path) -> dict[str, bytes]:
    """The model's files in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".fill" not in path.parts
    }


def test_everything_is_fetched_and_the_second_run_asks_nobody(tmp_path: Path, hub: Hub) -> None:
    status, said = fill(tmp_path, hub)
    assert status == 0, said
    assert there(tmp_path) == FILES
    assert f"{REPOSITORY}@{REVISION} is there: 3 files, 25 MB" in said
    assert {path for path, _ in hub.asked} == set(FILES)
    hub.asked.clear()
    assert fill(tmp_path, hub) == (0, f"{REPOSITORY}@{REVISION} is there\n")
    assert hub.asked == []


def test_a_connection_that_breaks_is_continued_in_the_same_run(tmp_path: Path, hub: Hub) -> None:
    hub.cut_after["model.safetensors"] = PIECE + 1_000_000
    status, said = fill(tmp_path, hub)
    assert status == 0, said
    assert there(tmp_path) == FILES
    ranges = [asked for path, asked in hub.asked if path == "model.safetensors"]
    assert ranges == [None, f"bytes={PIECE}-", f"bytes={2 * PIECE}-"]


def test_what_a_run_that_was_killed_has_fetched_is_continued_by_the_next(tmp_path: Path, hub: Hub) -> None:
    hub.cut_after["model.safetensors"] = 0
    part_way = 1_234_567
    (part,) = parts_of(tmp_path, hub)
    part.write_bytes(MODEL[:part_way])
    hub.cut_after.clear()
    status, said = fill(tmp_path, hub)
    assert status == 0, said
    assert ("model.safetensors", f"bytes={part_way}-") in hub.asked
    assert "of which 1 MB are there" in said
    assert there(tmp_path) == FILES


def parts_of(folder: Path, hub: Hub, job: Any = JOB) -> list[Path]:
    """Runs into a hub that breaks the connection at once; the part of the file that is then left."""
    status, said = fill(folder, hub, job)
    assert status == 1, said
    assert "could not be fetched from" in said.splitlines()[-1]
    return [path for path in (folder / ".fill" / "parts").iterdir() if path.is_file()]


def test_a_file_that_is_not_as_published_is_refused_and_thrown_away(tmp_path: Path, hub: Hub) -> None:
    hub.changed["model.safetensors"] = MODEL[:-1] + b"?"
    status, said = fill(tmp_path, hub)
    assert status == 1
    wanted = hashlib.sha256(MODEL).hexdigest()
    assert f"should have {wanted}; it was thrown away" in said.splitlines()[-1]
    assert "model.safetensors" not in there(tmp_path)
    hub.changed.clear()
    assert fill(tmp_path, hub)[0] == 0
    assert there(tmp_path) == FILES


def test_a_small_file_that_is_not_as_published_is_refused_too(tmp_path: Path, hub: Hub) -> None:
    hub.changed["config.json"] = b'{"model_type": "ex-mple"}'
    status, said = fill(tmp_path, hub)
    assert status == 1
    assert "git-sha1" in said.splitlines()[-1]


def test_only_the_files_that_were_asked_for_are_fetched(tmp_path: Path, hub: Hub) -> None:
    assert fill(tmp_path, hub, {**JOB, "files": ["*.json", "folder/*"]})[0] == 0
    assert set(there(tmp_path)) == {"config.json", "folder/voice.bin"}


def test_patterns_that_match_nothing_are_a_mistake(tmp_path: Path, hub: Hub) -> None:
    status, said = fill(tmp_path, hub, {**JOB, "files": ["*.gguf"]})
    assert (status, "no file matches *.gguf" in said) == (1, True)


def test_plain_links_are_fetched_checked_and_continued(tmp_path: Path, hub: Hub) -> None:
    hub.token = "of-the-hub"
    sha256 = hashlib.sha256(MODEL).hexdigest()
    link = {"url": f"{hub.url}/link/model.safetensors", "sha256": sha256, "to": "checkpoints/my.safetensors"}
    hub.cut_after["model.safetensors"] = PIECE + 1_000_000
    status, said = fill(tmp_path, hub, {"links": [link]})
    assert status == 0, said
    assert there(tmp_path) == {"checkpoints/my.safetensors": MODEL}
    status, said = fill(tmp_path / "other", hub, {"links": [{**link, "sha256": "0" * 64}]})
    assert (status, "it was thrown away" in said) == (1, True)


def test_what_is_there_and_none_of_the_file_does_not_hold_up_the_next_run(tmp_path: Path, hub: Hub) -> None:
    small = FILES["folder/voice.bin"]
    sha256 = hashlib.sha256(small).hexdigest()
    job = {"links": [{"url": f"{hub.url}/link/folder/voice.bin", "sha256": sha256, "to": "voice.bin"}]}
    hub.cut_after["folder/voice.bin"] = 0
    (part,) = parts_of(tmp_path, hub, job)
    part.write_bytes(b"?" * len(small))
    hub.cut_after.clear()
    assert fill(tmp_path, hub, job)[0] == 1
    assert fill(tmp_path, hub, job)[0] == 0
    assert there(tmp_path) == {"voice.bin": small}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({**JOB, "repository": "example/other"}, "example/other is not on http://127.0.0.1"),
        ({**JOB, "revision": "f" * 40}, f"{REPOSITORY} has no revision {'f' * 40}"),
        ({"links": [{"url": "http://127.0.0.1:9/x", "sha256": "0" * 64, "to": "x"}]}, "x could not be fetched from"),
        ({"links": [{"url": "http://127.0.0.1:9/x", "sha256": "0" * 64, "to": "../x"}]}, "leads out of its folder"),
    ],
)
def test_what_cannot_be_had_is_named(tmp_path: Path, hub: Hub, job: Any, reason: str) -> None:
    status, said = fill(tmp_path, hub, job)
    assert status == 1
    assert said.splitlines()[-1].startswith("failed: ")
    assert reason in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_repository_for_those_with_a_token_is_fetched_with_it(tmp_path: Path, hub: Hub) -> None:
    hub.token = "hf_secret"
    status, said = fill(tmp_path, hub)
    assert (status, "or only for those with a token (hub.token)" in said) == (1, True)
    token = tmp_path / "token"
    token.write_text("hf_secret\n")
    assert fill(tmp_path / "weights", hub, token=token)[0] == 0


def test_verify_reads_everything_again(tmp_path: Path, hub: Hub) -> None:
    assert fill(tmp_path, hub, JOB, "verify")[0] == 1, "nothing was fetched yet"
    fill(tmp_path, hub)
    assert fill(tmp_path, hub, JOB, "verify") == (0, "3 files are what was fetched\n")
    (tmp_path / "model.safetensors").write_bytes(MODEL[:-1] + b"?")
    (tmp_path / "config.json").unlink()
    status, said = fill(tmp_path, hub, JOB, "verify")
    assert status == 1
    assert "config.json is gone; model.safetensors has the sha256" in said


def test_a_file_that_has_gone_is_fetched_again(tmp_path: Path, hub: Hub) -> None:
    fill(tmp_path, hub)
    (tmp_path / "config.json").unlink()
    hub.asked.clear()
    assert fill(tmp_path, hub)[0] == 0
    assert hub.asked == [("config.json", None)]


def test_progress_is_said_at_every_tenth_and_when_it_is_slow_every_minute() -> None:
    steps = Steps(now=0.0)
    assert [steps.due(percent, now) for percent, now in [(3, 1), (9, 2), (12, 3), (19, 4), (20, 5), (21, 70)]] == [
        False,
        False,
        True,
        False,
        True,
        True,
    ]
