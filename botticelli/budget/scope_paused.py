"""The refusal of a scope that a person has paused. Who paused which is kept elsewhere; nothing is counted here."""

from __future__ import annotations

from dataclasses import dataclass

from botticelli.budget.interface import Refusal

PAUSED = "paused"
"""The `window` of such a refusal."""


@dataclass(frozen=True, slots=True)
class ScopePaused(Refusal):
    """`retry_after_ms` is when to look again; the pause may end before or long after."""

    paused_by: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.scope}: paused by {self.paused_by}" + (f": {self.reason}" if self.reason else "")
