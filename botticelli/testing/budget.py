"""Tests that a budget conforms to `botticelli.budget.Budget`: subclass `BudgetConformance`, and run pytest.

`class TestMyBudget(BudgetConformance)` needs one method, `def make_budget(self, clock): return MyBudget(clock)`.
"""

from __future__ import annotations

from botticelli.testing.budget_cases.budget_base import BudgetCases
from botticelli.testing.budget_cases.budget_draws import DrawCases
from botticelli.testing.budget_cases.budget_kinds import KindCases
from botticelli.testing.budget_cases.budget_metrics import MetricCases
from botticelli.testing.budget_cases.budget_queue import QueueCases
from botticelli.testing.budget_cases.budget_tickets import TicketCases
from botticelli.testing.budget_cases.budget_windows import WindowCases
from botticelli.testing.budget_cases.clock import ManualClock

__all__ = ["BudgetCases", "BudgetConformance", "ManualClock"]


class BudgetConformance(TicketCases, DrawCases, WindowCases, KindCases, MetricCases, QueueCases):
    """Conformance suite with every rule of a Budget.

    `make_budget` returns an empty budget that reads the clock at each call, and that gives a draw by an unknown ticket a
    lease of `UNKNOWN_TICKET_LEASE_SECONDS`.
    """
