"""One request in several scopes: all or none, and nothing stays behind."""

from __future__ import annotations

import dataclasses

import pytest

from botticelli.budget import Amounts, Draw, MemoryBudget, Refusal, Scope, Share, Ticket, Window
from botticelli.spending.account import Draws, Request, confirm_all, draw_all
from botticelli.testing.budget_cases.clock import ManualClock

NARRATIVE = Scope("narrative:a", (Window("requests", 10, 60), Window("tokens", 500, 60)), 0)
GUILD = Scope("guild:1", (Window("tokens", 300, 60, "fixed"),), 0)
MODEL = Scope("p/m@t", (Window("requests", 2, 60), Window("tokens", 1000, 60)), 0)
SCOPES = (NARRATIVE, GUILD, MODEL)
CALL = Amounts(1, 100)


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(ManualClock())


def used(budget: MemoryBudget) -> dict[str, list[int]]:
    return {scope.name: [window.used for window in budget.usage(scope).windows] for scope in SCOPES}


def held(budget: MemoryBudget) -> list[Amounts]:
    return [budget.usage(scope).held for scope in SCOPES]


def test_a_request_is_charged_in_all_scopes(budget: MemoryBudget) -> None:
    assert isinstance(budget.reserve("t", [Share(scope, CALL) for scope in SCOPES], 60), Ticket)
    draws = Draws(budget, "t", SCOPES)
    [draw] = draw_all(budget, [Request(draws, "d", CALL)])
    assert isinstance(draw, Draw)
    assert draw.scope == "p/m@t"
    assert draws.settle("d", Amounts(1, 70)).outcome == "settled"
    assert draws.settle("d", Amounts(1, 70)).outcome == "repeated"
    assert used(budget) == {"narrative:a": [1, 70], "guild:1": [70], "p/m@t": [1, 70]}
    assert held(budget) == [Amounts()] * 3


@pytest.mark.parametrize("full", SCOPES)
def test_a_refusal_by_any_scope_leaves_nothing_drawn(budget: MemoryBudget, full: Scope) -> None:
    budget.block_until(full, 5000)
    before = used(budget)
    [answer] = draw_all(budget, [Request(Draws(budget, "t", SCOPES), "d", CALL)])
    assert isinstance(answer, Refusal)
    assert (answer.scope, answer.retry_after_ms) == (full.name, 5000)
    assert used(budget) == before
    assert held(budget) == [Amounts()] * 3


def test_after_a_refusal_the_same_draw_may_be_tried_again(budget: MemoryBudget) -> None:
    draws = Draws(budget, "t", SCOPES)
    answers = draw_all(budget, [Request(draws, f"d{n}", CALL) for n in range(3)])
    assert [isinstance(answer, Draw) for answer in answers] == [True, True, False]
    draws.undo("d1")
    assert isinstance(draw_all(budget, [Request(draws, "d2", CALL)])[0], Draw)
    assert used(budget)["narrative:a"][0] == used(budget)["p/m@t"][0] == 2


def test_a_draw_that_the_server_still_knows_is_confirmed_as_it_is(budget: MemoryBudget) -> None:
    draws = Draws(budget, "t", SCOPES)
    [draw] = draw_all(budget, [Request(draws, "d", CALL)])
    assert isinstance(draw, Draw)
    before = used(budget), held(budget)
    assert confirm_all(budget, [(Request(draws, "d", CALL), draw)]) == [draw]
    assert (used(budget), held(budget)) == before


@pytest.mark.parametrize("room", [True, False])
def test_a_draw_that_the_server_forgot_is_drawn_anew_in_all_scopes_or_refused(room: bool) -> None:
    clock = ManualClock()
    forgetful = MemoryBudget(clock)
    [draw] = draw_all(forgetful, [Request(Draws(forgetful, "t", SCOPES), "d", CALL)])
    assert isinstance(draw, Draw)
    clock.advance(1)
    budget = MemoryBudget(clock)
    if not room:
        budget.block_until(MODEL, 5000)
    [again] = confirm_all(budget, [(Request(Draws(budget, "t", SCOPES), "d", CALL), draw)])
    assert isinstance(again, Draw) is room
    assert used(budget) == {"narrative:a": [int(room), 0], "guild:1": [0], "p/m@t": [int(room), 0]}
    assert held(budget) == [Amounts(0, 100 * room)] * 3


def test_requests_of_several_tickets_are_drawn_together_each_in_all_of_its_scopes_or_in_none(
    budget: MemoryBudget,
) -> None:
    """The second finds no room in its second scope, the fourth none in its third; those of one scope are done early."""
    of_all = [Draws(budget, f"t{n}", SCOPES) for n in range(4)]
    of_one = Draws(budget, "other", (MODEL,))
    requests = [
        Request(of_all[0], "a", CALL),
        Request(of_all[1], "b", Amounts(1, 250)),
        Request(of_one, "c", CALL),
        Request(of_all[3], "d", CALL),
    ]
    answers = draw_all(budget, requests)
    assert [answer.scope if isinstance(answer, Refusal) else answer.id for answer in answers] == [
        "a",
        "guild:1",
        "c",
        MODEL.name,
    ]
    assert used(budget) == {"narrative:a": [1, 0], "guild:1": [0], "p/m@t": [2, 0]}
    assert held(budget) == [Amounts(0, 100), Amounts(0, 100), Amounts(0, 200)]
    assert draw_all(budget, []) == confirm_all(budget, []) == []


def test_of_several_draws_only_those_that_were_forgotten_are_drawn_anew(budget: MemoryBudget) -> None:
    draws = Draws(budget, "t", (MODEL,))
    [drawn] = draw_all(budget, [Request(draws, "kept", CALL)])
    assert isinstance(drawn, Draw)
    lost = dataclasses.replace(drawn, id="lost", drawn_at_ms=drawn.drawn_at_ms - 1)
    again = confirm_all(budget, [(Request(draws, "lost", CALL), lost), (Request(draws, "kept", CALL), drawn)])
    assert [draw.id for draw in again if isinstance(draw, Draw)] == ["lost", "kept"]
    assert used(budget)["p/m@t"] == [2, 0]
