"""How the bootstrap comes by a Pulumi engine: what it tries, in which order, and what it says when nothing is left.

No network, no Go, no Pulumi: shell scripts and a web server on the loopback stand in for them.
"""

import hashlib
import io
import multiprocessing
import os
import platform
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bootstrap import once, plugins, progress, pulumi, pulumi_build, pulumi_release
from bootstrap.paths import VENV
from bootstrap.say import Problem, detail

WANTED = {"docker": "5.2.0", "random": "4.21.4"}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, nothing on PATH but the shell's own programs, and no Pulumi release to be had."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    for module in (pulumi_release, pulumi_build):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(plugins, "wanted", lambda: WANTED)
    monkeypatch.setattr(pulumi_release, "RELEASES", "http://127.0.0.1:9")
    return programs


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def never(*_: Any) -> None:
    raise AssertionError("this should not have been tried")


def makes_it(folder: Path, _: Any) -> None:
    (folder / "bin").mkdir(parents=True)


# ---- the order


def test_pulumi_on_path_is_used_as_it_is(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_release, "download", never)
    monkeypatch.setattr(pulumi_build, "build", never)
    mine = program(machine, "pulumi", "echo v3.999.0")
    found = pulumi.find_or_build()
    assert found == pulumi.Engine(mine, {}, "v3.999.0, on PATH")


def test_pulumi_on_path_that_does_not_run_is_said_not_replaced(machine: Path) -> None:
    program(machine, "pulumi", "echo no such library >&2; exit 127")
    with pytest.raises(Problem, match=r"pulumi version.*127:\nno such library"):
        pulumi.find_or_build()


def test_without_pulumi_its_own_release_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_release, "download", makes_it)
    monkeypatch.setattr(pulumi_build, "build", never)
    found = pulumi.find_or_build()
    assert found.executable == pulumi_release.folder(WANTED) / "bin" / "pulumi"
    assert "own release" in found.origin


def test_where_the_release_is_out_of_reach_the_engine_is_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pulumi_build, "build", makes_it)
    found = pulumi.find_or_build()
    assert found.executable == pulumi_build.folder(WANTED) / "bin" / "pulumi"
    assert "built from engine/" in found.origin
    assert "out of reach" in capsys.readouterr().out, "why it builds should be said"


@pytest.mark.parametrize("origin", [pulumi_release, pulumi_build])
def test_what_the_cache_holds_is_taken_without_asking_the_network(origin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_release, "download", never)
    monkeypatch.setattr(pulumi_build, "build", never)
    origin.folder(WANTED).mkdir(parents=True)
    assert pulumi.find_or_build().executable == origin.folder(WANTED) / "bin" / "pulumi"


def test_an_engine_of_ours_runs_with_the_environment_of_the_checkout_and_its_own_plugins() -> None:
    found = pulumi.built(Path("/cache/engine"))
    first, second, *_ = found.environment["PATH"].split(os.pathsep)
    assert first == str(VENV / "bin"), "the old language host starts the first python3 on PATH"
    assert second == "/cache/engine/bin"
    assert found.environment["PULUMI_HOME"] == "/cache/engine/home"
    assert found.environment["PULUMI_SKIP_UPDATE_CHECK"] == "true"


# ---- the plugins


def test_plugin_versions_are_those_the_installed_packages_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert set(plugins.wanted()) == {"docker", "random"}
    assert plugins.version_in('{"resource": true, "name": "docker", "version": "5.2.0"}') == "5.2.0"


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(Problem, match=r"pulumi_nonesuch is not installed.*make venv"):
        plugins.description("nonesuch")


# ---- the release


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "pulumi-v3.1.0-linux-x64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v3.1.0-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "pulumi-v3.1.0-darwin-arm64.tar.gz"),
    ],
)
def test_the_archive_is_that_for_this_kind_of_machine(system: str, machine: str, name: str) -> None:
    assert pulumi_release.asset("3.1.0", system, machine) == name


def test_a_machine_without_a_release_is_told_so() -> None:
    with pytest.raises(pulumi_release.OutOfReach, match="none for Linux on riscv64"):
        pulumi_release.asset("3.1.0", "Linux", "riscv64")


