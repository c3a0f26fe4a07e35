"""The words of the budget: what they refuse, and what people read."""

from __future__ import annotations

import pytest

from botticelli.budget import BLOCKED, Amounts, MemoryBudget, Refusal, Scope, Share, Ticket, Window, merged
from botticelli.errors import InvalidInput
from botticelli.testing.budget_cases.clock import ManualClock


@pytest.mark.parametrize(
    ("window", "name"),
    [
        (Window("tokens", 1, 60), "tokens/60s"),
        (Window("requests", 1, 86_400, "fixed"), "requests/86400s fixed"),
        (Window("tokens", 1, 2_592_001), "tokens/2592001s"),
        (Window("tokens", 1, 0.5), "tokens/0.5s"),
        (Window("input_tokens", 1, 1, "bucket"), "input_tokens/1s bucket"),
        (Window("requests", 1, 86_400, "calendar", "Europe/Rome"), "requests/86400s calendar Europe/Rome"),
        (Window("cost_microusd", 1, 2_678_400, "month", "UTC"), "cost_microusd/2678400s month UTC"),
    ],
)
def test_window_names_say_metric_period_and_kind(window: Window, name: str) -> None:
    assert window.name == name


def test_impossible_windows_scopes_and_amounts_are_invalid_input() -> None:
    window = Window("tokens", 1, 60)
    with pytest.raises(InvalidInput, match="tokens/60s: a window can't allow -1"):
        Window("tokens", -1, 60)
    with pytest.raises(InvalidInput, match="0 s"):
        Window("tokens", 1, 0)
    with pytest.raises(InvalidInput, match=r"model: .*one limit for each window"):
        Scope("model", (window, Window("tokens", 2, 60)))
    with pytest.raises(InvalidInput, match="-5 ms"):
        Scope("model", (window,), guard_ms=-5)
    for made in (
        lambda: Window("tokens", 1, 86_400, "calendar"),
        lambda: Window("tokens", 1, 60, "calendar", "Europe/Rome"),
        lambda: Window("tokens", 1, 86_400, "month", "Europe/Rome"),
        lambda: Window("tokens", 1, 2_678_400, "calendar", "Europe/Rome"),
        lambda: Window("tokens", 1, 2_678_400, "month"),
        lambda: Window("tokens", 1, 86_400, "fixed", "Europe/Rome"),
    ):
        with pytest.raises(InvalidInput, match="a calendar window is a day in a time zone"):
            made()
    with pytest.raises(InvalidInput, match="'Europe/Paradise' is not a time zone"):
        Window("tokens", 1, 86_400, "calendar", "Europe/Paradise")
    with pytest.raises(InvalidInput, match="-1 tokens"):
        Amounts(tokens=-1)


def test_refusals_read_as_one_line_with_the_numbers() -> None:
    assert str(Refusal("m", "tokens/60s", 1000, 900, 200, 5)) == "m: 200 requested, 900 of 1,000 used in tokens/60s"
    assert (
        str(Refusal("m", "tokens/60s", 1000, 0, 2000, None)) == "m: 2,000 requested, but tokens/60s allows 1,000 in all"
    )
    assert str(Refusal("m", BLOCKED, 0, 0, 1, 5000)) == f"m: {BLOCKED} for another 5,000 ms"


def test_merging_adds_up_what_is_asked_of_the_same_scope() -> None:
    first, other = Scope("one"), Scope("other")
    shares = [Share(first, Amounts(1, 10)), Share(other, Amounts(1, 5)), Share(first, Amounts(2, 20))]
    assert merged(shares) == (Share(first, Amounts(3, 30)), Share(other, Amounts(1, 5)))
    assert merged([]) == ()


def test_a_ticket_without_scopes_is_granted() -> None:
    clock = ManualClock()
    budget = MemoryBudget(clock)
    assert budget.reserve("t", [], 60) == Ticket("t", (), clock.ms + 60_000)
    assert budget.renew("t", [], 60) is True


def test_json_of_something_else_is_no_ticket() -> None:
    with pytest.raises(KeyError):
        Ticket.from_json({"id": "t"})
