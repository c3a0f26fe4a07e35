"""Defines the refusal of a scope that a person has paused. Pauses themselves are rows in the store."""

from __future__ import annotations

from dataclasses import dataclass

from botticelli.budget.interface import Refusal

PAUSED = "paused"
"""Value of `Refusal.window` for a paused scope."""


@dataclass(frozen=True, slots=True)
class ScopePaused(Refusal):
    """Refuses because a person paused the scope. `retry_after_ms` is only the time until the next check."""

    paused_by: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.scope}: paused by {self.paused_by}" + (f": {self.reason}" if self.reason else "")
