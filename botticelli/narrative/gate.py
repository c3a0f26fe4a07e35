"""Defines the gate of an act: what its answer must satisfy, how often it is asked for, and what happens otherwise."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from botticelli.gates.text_checks import Checks
from botticelli.narrative.expressions import Condition
from botticelli.narrative.frozen import Frozen

MAX_ATTEMPTS = 10
DEFAULT_ATTEMPTS = 3
DEFAULT_THRESHOLD = 0.5
Otherwise = Literal["fail", "review", "keep"]


class Unique(Frozen):
    """Compares an answer with earlier texts: those in a column of a content table, and those accepted by such gates."""

    table: str
    column: str
    within_seconds: float | None = Field(default=None, gt=0)
    """How old a text may be to count; None: however old."""
    threshold: float = Field(default=DEFAULT_THRESHOLD, gt=0, le=1)
    """The share of trigrams that two texts have in common from which on they are too similar."""


class Gate(Frozen):
    """Judges the answers of an act. An answer that is not accepted is asked for again, with the reasons."""

    checks: Checks | None = None
    unique: Unique | None = None
    accept_if: Condition | None = None
    """A condition on the answer itself, or on anything before it."""
    redo: str | None = None
    """The act from which on everything is performed again; None: only the act itself."""
    back: int = 0
    """How many positions before the gate's own act that is. Set when the acts are put in order."""
    attempts: int = Field(default=DEFAULT_ATTEMPTS, ge=1, le=MAX_ATTEMPTS)
    """How many answers there may be, the first included."""
    otherwise: Otherwise = "fail"
    """The fate of the last answer when none was accepted.

    fail: the act fails. review: a person decides, and the iteration ends here. keep: it is used, with a warning.
    """
