#!/bin/sh
# Makes .venv with exactly the versions of requirements.lock. Each thing that can be
# missing on a fresh machine is named in one sentence.
set -u
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

say() { echo "setup: $*" >&2; exit 1; }

find_python() {
    for candidate in "$@" python3 python3.13 python3.12 python3.11 python3.14 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        seen="$seen $candidate"
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$candidate" && return
    done
}

seen=""
python=$(find_python "$@")
[ -n "$python" ] || say "Python 3.11 or newer is needed and was not found; install it, or name it: make setup PYTHON=/path/to/python3.12"

[ -x .venv/bin/python ] && .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf .venv
if [ ! -x .venv/bin/python ]; then
    "$python" -m venv .venv >"$log" 2>&1 || {
        rm -rf .venv
        grep -q ensurepip "$log" && say "the module venv of $python is incomplete; on Debian and Ubuntu: apt-get install python3-venv"
        say "$python cannot make a virtual environment: $(tail -n 1 "$log")"
    }
fi

network() {
    if grep -qiE "connection|resolve|network|timed out|unreachable|dns|No matching distribution" "$log"; then
        say "packages could not be fetched: check the network (or the proxy and index settings of pip), then run the command again"
    fi
    say "installing the packages failed: $(grep -iE 'error' "$log" | tail -n 1)"
}

uv_version=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)
echo "setup: installing the packages of requirements.lock into .venv (a minute or two with uv)"
if .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" >"$log" 2>&1 \
    && .venv/bin/uv --version >/dev/null 2>&1; then
    .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.lock >"$log" 2>&1 || network
else
    echo "setup: no uv for this machine, using pip (some minutes)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock >"$log" 2>&1 || network
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >"$log" 2>&1 || network
touch .venv/.ready
echo "setup: done"
