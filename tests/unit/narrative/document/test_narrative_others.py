"""Narratives as people have written them for the system that the founding documents describe: all of them load."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.narrative import Environment, load_all

FILES = sorted((Path(__file__).parents[3] / "narratives_of_others").glob("*.toml"))
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_loads(path: Path) -> None:
    found = load_all(path, environment=ENVIRONMENT)
    assert all(one.narrative.acts for one in found)


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 40
