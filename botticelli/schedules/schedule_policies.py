"""Names the policies of schedules: what happens to overlapping times, and to late ones."""

from __future__ import annotations

from typing import Literal

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow"]
CatchUp = Literal["last", "all", "none"]
OVERLAPS: tuple[Overlap, ...] = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow")
CATCH_UPS: tuple[CatchUp, ...] = ("last", "all", "none")
CATCH_UP_SECONDS = 3600.0
