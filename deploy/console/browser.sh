#!/bin/sh
# Makes what `make console-test` needs beside .venv: a browser, its driver, and axe-core, which judges whether everybody can use a page.
# Installs Debian's chromium where it is missing and this user is root; writes the rest below .venv.
set -eu
axe=axe-core@4.14.1
axe_sha256=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
if ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "The test needs Chromium: install it (on Debian: apt install chromium), or name yours: CHROMIUM=/path/to/chromium" >&2
        exit 1
    fi
    echo "Installing Debian's chromium, and fonts for the pictures (300 MB)..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-urw-base35 fonts-open-sans >/dev/null
fi
if ! .venv/bin/python -c "import PIL, playwright" 2>/dev/null; then
    echo "Installing Playwright (50 MB; it downloads no browser)..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --group browser
fi
mkdir -p .venv/console
if ! echo "$axe_sha256  .venv/console/axe.min.js" | sha256sum --check --status 2>/dev/null; then
    command -v npm >/dev/null || { echo "The test needs npm to fetch axe-core: apt install npm" >&2; exit 1; }
    (cd .venv/console && tar -xzOf "$(npm pack --silent $axe)" package/axe.min.js >axe.min.js)
    echo "$axe_sha256  .venv/console/axe.min.js" | sha256sum --check --quiet
fi
