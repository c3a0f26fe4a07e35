"""Waits that a platform names: whatever number it is, they are finite and bounded."""

from __future__ import annotations

import pytest

from botticelli.platforms.discord.rest.request_limits import MAX_SECONDS, parse_wait_seconds, wait_seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(-(10**400), 0), (10**400, MAX_SECONDS), (float("-inf"), 0), (float("inf"), MAX_SECONDS), (-1, 0), (7, 7)],
    ids=repr,
)
def test_number_of_any_size_is_a_bounded_wait(said: float, seconds: float) -> None:
    assert parse_wait_seconds(said) == seconds
    assert 0 < wait_seconds(said, {}) <= MAX_SECONDS
