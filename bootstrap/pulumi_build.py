"""The Pulumi engine built from engine/, where Pulumi's own downloads are out of reach."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap import plugins
from bootstrap.once import make_once
from bootstrap.paths import CACHE, CHECKOUT
from bootstrap.progress import slow_step
from bootstrap.say import Problem, detail, say
from bootstrap.shell import quietly, read

ENGINE = CHECKOUT / "engine"
HOST = ENGINE / "python"

SDK = "github.com/pulumi/pulumi/sdk/v3"
CLI = "github.com/pulumi/pulumi/pkg/v3"

# The first Go that fetches by itself the newer Go that a module asks for.
FIRST_GO_THAT_FETCHES = (1, 21, 0)

GoVersion = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """A program to build: `package` in the Go module at `module`, with linker variables set."""

    name: str
    module: Path
    package: str
    program: str
    variables: Mapping[str, str]


def parts(wanted: Mapping[str, str]) -> list[Part]:
    """What an engine consists of. Each part is told its version, as the engine and its clients ask for it."""
    version = required_version(CLI, (ENGINE / "go.mod").read_text())
    return [
        Part(
            "the pulumi program",
            ENGINE,
            f"{CLI}/cmd/pulumi",
            "bin/pulumi",
            {f"{SDK}/go/common/version.Version": version},
        ),
        Part(
            "the Python language host",
            HOST,
            f"{SDK}/python/cmd/pulumi-language-python",
            "bin/pulumi-language-python",
            {},
        ),
        *(
            Part(f"the {name} plugin", ENGINE, f"./pulumi-resource-{name}", f"plugins/{name}", {"main.version": of})
            for name, of in wanted.items()
        ),
    ]


def folder(wanted: Mapping[str, str]) -> Path:
    """Where in the cache the engine built from these sources, with these plugins, is or would be.

    The version of Go is not part of it: an engine that was built with another one is as good, and stays good
    where Go is no longer installed.
    """
    return CACHE / "engine" / key(sources(ENGINE), wanted)


def sources(engine: Path) -> dict[str, bytes]:
    """The files that decide what is built, by their path in engine/."""
    return {
        str(path.relative_to(engine)): path.read_bytes()
        for path in sorted(engine.rglob("*"))
        if path.name in ("go.mod", "go.sum") or (path.suffix == ".go" and not path.stem.endswith("_test"))
    }


def key(files: Mapping[str, bytes], wanted: Mapping[str, str]) -> str:
    """A name for what is built from these files with these plugin versions, on this kind of machine."""
    hashed = hashlib.sha256(f"{os.uname().sysname} {os.uname().machine} {sorted(wanted.items())}".encode())
    for name, content in sorted(files.items()):
        hashed.update(f"\n{name} {hashlib.sha256(content).hexdigest()}".encode())
    return hashed.hexdigest()[:16]


def build(folder: Path, wanted: Mapping[str, str]) -> None:
    """Have the engine in `folder`. Takes 5 to 10 minutes on two cores the first time, 15 s where Go's caches are warm.

    Raises Problem where Go is missing or too old, or where modules cannot be had.
    """
    require_go()
    make_once(folder, lambda making: fill(making, parts(wanted), wanted))


def fill(making: Path, to_build: Sequence[Part], wanted: Mapping[str, str]) -> None:
    say("Building the Pulumi engine from Go modules: once, for every checkout of this user")
    for number, part in enumerate(to_build, 1):
        with slow_step(f"{number} of {len(to_build)}: {part.name}"):
            run_go(go_build(part, making / part.program))
    copy_script("python/cmd/pulumi-language-python-exec", making / "bin")
    for name, version in wanted.items():
        quietly(
            plugins.install_command(making / "bin/pulumi", name, version, "--file", str(making / f"plugins/{name}")),
            env=plugins.install_environment(os.environ, making / "home"),
        )
    # Installed, that is copied, to where the engine looks for them.
    shutil.rmtree(making / "plugins")


def go_build(part: Part, target: Path) -> list[str]:
    set_variables = [f"-X {name}={value}" for name, value in part.variables.items()]
    return [
        *("go", "-C", str(part.module), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"),
        f"-ldflags={' '.join(['-s -w', *set_variables])}",
        *("-o", str(target), part.package),
    ]


def run_go(command: Sequence[str]) -> None:
    """Run Go on engine/ alone, without a C compiler or a workspace that happens to be around.

    Raises Problem with the end of its output, and where Go gets modules from.
    """
    try:
        quietly(command, env=go_environment(os.environ))
    except Problem as problem:
        raise Problem(
            f"the Pulumi engine could not be built. {problem}\n"
            f"Go gets modules from GOPROXY={read(['go', 'env', 'GOPROXY']).strip()}. If that does not answer, set "
            "GOPROXY to a mirror that does, or install Pulumi yourself and put it on PATH."
        ) from problem


def go_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {**environment, "CGO_ENABLED": "0", "GOWORK": "off"}


def copy_script(script: str, target: Path) -> None:
    """Copy a script of Pulumi's SDK for Python from the version of it that goes with the pulumi program."""
    listed = ["go", "-C", str(ENGINE), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", SDK]
    source = Path(read(listed, env=go_environment(os.environ)).strip(), script)
    shutil.copyfile(source, target / source.name)
    (target / source.name).chmod(0o755)


def require_go() -> None:
    """Raises Problem where there is no Go, or one that is too old and does not fetch a newer one."""
    needed = go_of((ENGINE / "go.mod").read_text())
    remedy = (
        f"Any one of these helps: Go {dotted(needed)} or newer on PATH; Pulumi itself on PATH; a way to Pulumi's "
        "release on GitHub."
    )
    if not shutil.which("go"):
        raise Problem(f"there is no Pulumi here, and building it needs Go, which is not on PATH. {remedy}")
    # Asked outside of any module, so that this Go answers for itself.
    answer = subprocess.run(
        ["go", "env", "GOVERSION", "GOTOOLCHAIN"],  # noqa: S607
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    version, _, toolchain = answer.stdout.strip().partition("\n")
    here = go_version(version)
    if here >= needed:
        return
    if here >= FIRST_GO_THAT_FETCHES and toolchain != "local":
        detail(f"Go {dotted(here)} will fetch Go {dotted(needed)} or newer by itself")
        return
    raise Problem(f"there is no Pulumi here, and the Go on PATH is too old to build it: {dotted(here)}. {remedy}")


def go_of(module: str) -> GoVersion:
    """The Go version that the text of a go.mod file asks for."""
    found = re.search(r"^go (\S+)$", module, re.MULTILINE)
    return go_version(f"go{found[1]}" if found else "")


def go_version(text: str) -> GoVersion:
    """What `go env GOVERSION` says, as numbers: go1.26.8, go1.22, devel go1.27-abcdef. Zeros where unreadable."""
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def required_version(module: str, text: str) -> str:
    """The version, with its `v`, of a module that the text of a go.mod file requires."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if not found:
        raise Problem(f"engine/go.mod does not require {module}. It should: see engine/README.md.")
    return found[1]


def dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))
