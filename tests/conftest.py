"""For all tests: a house where real processes run, and Hypothesis without limits of time, which a busy machine breaks.

Its examples are fixed; `pytest --hypothesis-profile explore` looks for new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.support.fleet.processes import House

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("explore"), derandomize=True)
settings.load_profile("steady")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One of its own for each test: an empty folder with a data directory."""
    from tests.support.fleet.processes import House

    made = House(tmp_path / "a house with spaces")
    made.folder.mkdir()
    yield made.furnish()
    made.close()
