"""Checks of a provider's token counts."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, GenerateResponse, Message, Usage, checked_response
from botticelli.drivers.reading.usage import CountReader, Counts, check_usage

PROMPT = "Write about the sea. " * 20
REQUEST = GenerateRequest(model="x", messages=(Message("user", PROMPT),))
WORDS = "the sea is wide and deep and old " * 75


@pytest.mark.parametrize(
    ("counts", "text", "is_doubtful"),
    [
        (Counts(100, 600), WORDS, False),
        (Counts(100, 20), WORDS, True),
        (Counts(3, 600), WORDS, True),
        (Counts(100, 1), "Yes.", False),
        (Counts(100, 4), "=" * 400, False),
        (Counts(100, 0), "", False),
        (Counts(100, 0), "Yes.", True),
        (Counts(0, 5), "Yes.", True),
        (Counts(100, None, 160), "Yes.", False),
        (Counts(None, 5, 105), "Yes.", False),
        (Counts(100, None, None), "Yes.", True),
        (Counts(100, 5, 0), "Yes.", False),
    ],
)
def test_count_is_doubted_only_where_it_can_not_be_true(counts: Counts, text: str, is_doubtful: bool) -> None:
    checked = check_usage(REQUEST, text, counts)
    assert bool(checked.doubts) == is_doubtful
    assert checked.usage.output_tokens >= (counts.output_tokens or 0)


def test_total_alone_bounds_what_is_charged() -> None:
    usage = check_usage(REQUEST, "Yes.", Counts(total_tokens=5_000)).usage
    assert usage.total_tokens == 5_000 and usage.output_tokens > 0


def test_count_in_a_text_is_read_and_doubted() -> None:
    reader = CountReader({"good": "600", "bad": "6e2"})
    assert (reader.count("good"), reader.oddity) == (600, "good = '600'")
    assert reader.count("bad") is None


@pytest.mark.parametrize("usage", [Usage(0, 0), Usage(-5, -7), Usage(1e30, 2), Usage(None, "7"), None])  # type: ignore[arg-type]
def test_driver_of_others_that_counts_nonsense_is_estimated(usage: Any) -> None:
    checked = checked_response(REQUEST, GenerateResponse(text=WORDS, usage=usage))
    assert checked.text == WORDS and checked.usage_doubtful
    assert 50 < checked.usage.input_tokens < 1000 and 300 < checked.usage.output_tokens < 2000
    assert checked.warnings


def test_driver_that_vouches_for_its_counts_is_believed() -> None:
    response = GenerateResponse(text=WORDS, usage=Usage(1, 1), usage_doubtful=False)
    assert checked_response(REQUEST, response) == response


def test_response_that_is_no_text_keeps_the_iteration_going() -> None:
    checked = checked_response(REQUEST, GenerateResponse(text=None, usage=Usage(1, 1)))  # type: ignore[arg-type]
    assert (checked.text, checked.usage_doubtful) == ("", True)