def test_a_checksum_is_found_by_the_whole_name() -> None:
    listed = f"{'0' * 64}  x.tar.gz.sig\n{'A' * 64} *x.tar.gz\n"
    assert pulumi_release.checksum_of("x.tar.gz", listed) == "a" * 64


def test_a_page_of_apology_is_no_list_of_checksums() -> None:
    with pytest.raises(pulumi_release.OutOfReach, match="does not name"):
        pulumi_release.checksum_of("x.tar.gz", "<html>blocked by policy: x.tar.gz</html>")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served as the place of Pulumi's releases; the folder of the wanted version in it."""
    root = tmp_path / "site"
    folder = root / f"v{pulumi_release.version()}"
    folder.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
    monkeypatch.setattr(pulumi_release, "RELEASES", f"http://127.0.0.1:{server.server_port}")
    yield folder
    server.shutdown()
    server.server_close()


def publish(folder: Path, pulumi_script: str, *, checksum: str | None = None) -> None:
    """Put an archive with a `pulumi` of one's own at the site, and its checksum, or another."""
    name = pulumi_release.asset(pulumi_release.version(), "Linux", "x86_64")
    with tarfile.open(folder / name, "w:gz") as archive:
        script = f"#!/bin/sh\n{pulumi_script}\n".encode()
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size = len(script)
        archive.addfile(member, io.BytesIO(script))
    checksum = checksum or hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / f"pulumi-{pulumi_release.version()}-checksums.txt").write_text(f"{checksum}  {name}\n")


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.usefixtures("on_linux")
def test_a_release_is_unpacked_and_gets_its_plugins(site: Path) -> None:
    publish(site, 'mkdir -p "$PULUMI_HOME"; echo "$@" >> "$PULUMI_HOME/asked"')
    found = pulumi.find_or_build()
    assert found.executable.stat().st_mode & 0o111
    asked = Path(found.environment["PULUMI_HOME"], "asked").read_text().splitlines()
    assert asked == ["plugin install resource docker 5.2.0", "plugin install resource random 4.21.4"]
    assert sorted(path.name for path in found.executable.parents[1].iterdir()) == ["bin", "home"]


@pytest.mark.usefixtures("on_linux")
def test_a_changed_download_stops_everything_and_leaves_nothing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi_build, "build", never)
    publish(site, "", checksum="0" * 64)
    with pytest.raises(Problem, match=r"has the SHA-256 \w{64}, and Pulumi published 0{64}"):
        pulumi.find_or_build()
    assert not pulumi_release.folder(WANTED).exists()


@pytest.mark.usefixtures("on_linux")
@pytest.mark.parametrize("script", ["echo no route to the plugin >&2; exit 1", None])
def test_a_release_that_is_not_complete_is_not_used(
    script: str | None, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pulumi_build, "build", makes_it)
    if script:
        publish(site, script)
    assert "built from engine/" in pulumi.find_or_build().origin
    assert ("no route to the plugin" if script else "404") in capsys.readouterr().out
    assert not pulumi_release.folder(WANTED).exists()


# ---- the build


def test_the_build_has_a_name_of_its_own_for_each_state_of_its_sources_and_plugins() -> None:
    files = {"go.mod": b"module a", "a/main.go": b"package main"}
    same = pulumi_build.key(dict(reversed(files.items())), WANTED)
    names = {
        pulumi_build.key(files, WANTED),
        pulumi_build.key({**files, "go.mod": b"module b"}, WANTED),
        pulumi_build.key({"go.mod": b"module a", "b/main.go": b"package main"}, WANTED),
        pulumi_build.key(files, {**WANTED, "random": "4.22.0"}),
    }
    assert len(names) == 4
    assert same in names, "the order in which files are read should not matter"


def test_texts_and_tests_of_the_engine_do_not_ask_for_another_build(tmp_path: Path) -> None:
    for name in ("README.md", "a_test.go", "a.go", "go.mod", "go.sum"):
        (tmp_path / name).touch()
    assert list(pulumi_build.sources(tmp_path)) == ["a.go", "go.mod", "go.sum"]


