#!/bin/sh
# Makes .venv with the locked dependencies and this checkout in it. Safe to run again; writes nothing outside the checkout.
set -eu
python=${1:-}
if [ -z "$python" ]; then
    echo "Botticelli needs Python 3.11 or newer, and none was found on PATH; install one, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
fi
echo "Setting up .venv with $("$python" --version) (once; a minute or two, and the download)."
# Without a writable home there is no cache to keep.
[ -w "${HOME:-/nonexistent}" ] || export PIP_NO_CACHE_DIR=1
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_VIRTUALENV=0
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "1 of 4: making an empty environment in .venv..."
    rm -rf .venv
    if ! "$python" -m venv .venv 2>/dev/null; then
        # Some systems ship Python without ensurepip: the system's own pip can fill an environment from outside.
        rm -rf .venv
        "$python" -m venv --without-pip .venv
        "$python" -m pip --python .venv/bin/python install --quiet pip || {
            echo "Python has neither ensurepip nor pip; on Debian and Ubuntu: apt install python3-venv" >&2
            exit 1
        }
    fi
fi
echo "2 of 4: downloading and installing the locked packages (900 MB in .venv when done)..."
.venv/bin/python -m pip install --progress-bar off --no-deps --require-hashes --requirement requirements.lock >.venv/pip.log 2>&1 &
pip=$!
while [ -t 1 ] && kill -0 "$pip" 2>/dev/null; do
    printf '\r  %s downloaded' "$(grep -c '^Collecting' .venv/pip.log)"
    if grep -q '^Installing' .venv/pip.log; then printf ', installing (no more news until it is done)'; fi
    sleep 1
done
wait "$pip" || {
    tail -n 20 .venv/pip.log >&2
    exit 1
}
[ ! -t 1 ] || echo
echo "3 of 4: installing this checkout..."
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
echo "4 of 4: compiling, so that a worker starts quickly..."
# A worker is ready in a third of the time when everything is compiled.
.venv/bin/python -m compileall -q botticelli workers tasks
touch .venv/.ready
echo "Ready."
