"""Defines the parameters of model calls that a narrative and each of its acts may set, with their places in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

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

    def with_tier(self, tier: ServiceTier | None) -> CallParameters:
        """Return them with this service tier, which is not written in the file; None changes nothing."""
        if tier is None:
            return self
        places = {name: place for name, place in self.places.items() if name != "service_tier"}
        return self.model_copy(update={"service_tier": tier, "places": places})


def first_given(levels: Sequence[CallParameters]) -> CallParameters:
    """Return each parameter with its place from the first level that sets it."""
    chosen: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for name in PARAMETERS:
        level = next((level for level in levels if getattr(level, name) is not None), levels[0])
        chosen[name] = getattr(level, name)
        if name in level.places:
            places[name] = level.places[name]
    return CallParameters(**chosen, places=places)


def placed_in(parameters: CallParameters, file: str) -> CallParameters:
    """Return the parameters alone, with places in that file where they name none."""
    places = {
        name: place if place.file else place.model_copy(update={"file": file})
        for name, place in parameters.places.items()
    }
    return CallParameters(**{name: getattr(parameters, name) for name in PARAMETERS}, places=places)
