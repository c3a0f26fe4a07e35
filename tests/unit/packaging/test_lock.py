"""The lock is the whole truth: what it pins meets every requirement, so that nothing has to be resolved at set-up."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement

from tests.support.lockfile import (
    LOCAL_LOCK,
    LOCK,
    PYTHONS,
    ROOT,
    Environment,
    Pin,
    declared,
    environments,
    read_lock,
    unmet,
)

INSTALLERS = ("Makefile", "deploy/setup.sh", "deploy/Dockerfile", ".ci/run")


@pytest.mark.parametrize(
    "environment",
    list(environments()),
    ids=lambda e: f"{e['python_full_version']}-{e['sys_platform']}-{e['platform_machine']}",
)
def test_lock_meets_every_requirement_in_every_promised_environment(environment: Environment) -> None:
    assert unmet(read_lock(LOCK), declared(), environment) == []


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("kombu", "celery needs kombu"),
        ("requests", "google-auth needs requests"),
        ("tzdata", "pyproject.toml needs tzdata"),
    ],
)
def test_lock_without_a_needed_distribution_is_noticed(missing: str, complaint: str) -> None:
    pins = read_lock(LOCK)
    del pins[missing]
    environment = next(iter(environments()))
    assert any(line.startswith(complaint) for line in unmet(pins, declared(), environment))


def test_lock_with_a_version_that_a_requirement_excludes_is_noticed() -> None:
    pins = read_lock(LOCK)
    pins["kombu"] = Pin(Requirement("kombu==1.0"), pins["kombu"].hashes)
    environment = next(iter(environments()))
    assert any("1.0 is locked" in line for line in unmet(pins, declared(), environment))


def test_lock_files_pin_every_line_with_hashes_and_name_no_address() -> None:
    for path in (LOCK, LOCAL_LOCK):
        assert all(
            re.fullmatch(r"sha256:[0-9a-f]{64}", hash_) for pin in read_lock(path).values() for hash_ in pin.hashes
        )
        assert "://" not in path.read_text()


def test_locks_are_installed_without_a_resolver_everywhere() -> None:
    commands = [
        (name, line.strip())
        for name in INSTALLERS
        for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        if "install" in line and re.search(r"requirements[a-z-]*\.lock", line)
    ]
    assert {name for name, _ in commands} == {"Makefile", "deploy/setup.sh", "deploy/Dockerfile"}
    for name, line in commands:
        assert "--no-deps" in line and "--require-hashes" in line, f"{name}: {line}"


def test_promised_pythons_are_those_of_the_classifiers_and_of_the_workflow() -> None:
    promised = sorted({".".join(version.split(".")[:2]) for version in PYTHONS})
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    workflow = re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows/ci.yaml").read_text())
    assert (sorted(classifiers), sorted(workflow)) == (promised, promised)
