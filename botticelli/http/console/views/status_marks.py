"""Gives each status a shape, a word and a tone, so that no page tells anything by colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "waiting", "active", "held", "quiet"]
DOT = "M6 2.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7z"
RING = "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10zM6 3a3 3 0 1 1 0 6a3 3 0 1 1 0-6z"
CHECK = "M1 6.4l1.4-1.4l2.5 2.5l4.8-5l1.4 1.4l-6.2 6.5z"
CROSS = "M2.4 1l3.6 3.6l3.6-3.6l1.4 1.4l-3.6 3.6l3.6 3.6l-1.4 1.4l-3.6-3.6l-3.6 3.6l-1.4-1.4l3.6-3.6l-3.6-3.6z"
BARS = "M2 1h3v10h-3zM7 1h3v10h-3z"
GLASS = "M2 0.5h8v2.5l-3 3l3 3v2.5h-8v-2.5l3-3l-3-3z"
GEM = "M6 0.5l5.5 5.5l-5.5 5.5l-5.5-5.5z"
DASH = "M1 4.7h10v2.6h-10z"
HAND = "M6 0.5l5.5 10.5h-11zM5.2 4.5h1.6v3h-1.6zM5.2 8.3h1.6v1.5h-1.6z"


@dataclass(frozen=True, slots=True)
class Mark:
    """The sign of a status: its word, its tone, and a path in a field of 12 by 12."""

    word: str
    tone: Tone
    shape: str


_MARKS: dict[str, tuple[Tone, str]] = {
    "queued": ("quiet", RING),
    "enqueued": ("quiet", RING),
    "running": ("active", DOT),
    "active": ("active", DOT),
    "alive": ("active", DOT),
    "intended": ("active", DOT),
    "drawn": ("active", DOT),
    "repairing": ("active", DOT),
    "waiting": ("waiting", GLASS),
    "pending": ("waiting", GLASS),
    "buffered": ("waiting", GLASS),
    "flagged": ("waiting", HAND),
    "unknown": ("waiting", HAND),
    "budget_exhausted": ("waiting", GEM),
    "paused": ("held", BARS),
    "completed": ("good", CHECK),
    "succeeded": ("good", CHECK),
    "approved": ("good", CHECK),
    "done": ("good", CHECK),
    "started": ("good", CHECK),
    "ready": ("good", CHECK),
    "faulty": ("bad", CROSS),
    "failed": ("bad", CROSS),
    "rejected": ("bad", CROSS),
    "missed": ("bad", CROSS),
    "trouble": ("bad", HAND),
    "cancelled": ("quiet", DASH),
    "skipped": ("quiet", DASH),
    "ended": ("quiet", DASH),
}


def mark_of(status: str) -> Mark:
    """Return the mark of a status; one that is not known is quiet."""
    tone, shape = _MARKS.get(status, ("quiet", RING))
    return Mark(status.replace("_", " "), tone, shape)
