"""Defines the gate of an act: what its answer must satisfy, how often it is asked for, and what happens otherwise."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from botticelli.gates.text_checks import Checks
from botticelli.narrative.frozen import Frozen

MAX_ATTEMPTS = 10
DEFAULT_ATTEMPTS = 3
Otherwise = Literal["fail", "review", "keep"]


class Gate(Frozen):
    """Judges the answers of an act. An answer that is not accepted is asked for again, with the reasons."""

    checks: Checks | None = None
    attempts: int = Field(default=DEFAULT_ATTEMPTS, ge=1, le=MAX_ATTEMPTS)
    """How many answers there may be, the first included."""
    otherwise: Otherwise = "fail"
    """What becomes of the last answer when none was accepted.

    fail: the act fails. review: a person decides, and the iteration ends here. keep: it is used, with a warning.
    """
