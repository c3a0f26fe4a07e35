"""Provides a clock that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """A clock whose call returns the time in milliseconds. Assign `ms` or call `advance` to move it, also backwards."""

    ms: int = 1_700_000_000_007

    def __call__(self) -> int:
        return self.ms

    def advance(self, ms: int) -> None:
        self.ms += ms
