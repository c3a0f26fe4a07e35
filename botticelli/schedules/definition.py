"""Defines what a schedule is: when it fires, how it deals with late and overlapping times, and what it runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from botticelli.schedules.schedule_policies import CATCH_UP_SECONDS, CatchUp, Overlap


class ScheduleDefinition(BaseModel):
    """Holds what an author says of a schedule: in a narrative's file, on the command line, or through the client.

    Times come from `crons` in local time of `timezone`, or from `every_seconds`, counted from `anchor` (1970 if None).
    """

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    """None: the name of the narrative."""
    crons: tuple[str, ...] = ()
    every_seconds: float | None = None
    anchor: datetime | None = None
    timezone: str = "UTC"
    exclude: tuple[str, ...] = ()
    """Days (`2026-12-24`), ranges of days (`2026-12-24..2027-01-02`) and cron expressions that suppress times."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_seconds: float = 0.0
    overlap: Overlap = "skip"
    catch_up: CatchUp = "last"
    catch_up_seconds: float = CATCH_UP_SECONDS
    """Older times are missed, whatever `catch_up` says."""
    max_runs: int | None = None
    pause_after_failures: int | None = None
    live: bool = False
    """True: the narrative is read again at each time; False: each run performs the snapshot taken when it was applied."""
    request: dict[str, Any] = Field(default_factory=dict)
    """Options of each run, with the names of the wire: variables, iterations, tags, tiers, tenant, service_tier and
    rehearse."""
