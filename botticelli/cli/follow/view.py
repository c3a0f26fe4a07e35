"""What a view of a run is, and the picture that it is shown. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from botticelli.budget import ScopeUsage
    from botticelli.monitoring.watch import Event
    from botticelli.store import Run


@dataclass(frozen=True, slots=True)
class Picture:
    """A run at one moment, with what surrounds it."""

    run: Run
    performing: int
    usage: tuple[ScopeUsage, ...] = ()
    models: tuple[str, ...] = ()
    workers: str = ""
    eta_seconds: float | None = None
    per_minute: float | None = None
    """Iterations that end in a minute, at the pace since the following began."""
    failures: tuple[tuple[str, int], ...] = ()
    """The most frequent causes of failures with their numbers."""


class View(Protocol):
    """What is told about a run while it is followed."""

    is_live: bool
    """Whether it wants a picture several times a second."""

    def event(self, event: Event) -> None: ...

    def picture(self, picture: Picture) -> None: ...

    def note(self, text: str) -> None:
        """Something that the following itself has to say."""
        ...

    def end(self, run: Run) -> None:
        """The last call, when the run is over or left."""
        ...

    def close(self) -> None:
        """Give the terminal back; harmless when repeated."""
        ...
