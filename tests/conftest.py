"""For all tests: no key of a provider, a house where real processes run, and Hypothesis without limits of time.

Its examples are fixed; `pytest --hypothesis-profile explore` looks for new ones.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from botticelli.telemetry import masking
from tests.support.fleet.compiled_share import compile_share
from tests.support.fleet.temporary_folder import use_memory
from tests.support.order import dealt

if TYPE_CHECKING:
    from tests.support.fleet.processes import House

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
"""Keys of whoever runs the tests: a run without a model would call, and pay for, a real one."""
for name in KEYS:
    os.environ.pop(name, None)

use_memory()

gc.disable()
"""Nothing that is made while tests are collected is ever garbage, and there is much of it to look through."""

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("explore"), derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    compile_share(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first if several workers share the tests."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = dealt(items, lambda item: item.nodeid, workers)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage again, but not among the tests themselves, and not as often: that took a tenth of their time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True)
def _forget_secrets() -> Iterator[None]:
    """Forget what a test gave as a secret, `secret` say: in later ones it would be masked."""
    before = set(masking._remembered)
    yield
    if masking._remembered != before:
        masking._remembered.intersection_update(before)
        masking._Pieces.current = None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One of its own for each test: an empty folder with a data directory."""
    from tests.support.fleet.processes import House

    made = House(tmp_path / "a house with spaces")
    made.folder.mkdir()
    yield made.furnish()
    made.close()
