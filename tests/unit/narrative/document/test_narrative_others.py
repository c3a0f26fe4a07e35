"""Tests that narratives which people wrote for the founding system load."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.narrative import Environment, load_all

FILES = sorted((Path(__file__).parents[3] / "narratives_of_others").glob("*.toml"))
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_foreign_narrative_loads(path: Path) -> None:
    narratives = load_all(path, environment=ENVIRONMENT)
    assert all(loaded.narrative.acts for loaded in narratives)


def test_enough_foreign_narratives_are_tested() -> None:
    assert len(FILES) >= 40