def test_the_engine_is_built_at_the_version_that_is_downloaded_elsewhere() -> None:
    cli, *_ = pulumi_build.parts(WANTED)
    assert list(cli.variables.values()) == [f"v{pulumi_release.version()}"]


def test_each_plugin_says_the_version_that_its_package_asks_for() -> None:
    versions = {part.package: part.variables for part in pulumi_build.parts(WANTED)}
    assert versions["./pulumi-resource-docker"] == {"main.version": "5.2.0"}
    assert versions["./pulumi-resource-random"] == {"main.version": "4.21.4"}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.22", (1, 22, 0)),
        ("devel go1.27-3f8d2a1 Mon Nov 2", (1, 27, 0)),
        ("go1.25.8-X:nocoverageredesign", (1, 25, 8)),
        ("", (0, 0, 0)),
    ],
)
def test_go_versions_are_read_as_go_writes_them(text: str, version: tuple[int, int, int]) -> None:
    assert pulumi_build.go_version(text) == version


def test_without_go_every_way_out_is_named() -> None:
    with pytest.raises(
        Problem, match=r"needs Go, which is not on PATH.*Go 1\.\d+\.\d+ or newer.*Pulumi itself on PATH"
    ):
        pulumi.find_or_build()


@pytest.mark.parametrize("answer", ["go1.19.8\n", "go1.22.1\nlocal\n"])
def test_go_that_is_too_old_and_stays_so_is_refused_with_its_version(answer: str, machine: Path) -> None:
    program(machine, "go", f"printf '{answer}'")
    with pytest.raises(Problem, match=r"too old to build it: 1\.(19\.8|22\.1)\."):
        pulumi_build.require_go()


@pytest.mark.parametrize("answer", ["go1.22.1\nauto\n", "go1.99.0\nlocal\n"])
def test_go_that_is_new_enough_or_fetches_what_it_needs_will_do(answer: str, machine: Path) -> None:
    program(machine, "go", f"printf '{answer}'")
    pulumi_build.require_go()


def test_a_refused_module_is_shown_with_where_it_was_asked_for(machine: Path) -> None:
    refusing = """
case "$1 $2" in
"env GOVERSION") printf 'go1.99.0\\nauto\\n' ;;
"env GOPROXY") echo https://mirror.example ;;
*) echo "reading https://mirror.example/x.zip: 403 Forbidden" >&2; exit 1 ;;
esac"""
    program(machine, "go", refusing)
    with pytest.raises(Problem, match=r"(?s)403 Forbidden.*GOPROXY=https://mirror.example"):
        pulumi.find_or_build()
    assert not pulumi_build.folder(WANTED).exists()


# ---- made once


def test_a_folder_is_made_once_and_only_whole(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "engine"

    def make(making: Path) -> None:
        assert not folder.exists()
        (making / "program").touch()

    once.make_once(folder, make)
    once.make_once(folder, never)
    assert [path.name for path in folder.iterdir()] == ["program"]


def test_what_fails_or_was_killed_half_way_leaves_nothing(tmp_path: Path) -> None:
    killed = tmp_path / f"{once.UNFINISHED}killed"
    killed.mkdir()

    def fail(making: Path) -> None:
        (making / "half").touch()
        raise Problem("no")

    with pytest.raises(Problem):
        once.make_once(tmp_path / "engine", fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["programs"]


def make_slowly(folder: Path, made: Any) -> None:
    def make(_: Path) -> None:
        made.put(os.getpid())
        threading.Event().wait(0.3)

    once.make_once(folder, make)


def test_of_several_processes_one_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    made = fork.Queue()
    processes = [fork.Process(target=make_slowly, args=(tmp_path / "engine", made)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(10)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert isinstance(made.get(timeout=5), int)
    assert made.empty()


def test_a_slow_step_says_how_long_it_has_been_at_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = threading.Event()

    def listen(line: str) -> None:
        detail(line)
        said.set()

    monkeypatch.setattr(progress, "detail", listen)
    with progress.slow_step("Building", every=0.01):
        assert said.wait(5)
    assert "==> Building …\n    0 s so far\n" in capsys.readouterr().out
