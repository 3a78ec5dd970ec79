"""services/tidy on real files: what goes, what stays, and what it never touches."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.services.serving import SERVICES
from tidy import tidying
from tidy.files import File, files_below, remove
from tidy.limits import Limit, limits_of
from tidy.tidying import tidy

DAY = 86_400.0
MIB = 1024**2
YOUNG = 600.0


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "tts-dev-voice-1-outputs"
    folder.mkdir()
    return folder


def make(folder: Path, path: str, mebibytes: int = 1) -> Path:
    """A file that really takes this much; one made later is younger."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(mebibytes * MIB))
    time.sleep(0.01)
    return file


def tidied(folder: Path, days: float = 0.0, *, age: float | None = None, size: int | None = None) -> list[str]:
    """What is said of a look, so many days from now."""
    said: list[str] = []
    tidy(Limit(folder, age and age * DAY, size and size * MIB), time.time() + days * DAY, YOUNG, said.append)
    return said


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_what_is_too_old_goes_and_the_rest_stays(outputs: Path) -> None:
    make(outputs, "a.wav")
    make(outputs, "2026/b.wav")
    assert tidied(outputs, days=29, age=30) == []
    assert left(outputs) == {"a.wav", "2026/b.wav"}
    said = tidied(outputs, days=31, age=30)
    assert said == [
        f"{outputs.name}: removed a.wav (1.0 MiB, 31.0 days): older than 30 days",
        f"{outputs.name}: removed 2026/b.wav (1.0 MiB, 31.0 days): older than 30 days",
    ]
    assert left(outputs) == set()
    assert (outputs / "2026").is_dir(), "directories stay: an engine may be about to write into one"


def test_what_is_too_much_goes_oldest_first_until_the_rest_fits(outputs: Path) -> None:
    for name in ("c", "a", "b", "d"):
        make(outputs, f"{name}.wav", 2)
    said = tidied(outputs, days=1, size=5)
    assert left(outputs) == {"b.wav", "d.wav"}
    assert "removed c.wav" in said[0]
    assert "the oldest, and 8.0 MiB are more than 5.0 MiB" in said[0]
    assert tidied(outputs, days=1, size=5) == [], "and then there is nothing more to do"


def test_what_a_file_takes_counts_not_what_it_seems_to_have(outputs: Path) -> None:
    make(outputs, "real.wav", 2)
    with (outputs / "sparse.bin").open("wb") as sparse:
        sparse.truncate(1024 * MIB)
    assert tidied(outputs, days=1, size=5) == []


def test_a_file_with_two_names_counts_once(outputs: Path) -> None:
    os.link(make(outputs, "a.wav", 3), outputs / "same.wav")
    assert tidied(outputs, days=1, size=4) == []


def test_what_is_young_stays_whatever_the_limits_say(outputs: Path) -> None:
    make(outputs, "new.wav", 3)
    assert tidied(outputs, size=1) == [f"{outputs.name}: 2.0 MiB more than its limit stay: they are too young, or open"]
    assert left(outputs) == {"new.wav"}


def test_a_copy_of_something_old_is_new_here(outputs: Path) -> None:
    copy = make(outputs, "copied.wav")
    os.utime(copy, (0, 0))
    assert tidied(outputs, age=30) == []
    assert left(outputs) == {"copied.wav"}


@pytest.mark.parametrize("mode", ["rb", "ab"])
def test_what_another_process_has_open_stays(outputs: Path, mode: str) -> None:
    file = make(outputs, "long-job.wav")
    program = f"import sys; file = open({str(file)!r}, {mode!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        said = tidied(outputs, days=31, age=30)
        assert said[0].endswith("it is open")
        assert left(outputs) == {"long-job.wav"}
        other.communicate()
    tidied(outputs, days=31, age=30)
    assert left(outputs) == set()


def test_links_are_neither_followed_nor_removed(outputs: Path, tmp_path: Path) -> None:
    outside = make(tmp_path, "outside/precious.wav")
    (outputs / "file").symlink_to(outside)
    (outputs / "folder").symlink_to(outside.parent)
    assert tidied(outputs, days=31, age=30, size=1) == []
    assert outside.exists()
    assert left(outputs) == {"file", "folder"}


def test_a_folder_that_becomes_a_link_meanwhile_does_not_lead_out(outputs: Path, tmp_path: Path) -> None:
    make(outputs, "folder/precious.wav")
    (found,) = files_below(outputs)
    (outputs / "folder").rename(tmp_path / "outside")
    (outputs / "folder").symlink_to(tmp_path / "outside")
    assert remove(outputs, found) == "cannot be opened: Not a directory"
    assert (tmp_path / "outside" / "precious.wav").exists()


def test_a_file_that_is_another_one_meanwhile_stays(outputs: Path) -> None:
    make(outputs, "a.wav")
    (found,) = files_below(outputs)
    make(outputs, "a.wav", 2)
    assert remove(outputs, found) == "has changed meanwhile"
    assert left(outputs) == {"a.wav"}


def test_pipes_and_sockets_are_no_outputs_and_hold_nobody_up(outputs: Path) -> None:
    os.mkfifo(outputs / "pipe")
    assert tidied(outputs, days=31, age=30) == []
    assert left(outputs) == {"pipe"}


def test_where_nobody_can_tell_whether_a_file_is_open_it_stays(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_leases(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    make(outputs, "a.wav")
    monkeypatch.setattr(fcntl, "fcntl", no_leases)
    assert tidied(outputs, days=31, age=30)[0].endswith("this file system does not tell: Invalid argument")
    assert left(outputs) == {"a.wav"}


def test_more_files_than_are_held_in_memory_go_all_the_same(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "AT_ONCE", 3)
    for number in range(10):
        (outputs / f"{number}.wav").write_bytes(b"x")
    tidied(outputs, days=31, age=30)
    assert left(outputs) == set()


def test_the_oldest_is_the_smallest() -> None:
    assert File(1.0, "b", 1, 1, 1) < File(2.0, "a", 1, 1, 1)


def test_limits_are_read_as_the_container_is_told() -> None:
    (one, other) = limits_of({"TIDY": '{"a": {"age": 3600}, "b": {"size": 7}}'})
    assert (one.folder.name, one.age, one.size) == ("a", 3600, None)
    assert (other.folder.name, other.age, other.size) == ("b", None, 7)


def test_it_looks_again_and_again_and_ends_when_it_is_told(outputs: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(SERVICES),
        "TIDY_FOLDER": str(outputs.parent),
        "TIDY_YOUNG": "0",
        "TIDY_EVERY": "0.2",
        "TIDY": f'{{"{outputs.name}": {{"size": {2 * MIB}}}}}',
    }
    with subprocess.Popen([sys.executable, "-m", "tidy"], env=environment, stdout=subprocess.PIPE) as service:
        assert service.stdout
        for number in range(3):
            make(outputs, f"{number}.wav")
        assert b"removed 0.wav" in service.stdout.readline()
        make(outputs, "3.wav")
        assert b"removed 1.wav" in service.stdout.readline()
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=10) == 0
