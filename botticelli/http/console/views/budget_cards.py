"""Turns the usage of budgets into bars: what is used, what is held, what is left, and when it frees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from botticelli.budget import ScopeUsage, WindowUsage
from botticelli.store import WHOLE, Override

FULL = 1000


@dataclass(frozen=True, slots=True)
class WindowBar:
    """A window as a bar that is 1,000 wide. `lowered` is the override that lowers its limit, if one does."""

    usage: WindowUsage
    used: int
    held: int
    lowered: Override | None

    @property
    def name(self) -> str:
        return self.usage.window.name

    @property
    def share_percent(self) -> int:
        limit = self.usage.window.limit
        return 100 if limit <= 0 else round(100 * (self.usage.used + self.usage.held) / limit)


@dataclass(frozen=True, slots=True)
class Holder:
    """A ticket that holds some of a budget."""

    run_id: str
    number: str
    narrative: str


@dataclass(frozen=True, slots=True)
class BudgetCard:
    """A budget: its windows, its pause, who holds it, and how many wait for it."""

    scope: str
    windows: tuple[WindowBar, ...]
    pause: Override | None
    blocked_seconds: float
    holders: tuple[Holder, ...]
    waiting: int

    @property
    def is_idle(self) -> bool:
        return not (self.pause or self.blocked_seconds or self.holders or self.waiting) and all(
            bar.usage.used == 0 for bar in self.windows
        )


def card_of(usage: ScopeUsage, overrides: Mapping[str, Override], narratives: Mapping[str, str]) -> BudgetCard:
    """Return the card of a budget. `narratives` names those of the runs that hold it."""
    return BudgetCard(
        usage.scope,
        tuple(_bar(window, overrides.get(window.window.name)) for window in usage.windows),
        overrides.get(WHOLE),
        usage.blocked_for_ms / 1000,
        tuple(holder_of(ticket, narratives) for ticket in usage.holders),
        len(usage.waiting),
    )


def holder_of(ticket: str, narratives: Mapping[str, str]) -> Holder:
    """Read the name of a ticket, `run:number:attempt`."""
    run_id = run_of(ticket)
    number = ticket.removeprefix(f"{run_id}:").partition(":")[0]
    return Holder(run_id, number, narratives.get(run_id, ""))


def run_of(ticket: str) -> str:
    return ticket.rpartition(":")[0].rpartition(":")[0]


def _bar(usage: WindowUsage, lowered: Override | None) -> WindowBar:
    limit = usage.window.limit
    if limit <= 0:
        return WindowBar(usage, FULL, 0, lowered)
    used = min(FULL, round(FULL * usage.used / limit))
    return WindowBar(usage, used, min(FULL - used, round(FULL * usage.held / limit)), lowered)
