"""Defines what a duty is: work that the sweep does repeatedly, apart from any run's own worker."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

EACH_SWEEP = 0.0
"""The interval of a duty that runs in every sweep."""


class Duty(Protocol):
    """Work that the sweep does repeatedly."""

    @property
    def name(self) -> str:
        """Names the duty in logs and in the table `duties`; no two duties share one."""
        ...

    @property
    def interval_seconds(self) -> float:
        """Time between two runs, in the whole fleet for a fleet duty; EACH_SWEEP, or longer than one sweep's interval."""
        ...

    def run(self) -> None:
        """Do what is due now. Raises what goes wrong: the sweep logs it, and runs the other duties."""
        ...


@runtime_checkable
class OutageAware(Protocol):
    """A duty that must know that this worker could not reach its servers for a while."""

    def note_outage(self) -> None:
        """Record that a server was away just now."""
        ...
