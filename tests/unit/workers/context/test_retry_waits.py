"""Waits before the next try: never shorter than asked, and lengthened by seconds, not hours."""

from __future__ import annotations

import pytest

from workers.context.retry_waits import LONGEST_BACKOFF_SECONDS, LONGEST_JITTER_SECONDS, next_wait
from workers.model.provider_limits import UnstatedLimits


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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def waits_of(limits: UnstatedLimits, clock: Clock, count: int, patience_seconds: float | None = None) -> list[float]:
    """Waits of one call that is refused again after each of them."""
    waits = []
    for _ in range(count):
        wait_seconds = limits.next_wait("x", patience_seconds)
        assert wait_seconds is not None
        clock.now += wait_seconds
        waits.append(wait_seconds)
    return waits


def test_rate_limits_without_wait_grow_up_to_their_bound() -> None:
    clock = Clock()
    waits = waits_of(UnstatedLimits(clock), clock, 30)
    assert 2 <= waits[0] < 3 < waits[1] < 6 < waits[2] < 11
    assert max(waits) <= LONGEST_BACKOFF_SECONDS + LONGEST_JITTER_SECONDS


def test_rate_limits_of_calls_at_once_are_one_step() -> None:
    clock = Clock()
    limits = UnstatedLimits(clock)
    waits = [limits.next_wait("x", None) for _ in range(40)]
    assert all(wait is not None and 2 <= wait < 3 for wait in waits)
    assert not limits.is_repeated("x")


def test_answer_ends_the_row_of_rate_limits_of_its_scope_only() -> None:
    clock = Clock()
    limits = UnstatedLimits(clock)
    waits_of(limits, clock, 6)
    limits.end("other")
    assert limits.is_repeated("x")
    limits.end("x")
    assert not limits.is_repeated("x")
    assert waits_of(limits, clock, 1)[0] < 3


@pytest.mark.parametrize(("patience_seconds", "least"), [(100.0, 100.0), (None, 86_400.0)])
def test_rate_limits_for_longer_than_the_patience_are_failed_tries(
    patience_seconds: float | None, least: float
) -> None:
    clock = Clock()
    limits = UnstatedLimits(clock)
    while (wait_seconds := limits.next_wait("x", patience_seconds)) is not None:
        clock.now += wait_seconds
    assert least < clock.now < least * 1.1 + LONGEST_BACKOFF_SECONDS + LONGEST_JITTER_SECONDS


def test_rate_limit_long_after_the_last_one_begins_a_new_row() -> None:
    clock = Clock()
    limits = UnstatedLimits(clock)
    waits_of(limits, clock, 6)
    clock.now += 100_000
    assert waits_of(limits, clock, 1)[0] < 3
