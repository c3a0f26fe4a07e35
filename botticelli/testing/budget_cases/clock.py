"""A clock that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """Call it for the time in milliseconds; assign `ms` or `advance` to move it, also backwards."""

    ms: int = 1_700_000_000_007

    def __call__(self) -> int:
        return self.ms

    def advance(self, ms: int) -> None:
        self.ms += ms
