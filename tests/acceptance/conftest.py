"""A house of its own for each test: an empty folder with a data directory, where real processes run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "a house with spaces")
    made.folder.mkdir()
    yield made
    made.close()
