"""Defines how a narrative is run: parameters of model calls, carousel, share of the budgets, options of one run."""

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


NO_CAP = 2**31 - 1
"""Iterations of a carousel that goes through all of its rows, however many there are."""


class Multipliers(Frozen):
    """Sets the share of a provider's limits that a carousel may use, over 0 and up to 1.

    rpm, tpm and rpd: requests per minute, tokens per minute, requests per day.
    """

    rpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    tpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    rpd_multiplier: float | None = Field(default=None, gt=0, le=1)

    def over(self, general: Multipliers) -> Multipliers:
        """Return these multipliers, with missing ones taken from the more `general` ones."""
        return Multipliers(**{**general.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)})


class RunOptions(Frozen):
    """Holds the options that a run was enqueued with, which no narrative file sets.

    `tiers` are by provider; `tenant` is whom the run is for. `model` replaces the models of all acts, `service_tier` the
    service tiers of all their calls.
    """

    tiers: dict[str, str] = Field(default_factory=dict)
    tenant: str | None = None
    model: str | None = None
    service_tier: ServiceTier | None = None


class ForEach(Frozen):
    """Names the rows that a carousel goes through: one of `file`, `rows`, `table` and `run` is set.

    `encoding` and `delimiter` are those of a file that does not show them. The rows of a `run` are the outputs of its
    `act`, by default of the last one.
    """

    file: str | None = None
    format: Literal["csv", "tsv", "jsonl", "parquet"] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    table: dict[str, Any] | None = None
    """The fields of a table input that were written."""
    run: str | None = None
    act: str | None = None
    columns: tuple[str, ...] | None = None
    """Columns that every row has, where they are known."""


class Carousel(Frozen):
    """Repeats a narrative or an act, within limits on concurrency, waiting, tokens and cost.

    With `foreach`, each iteration has a row, or `batch_rows` of them, and `iterations` is the most that are performed.
    """

    iterations: int = Field(ge=1)
    foreach: ForEach | None = None
    key: tuple[str, ...] = ()
    """Columns whose values name a row; empty: its content does."""
    batch_rows: int | None = Field(default=None, ge=1)
    estimated_tokens_per_iteration: int | None = Field(default=None, ge=0)
    continue_on_error: bool = False
    concurrency: int = Field(default=1, ge=1)
    on_budget_exhausted: Literal["stop", "wait"] = "stop"
    max_wait_seconds: float | None = Field(default=None, gt=0)
    retries: int = Field(default=2, ge=0)
    max_tokens_total: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, gt=0)
    budget: Multipliers = Multipliers()
