"""Defines the protocol of a view of a run, and the snapshot that live views show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from botticelli.budget import ScopeUsage
    from botticelli.monitoring.progress import Progress
    from botticelli.monitoring.watch import Event
    from botticelli.store import Run


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """Holds a run at one moment, with its budgets, workers and limit."""

    run: Run
    performing: int
    usage: tuple[ScopeUsage, ...] = ()
    models: tuple[str, ...] = ()
    workers: str = ""
    progress: Progress | None = None


class View(Protocol):
    """Receives events, snapshots and notes of a followed run."""

    update_seconds: float
    """How often `update` is called while the run goes on; 0: several times a second."""

    def event(self, event: Event) -> None: ...

    def update(self, snapshot: RunSnapshot) -> None: ...

    def note(self, text: str) -> None:
        """Show a message about following itself, such as an outage or a started worker."""
        ...

    def end(self, run: Run) -> None:
        """Show the summary when following ends."""
        ...

    def close(self) -> None:
        """Restore the terminal; may be called repeatedly."""
        ...
