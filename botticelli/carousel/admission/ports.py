"""The parts and rows that admission uses: protocols only.

A worker passes its process and an open transaction; a simulation passes a Budget and rows in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from botticelli.budget import Budget, Scope
from botticelli.budget.scope_paused import ScopePaused
from botticelli.carousel.plan.plan_parts import PlanParts, SnapshotRows
from botticelli.runtime.scopes import OverrideRows, ReadsOverrides
from botticelli.settings import Settings
from botticelli.statuses import FinalStatus
from botticelli.store import Open


class RunEvents(Protocol):
    """Publishes events of runs to watchers."""

    def tell(self, run_id: str, event: str, **data: Any) -> None: ...


class GrantingScopes(Protocol):
    """Says which limits and pauses are in force."""

    def in_force(self, scope: Scope, rows: OverrideRows | None = None) -> Scope: ...

    def paused(self, scopes: Iterable[Scope], rows: OverrideRows | None = None) -> ScopePaused | None: ...


class ReservingParts(Protocol):
    """The parts of a process that reserve tickets."""

    @property
    def settings(self) -> Settings: ...

    @property
    def budget(self) -> Budget: ...

    @property
    def scopes(self) -> GrantingScopes: ...


class AdmissionParts(PlanParts, Protocol):
    """The parts of a process that admit iterations."""

    @property
    def budget(self) -> Budget: ...

    @property
    def events(self) -> RunEvents: ...


class RunRows(SnapshotRows, Protocol):
    """Changes rows of runs."""

    def set(self, run_id: str, **values: Any) -> None: ...

    def finish(self, run_id: str, status: FinalStatus, reason: str | None) -> None: ...


class IterationRows(Protocol):
    """Reads, admits and cancels iterations."""

    def open(self, run_id: str) -> Open: ...

    def admit(
        self,
        run_id: str,
        tickets: Mapping[int, Mapping[str, Any]],
        grace_seconds: float,
        *,
        due_at: datetime | None = None,
        is_new: bool = False,
    ) -> dict[int, int]: ...

    def cancel_queued(self, run_id: str) -> Sequence[Mapping[str, Any]]: ...

    def parked(self, run_id: str) -> list[str]: ...

    def failures(self, run_id: str, limit: int = 3) -> object: ...


class RunActionRows(Protocol):
    """Records what was done to a run, by whom and why."""

    def record(self, run_id: str, action: str, *, actor: str, reason: str) -> object: ...


class AdmissionRows(Protocol):
    """An open transaction, as far as admission uses it."""

    @property
    def runs(self) -> RunRows: ...

    @property
    def iterations(self) -> IterationRows: ...

    @property
    def run_actions(self) -> RunActionRows: ...

    @property
    def overrides(self) -> ReadsOverrides: ...
