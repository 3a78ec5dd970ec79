#!/bin/sh
# Makes .venv hold exactly what requirements.lock says, and the project itself.
#
# A shell script because it runs before there is a Python environment to run anything else in. It returns at
# once when .venv already follows the lock, and needs the package index only when it does not.
set -eu

cd "$(dirname "$0")/.."
checkout=$(pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-tts"
installed=.venv/requirements.lock          # a copy of the lock, written last: there only after a complete install
oldest_uv=0.5.0                            # the first line of uv whose lock files and options are used below

say() { printf '==> %s\n' "$*"; }
stop() { printf '\n==> Stopped: %s\n' "$*" >&2; exit 1; }

if cmp -s requirements.lock "$installed" && .venv/bin/python -c 'import pulumi_tts' 2>/dev/null; then
    exit 0
fi

# ---- a Python of 3.11 or newer
recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    if recent_enough "$candidate"; then
        # The interpreter itself: what stands on PATH may be a version manager's shim.
        python=$("$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))')
        break
    fi
done
[ -n "$python" ] || stop "Python 3.11 or newer is needed, and no python3 on PATH is that.
    Install one, or name it: make PYTHON=/path/to/python3 …"

# ---- uv: the user's own, or the version that this project pins
pinned_uv=$("$python" -c '
import tomllib
with open("components/pulumi_tts/config/versions.toml", "rb") as file:
    print(tomllib.load(file)["tools"]["uv"])')

users_uv_will_do() {
    command -v uv >/dev/null || return 1
    version=$(uv --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$oldest_uv" "$version" | sort -V | head -n1)" = "$oldest_uv" ]
}

install_venv_module() {
    # Debian ships Python without the module that makes environments.
    if [ "$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then
        stop "$python cannot make virtual environments, as its venv module is missing.
    Install that (Debian, Ubuntu: apt-get install python3-venv), or uv."
    fi
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "Python: installing python$version-venv, which Debian keeps apart from Python"
    log=$(apt-get update -qq 2>&1 && DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "python$version-venv" 2>&1) || stop "apt-get failed: $log"
}

if users_uv_will_do; then
    uv=uv
else
    uv="$cache/uv/$pinned_uv/bin/uv"
    if ! "$uv" --version >/dev/null 2>&1; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv_module
        say "Python: getting uv $pinned_uv into $cache/uv"
        rm -rf "$cache/uv/$pinned_uv"
        "$python" -m venv "$cache/uv/$pinned_uv"
        "$cache/uv/$pinned_uv/bin/pip" install --quiet --disable-pip-version-check "uv==$pinned_uv" \
            || stop "the package index did not give uv $pinned_uv; pip's message above says why.
    Put a uv of $oldest_uv or newer on PATH, or set PIP_INDEX_URL to an index that you can reach."
    fi
fi

# ---- the environment
say "Python: making .venv from requirements.lock with $("$uv" --version | cut -d' ' -f1-2) and $python"
unset VIRTUAL_ENV
rm -f "$installed"
recent_enough .venv/bin/python || "$uv" venv --quiet --clear --python "$python" .venv
# Compiled now: where Python may not write (PYTHONDONTWRITEBYTECODE), every Pulumi command would compile it again.
sync() { "$uv" pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python requirements.lock; }
# Once more on failure: a mirror that is just fetching a release answers "no such version" for a moment.
sync || { say "Python: the package index failed; trying once more"; sleep 5; sync; } \
    || stop "the package index did not give what requirements.lock asks for; uv's message above says what.
    Set UV_DEFAULT_INDEX to an index that you can reach."

# components/ is the project's source root. This line and the commands are all that an editable install would do
# here, without needing a build backend from the index.
site_packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$checkout/components" > "$site_packages/pulumi-tts.pth"
command_of() {
    printf '#!%s\nimport sys\n\nfrom %s import main\n\nsys.exit(main())\n' "$checkout/.venv/bin/python" "$2" > ".venv/bin/$1"
    chmod +x ".venv/bin/$1"
}
command_of pulumi-tts pulumi_tts.command
command_of pulumi-analyzer-policy-pulumi-tts pulumi_tts.policy.analyzer

cp requirements.lock "$installed"
