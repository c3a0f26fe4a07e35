"""Waits before the next try: never shorter than asked, and lengthened by seconds, not hours."""

from __future__ import annotations

import pytest

from workers.tries import LONGEST_BACKOFF_SECONDS, LONGEST_JITTER_SECONDS, next_wait


@pytest.mark.parametrize(
    ("asked_seconds", "most"), [(20, 22), (30, 33), (300, 305), (36_000, 36_005), (172_800, 172_805)]
)
def test_asked_wait_is_lengthened_by_few_seconds(asked_seconds: float, most: float) -> None:
    waits = [next_wait(2, asked_seconds) for _ in range(200)]
    assert asked_seconds <= min(waits) and max(waits) <= most
    assert len(set(waits)) > 100


def test_own_backoff_grows_up_to_its_bound() -> None:
    waits = [next_wait(failed, None) for failed in range(100)]
    assert waits[0] < 1 < waits[2] < 4 < waits[5] < 21
    assert max(waits) <= LONGEST_BACKOFF_SECONDS + LONGEST_JITTER_SECONDS


def test_backoff_is_longer_after_rate_limit_without_wait() -> None:
    assert next_wait(0, None, limited=True) >= 2 > next_wait(0, None)


def test_wait_of_nothing_is_no_busy_loop() -> None:
    assert next_wait(0, 0.0, limited=True) >= 0.5
