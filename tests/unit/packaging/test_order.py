"""The order of tests on several workers: slow ones first and spread, and no test lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.fleet.compiled_share import share_of
from tests.support.order import SECONDS, dealt

ROOT = Path(__file__).parents[3]
QUICK = [f"tests/unit/test_quick.py::test_{number}" for number in range(103)]
SLOW = [f"{key}{'' if '::' in key else '::test'}[{number}]" for key in SECONDS for number in range(2)]


def parts(items: list[str], workers: int) -> list[list[str]]:
    """Cut the order as pytest-xdist does with `--dist worksteal`."""
    order, cut = dealt(items, str, workers), []
    for left in range(workers, 0, -1):
        size = len(order) // left
        cut.append(order[:size])
        order = order[size:]
    return cut


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8])
def test_each_worker_begins_with_a_slow_test_and_no_test_is_lost(workers: int) -> None:
    cut = parts(QUICK + SLOW, workers)
    assert [part[0] in SLOW for part in cut] == [True] * workers
    assert sorted(item for part in cut for item in part) == sorted(QUICK + SLOW)
    for part in cut:
        assert not any(item in SLOW for item in part[sum(item in SLOW for item in part) :])


def test_slow_tests_take_about_as_long_on_each_worker() -> None:
    seconds = [
        sum(SECONDS.get(key, 0) for key in {re.sub(r"(::test)?\[.*", "", item) for item in part} if key in SECONDS)
        for part in parts(QUICK * 10 + SLOW, 5)
    ]
    assert max(seconds) - min(seconds) <= max(SECONDS.values()) / 2


@pytest.mark.parametrize("items", [[], QUICK[:1], SLOW[:3], QUICK[:3] + SLOW[:1]], ids=len)
def test_few_tests_on_many_workers_are_all_there(items: list[str]) -> None:
    assert sorted(dealt(items, str, 5)) == sorted(items)


@pytest.mark.parametrize("key", SECONDS)
def test_slow_test_of_the_table_exists(key: str) -> None:
    path, _, test = key.partition("::")
    assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8") if test else (ROOT / path).is_file()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_module_is_compiled_by_one_worker(workers: int) -> None:
    shared = [path for number in range(workers) for path in share_of(number, workers)]
    assert Path(__file__) in shared
    assert sorted(shared) == sorted(share_of(0, 1))
