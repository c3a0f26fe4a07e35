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

ROOT = Path(__file__).parents[3]
WORKS = """
import importlib, json, pkgutil, sys

class Absent:
    names = json.loads(sys.argv[1])

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import botticelli.celery, botticelli.cli, botticelli.drivers.gemini, botticelli.drivers.anthropic
import botticelli.store.connection.database
import tasks, workers, flower.app, google.genai, kombu
kombu.Connection("redis://localhost").transport
for package in (botticelli.cli, workers):
    for one in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
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
    """What else this checkout has, for its tests, can't be imported here, as where only the package was installed."""
    needed = needed_packages() | {"botticelli", "setuptools", "pip"}
    homes = {top: {canonicalize_name(name) for name in names} for top, names in packages_distributions().items()}
    absent = sorted(top for top, names in homes.items() if not names & needed)
    assert {"pytest", "aiohttp", "discord", "hikari"} <= set(absent)
    command = [sys.executable, "-c", WORKS, json.dumps(absent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    used = set().union(*(homes.get(top, set()) for top in json.loads(done.stdout)))
    assert {"kombu", "flower"} <= used
