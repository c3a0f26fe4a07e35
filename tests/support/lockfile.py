"""Reads the lock files and walks the requirements of their pins, for every supported Python and platform."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
LOCAL_LOCK = ROOT / "requirements-local.lock"
LOCKED_EXTRAS = ("anthropic", "gemini", "openai", "testing")
"""Extras that requirements.lock covers; `local` is in the lock of the language model."""
PYTHONS = ("3.11.0", "3.11.9", "3.12.1", "3.13.0", "3.14.0")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64"))

Environment = Mapping[str, str]
"""Values of the environment markers of PEP 508, without `extra`."""


@dataclass(frozen=True)
class Pin:
    """One locked distribution: its requirement (`name==version ; marker`) and its hashes."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def read_lock(path: Path) -> dict[str, Pin]:
    """Return the pins of a lock file by normalised name. Raises ValueError for a line that isn't an exact hashed pin."""
    pins: dict[str, Pin] = {}
    for entry in path.read_text().replace("\\\n", " ").splitlines():
        spec, *hashes = re.split(r"\s+--hash=", entry.strip())
        requirement = Requirement(spec)
        if not hashes or [specifier.operator for specifier in requirement.specifier] != ["=="]:
            raise ValueError(f"{path.name}: not an exact pin with hashes: {spec}")
        pins[canonicalize_name(requirement.name)] = Pin(requirement, tuple(hashes))
    return pins


def environments() -> Iterator[Environment]:
    """Yield the markers of each supported Python on each supported platform."""
    for version, (platform, machine) in product(PYTHONS, PLATFORMS):
        yield {
            "implementation_name": "cpython",
            "implementation_version": version,
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": {"linux": "Linux", "darwin": "Darwin"}[platform],
            "platform_version": "",
            "python_full_version": version,
            "python_version": ".".join(version.split(".")[:2]),
            "sys_platform": platform,
        }


def declared(extras: Iterable[str] = LOCKED_EXTRAS, groups: Iterable[str] = ("dev",)) -> list[Requirement]:
    """Return the requirements of pyproject.toml: the dependencies, those of `extras`, and those of `groups`."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    for group in groups:
        lines += document["dependency-groups"][group]
    return [Requirement(line) for line in lines]


def unmet(pins: Mapping[str, Pin], roots: Iterable[Requirement], environment: Environment) -> list[str]:
    """Return a line for each requirement, direct or not, that no pin meets in `environment`.

    Requirements of a pinned distribution are read from its installed metadata. A distribution that isn't installed here is
    pinned for another environment only, and is read where the tests run in that one.
    """
    problems: list[str] = []
    seen: set[tuple[str, str]] = set()
    queue = [(requirement, "pyproject.toml", "") for requirement in roots]
    while queue:
        requirement, source, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        problem = _problem(pins.get(name), requirement, environment)
        if problem:
            problems.append(f"{source} needs {requirement}: {problem}")
            continue
        for required_extra in ("", *sorted(requirement.extras)):
            if (name, required_extra) not in seen:
                seen.add((name, required_extra))
                queue += [
                    (line, name, required_extra)
                    for line in _requirements_of(name, pins[name].requirement.marker is None)
                ]
    return sorted(problems)


def _problem(pin: Pin | None, requirement: Requirement, environment: Environment) -> str | None:
    if pin is None:
        return "not in the lock"
    if pin.requirement.marker and not pin.requirement.marker.evaluate(dict(environment)):
        return f"not locked for Python {environment['python_full_version']} on {environment['sys_platform']}"
    if not requirement.specifier.contains(pin.version, prereleases=True):
        return f"{pin.version} is locked"
    return None


@cache
def _requirements_of(name: str, must_be_installed: bool) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        if must_be_installed:
            raise
        return []
