"""Switches each mechanism off, and expects a test to turn red.

The usual suite shows it for one of each group, `make mutants` for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, SHORT
from tests.mutants.mutation import ROOT, Mutant

FAILED = 1
"""The exit code of pytest for failed tests; others say that it could not even begin."""
NAMED = {
    "fencing token",
    "guard before a call",
    "pause at once",
    "attempt count",
    "grace",
    "epoch key",
    "settle once",
    "nonce",
    "look-up",
    "window guard",
    "advisory lock",
    "elected sweep",
}
"""Mechanisms that the table in docs/reliability.md has to speak of."""
chosen = list(MUTANTS) if os.environ.get("MUTANTS") == "all" else SHORT


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_what_a_mutant_changes_is_there_once(mutant: Mutant) -> None:
    assert mutant.path.read_text("utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new


def test_the_table_of_mechanisms_names_mutants_and_the_tests_that_they_are_tried_with() -> None:
    text = (ROOT / "docs/reliability.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count(" | ") == 2]
    table = {mechanism: (mutant, test.strip("`")) for mechanism, mutant, test in rows if mutant in MUTANTS}
    assert table.keys() >= NAMED
    assert [row[0] for row in rows if "`test_" in row[2]] == list(table), "a mutant of the table isn't there"
    for mutant, test in table.values():
        tried = MUTANTS[mutant].tests
        files = [ROOT / tried[0], *(ROOT / "botticelli/testing").rglob("budget*.py")]
        assert any(f"def {test}(" in file.read_text("utf-8") for file in files), test
        if tried[0].startswith("tests/integration/") and "def " + test in files[0].read_text("utf-8"):
            assert tried[-1] in test, f"{mutant} is not tried with {test}"


@pytest.mark.parametrize("name", chosen)
def test_tests_turn_red_without(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider"]
    outcome = subprocess.run(
        [*command, *MUTANTS[name].tests],
        cwd=ROOT,
        env={**os.environ, "MUTANT": name, "PYTEST_DEBUG_TEMPROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == FAILED, outcome.stdout[-2000:]
    assert " failed" in outcome.stdout.splitlines()[-1], outcome.stdout[-2000:]
