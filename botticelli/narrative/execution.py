"""How a narrative is run: its carousel, its share of the budgets, its schedule, and the terms of one run. Starts nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from botticelli.narrative.frozen import Frozen


class Multipliers(Frozen):
    """How much of a provider's limits a carousel may use, 0 < x <= 1."""

    rpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    tpm_multiplier: float | None = Field(default=None, gt=0, le=1)
    rpd_multiplier: float | None = Field(default=None, gt=0, le=1)

    def over(self, general: Multipliers) -> Multipliers:
        """These where they say something, the more `general` ones where they don't."""
        return Multipliers(**{**general.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)})


class Terms(Frozen):
    """The terms that a run was enqueued under.

    `tiers` are by provider; `tenant` is whom it is run for. No file says either.
    """

    tiers: dict[str, str] = Field(default_factory=dict)
    tenant: str | None = None


class Carousel(Frozen):
    iterations: int = Field(ge=1)
    estimated_tokens_per_iteration: int | None = Field(default=None, ge=0)
    continue_on_error: bool = False
    concurrency: int = Field(default=1, ge=1)
    on_budget_exhausted: Literal["stop", "wait"] = "stop"
    max_wait_seconds: float | None = Field(default=None, gt=0)
    retries: int = Field(default=2, ge=0)
    max_tokens_total: int | None = Field(default=None, ge=1)
    max_cost_usd: float | None = Field(default=None, gt=0)
    budget: Multipliers = Multipliers()


class Schedule(Frozen):
    """When a narrative is to be run: exactly one of the two, in local time of `timezone`. Nothing here starts it."""

    cron: str | None = None
    every_seconds: float | None = Field(default=None, gt=0)
    timezone: str = "UTC"
