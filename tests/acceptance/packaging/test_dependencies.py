"""The declared dependencies are enough: a fresh environment has none of the tools of this checkout to borrow from."""

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
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def needed_packages() -> set[str]:
    """Return the packages that `pip install botticelli` brings: declared dependencies, and theirs, by normalised name."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    needed: set[tuple[str, str]] = set()
    requirements = [Requirement(line) for line in declared]
    while requirements:
        requirement = requirements.pop()
        for extra in ("", *requirement.extras):
            if (requirement.marker and not requirement.marker.evaluate({"extra": ""})) or (
                requirement.name,
                extra,
            ) in needed:
                continue
            needed.add((requirement.name, extra))
            for line in requires(requirement.name) or ():
                theirs = Requirement(line)
                if theirs.marker is None or theirs.marker.evaluate({"extra": extra}):
                    theirs.marker = None
                    requirements.append(theirs)
    return {canonicalize_name(name) for name, _ in needed}


def test_what_a_worker_imports_is_installed_with_it() -> None:
    """Packages that only the tests of this checkout need can't be imported here, as in an installation of the package."""
    needed = needed_packages() | {"botticelli", "setuptools", "pip"}
    homes = {top: {canonicalize_name(name) for name in names} for top, names in packages_distributions().items()}
    absent = sorted(top for top, names in homes.items() if not names & needed)
    assert {"pytest", "aiohttp", "discord", "hikari"} <= set(absent)
    command = [sys.executable, "-c", WORKS, json.dumps(absent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    used = set().union(*(homes.get(top, set()) for top in json.loads(done.stdout)))
    assert {"kombu", "flower"} <= used
