"""Provides the fixtures and helpers that the cases of the budget's conformance suite share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from botticelli.budget import Amounts, Budget, Draw, Refusal, Scope, Share, Ticket, Window
from botticelli.testing.budget_cases.clock import ManualClock

LEASE_SECONDS = 600.0
LEASE_MS = 600_000
UNKNOWN_TICKET_LEASE_SECONDS = 300.0
MINUTE_MS = 60_000


class BudgetCases(ABC):
    """Base of the conformance cases: a subclass defines how to make an empty budget."""

    @abstractmethod
    def make_budget(self, clock: ManualClock) -> Budget:
        """Make an empty budget that uses the clock."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def budget(self, clock: ManualClock) -> Budget:
        return self.make_budget(clock)


def tokens_per_minute(limit: int, name: str = "model", guard_ms: int = 0) -> Scope:
    return Scope(name, (Window("tokens", limit, 60),), guard_ms)


def hold(budget: Budget, ticket_id: str, scope: Scope, requests: int = 0, tokens: int = 0) -> Ticket | Refusal:
    return budget.reserve(ticket_id, [Share(scope, Amounts(requests, tokens))], LEASE_SECONDS)


def granted(answer: Ticket | Refusal) -> Ticket:
    assert isinstance(answer, Ticket), f"refused: {answer}"
    return answer


def drawn(answer: Draw | Refusal) -> Draw:
    assert isinstance(answer, Draw), f"refused: {answer}"
    return answer


def refused(answer: object) -> Refusal:
    assert isinstance(answer, Refusal), f"granted: {answer}"
    return answer


def wait_of(answer: object) -> int:
    """Return the wait of a refusal in milliseconds."""
    wait_ms = refused(answer).retry_after_ms
    assert wait_ms is not None, f"refused for ever: {answer}"
    return wait_ms


def used(budget: Budget, scope: Scope) -> list[int]:
    return [window.used for window in budget.usage(scope).windows]


def held(budget: Budget, scope: Scope) -> tuple[int, int]:
    amounts = budget.usage(scope).held
    return amounts.requests, amounts.tokens
