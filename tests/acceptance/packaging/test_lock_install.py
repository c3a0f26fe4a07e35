"""A set-up from the lock takes what is locked, although the index offers something newer of everything.

A part is really installed; of the whole lock pip says what it would install (`make locked`). `make setup`, which comes
before each test, installs it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import distributions, version
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.support.lockfile import LOCAL_LOCK, LOCK, declared, environments, read_lock, unmet

NEWER = "9999.0"
INSTALLED = ("google-auth", "google-genai", "iniconfig")
"""Locked packages that are really installed: one asks for another with an extra, and pip once took a newer one for that."""


def write_wheel(folder: Path, name: str) -> None:
    """Write a wheel of `name` that holds nothing and is newer than everything."""
    stem = name.replace("-", "_")
    info = f"{stem}-{NEWER}.dist-info"
    content = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in content.items())
    with zipfile.ZipFile(folder / f"{stem}-{NEWER}-py3-none-any.whl", "w") as wheel:
        for path, text in {**content, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(arguments: Iterable[str], target: Path, links: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target), *arguments]
    environ = {**os.environ, "PIP_FIND_LINKS": str(links), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environ)


def lines_of(names: Iterable[str]) -> str:
    """Return the lines of the lock for `names`, each with its hashes."""
    pins = re.finditer(r"^(\S+?)==(?:.*\\\n)*.*\n", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return "".join(pin.group() for pin in pins if pin.group(1) in names)


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that offers something newer of every locked package, which pip takes where nothing is pinned."""
    folder = tmp_path_factory.mktemp("links")
    for name in read_lock(LOCK):
        write_wheel(folder, name)
    return folder


def test_set_up_installs_the_locked_versions_while_newer_ones_are_offered(links: Path, tmp_path: Path) -> None:
    unpinned = install(["--no-deps", "iniconfig"], tmp_path / "unpinned", links)
    assert unpinned.returncode == 0, unpinned.stderr
    assert (tmp_path / "unpinned" / f"iniconfig-{NEWER}.dist-info").is_dir(), (
        "the offer of something newer is not taken"
    )

    part, target = tmp_path / "part.lock", tmp_path / "target"
    part.write_text(lines_of(INSTALLED), encoding="utf-8")
    done = install(["--no-deps", "--require-hashes", "--requirement", str(part)], target, links)
    assert done.returncode == 0, done.stderr
    installed = {canonicalize_name(each.name): each.version for each in distributions(path=[str(target)])}
    pins = read_lock(LOCK)
    assert installed == {name: pins[name].version for name in INSTALLED}


@pytest.mark.long
def test_set_up_takes_every_locked_version_while_newer_ones_are_offered(links: Path, tmp_path: Path) -> None:
    """Has pip read the index of each package, which takes half a minute of processor time."""
    report = tmp_path / "report.json"
    locked = ["--no-deps", "--require-hashes", "--requirement", str(LOCK)]
    done = install([*locked, "--dry-run", "--report", str(report)], tmp_path / "target", links)
    assert done.returncode == 0, done.stderr
    chosen = {
        canonicalize_name(each["metadata"]["name"]): each["metadata"]["version"]
        for each in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    pins = read_lock(LOCK)
    here = {name for name, pin in pins.items() if pin.requirement.marker is None or pin.requirement.marker.evaluate()}
    assert chosen == {name: pins[name].version for name in here}


def test_lock_of_the_language_model_is_complete_beside_the_other_one() -> None:
    """`make test` has installed both, so requirements of both can be read. Of the weights only the file is used, no code."""
    local = read_lock(LOCAL_LOCK)
    assert {name: version(name) for name in local} == {name: pin.version for name, pin in local.items()}
    pins = {**read_lock(LOCK), **local}
    roots = declared(extras=("local",), groups=())
    assert [line for environment in environments() for line in unmet(pins, roots, environment)] == []
