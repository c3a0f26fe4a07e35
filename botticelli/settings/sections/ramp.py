"""Defines how fast the rate of an idle provider may grow, where the provider refuses a sudden rise."""

from __future__ import annotations

from pydantic import Field

from botticelli.settings.seconds import Seconds
from botticelli.settings.section import Section


class Ramp(Section):
    """The rates from which a scope starts after a silence; a limit without a rate here applies in full at once."""

    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    itpm: int | None = Field(default=None, ge=1)
    otpm: int | None = Field(default=None, ge=1)
    growth: float = Field(default=1.5, gt=1)
    """Factor by which the rates grow after each step."""
    step_seconds: Seconds = Field(default=60, gt=0)
    idle_seconds: Seconds = Field(default=900, gt=0)
    """Silence after which a scope starts from these rates again."""
