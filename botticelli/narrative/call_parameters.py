"""Defines the parameters of model calls that a narrative and each of its acts may set, with their places in the file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from botticelli.narrative.frozen import Frozen

Thinking = Literal["off", "low", "medium", "high"]
"""How much the model may think before it answers."""
ServiceTier = Literal["default", "flex", "priority"]
PARAMETERS = ("temperature", "top_p", "max_tokens", "thinking", "service_tier")


class Place(Frozen):
    """Names where a value is written. `file` is the name of another file beside the narrative, empty for its own."""

    line: int
    column: int
    file: str = ""


class CallParameters(Frozen):
    """Holds the parameters of model calls; None leaves one to the narrative around, and at last to the provider."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    thinking: Thinking | None = None
    service_tier: ServiceTier | None = None
    places: dict[str, Place] = Field(default_factory=dict)
    """Places of the parameters that are written in a file."""
