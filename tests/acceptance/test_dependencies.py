"""What is declared is enough: a fresh environment has none of the tools of this checkout to borrow from."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
WORKS = """
import importlib, json, pkgutil, sys
import botticelli.celery, botticelli.cli, botticelli.drivers.gemini, botticelli.drivers.anthropic, botticelli.store.database
import tasks, workers, flower.app, google.genai, kombu
kombu.Connection("redis://localhost").transport
for package in (botticelli.cli, workers):
    for one in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(one.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def needed_packages() -> set[str]:
    """What `pip install botticelli` brings: the declared dependencies, and theirs, by their normalised names."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found: set[tuple[str, str]] = set()
    asked = [Requirement(line) for line in declared]
    while asked:
        one = asked.pop()
        for extra in ("", *one.extras):
            if (one.marker and not one.marker.evaluate({"extra": ""})) or (one.name, extra) in found:
                continue
            found.add((one.name, extra))
            for line in requires(one.name) or ():
                theirs = Requirement(line)
                if theirs.marker is None or theirs.marker.evaluate({"extra": extra}):
                    theirs.marker = None
                    asked.append(theirs)
    return {canonicalize_name(name) for name, _ in found}


def test_what_a_worker_imports_is_installed_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", WORKS], capture_output=True, text=True, check=True, cwd=ROOT)
    homes = packages_distributions()
    used = {canonicalize_name(name) for top in json.loads(done.stdout) for name in homes.get(top, ())[:1]}
    assert "kombu" in used and "flower" in used
    assert used - needed_packages() <= {"botticelli", "setuptools", "pip"}
