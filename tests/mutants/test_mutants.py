"""Each mechanism is needed: without it a test turns red. The usual suite shows it for one of each group, `make mutants`
for all."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.mutants.catalogue import MUTANTS, SHORT
from tests.mutants.mutation import ROOT, Mutant

FAILED = 1
"""The exit code of pytest for failed tests; others say that it could not even begin."""
chosen = list(MUTANTS) if os.environ.get("MUTANTS") == "all" else SHORT


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_what_a_mutant_changes_is_there_once(mutant: Mutant) -> None:
    assert mutant.path.read_text("utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.parametrize("name", chosen)
def test_tests_turn_red_without(name: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [*command, *MUTANTS[name].tests],
        cwd=ROOT,
        env={**os.environ, "MUTANT": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == FAILED, found.stdout[-2000:]
    assert " failed" in found.stdout.splitlines()[-1], found.stdout[-2000:]
