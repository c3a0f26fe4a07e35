"""The key by which a repeated try finds its effect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from botticelli.store import Claim
from workers.context.iteration_context import effect_key


def claim(*, run_id: str = "run", number: int = 7, attempt: int = 1) -> Claim:
    return Claim(run_id, number, attempt, attempt, {}, 0, datetime(2026, 1, 31, tzinfo=UTC))


CONTENT = ("act.0", "discord", "messages.send", {"channel_id": "1", "content": "é"})


def test_effect_key_stays_as_recorded_by_earlier_releases():
    assert effect_key(claim(), *CONTENT) == "8487ff33b32fc7902fcdcfd2244f4226"
    assert effect_key(claim(), "act.0", "pull", "posts") == "71a63196fa193a58c2211beb7d91a6ac"


def test_effect_key_is_the_same_in_every_attempt_and_order_of_arguments():
    swapped = {"content": "é", "channel_id": "1"}
    assert effect_key(claim(attempt=3), *CONTENT[:-1], swapped) == effect_key(claim(), *CONTENT)


@pytest.mark.parametrize("other", [claim(run_id="other"), claim(number=8)])
def test_effect_key_differs_between_iterations(other):
    assert effect_key(other, *CONTENT) != effect_key(claim(), *CONTENT)


@pytest.mark.parametrize("place", range(4))
def test_effect_key_differs_with_each_part_of_the_content(place):
    changed = [*CONTENT]
    changed[place] = "other"
    assert effect_key(claim(), *changed) != effect_key(claim(), *CONTENT)
