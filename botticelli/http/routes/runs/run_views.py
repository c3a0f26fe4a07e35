"""The models of answers about runs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from botticelli.carousel import Pruned
from botticelli.http.wire.views import OPEN, STRICT, page_of, view_of
from botticelli.monitoring.progress import Progress
from botticelli.store import ActRow, Iteration, Run, RunAction

RUN_HIDDEN = ("request_sha256", "now", "rows_copier", "rows_lease_until")
RunView = view_of(Run, "RunView", *RUN_HIDDEN)
RunPage = page_of(RunView)
IterationView = view_of(Iteration, "IterationView")
IterationPage = page_of(IterationView)
ActView = view_of(ActRow, "ActView", "fencing_token")
ActPage = page_of(ActView)
ProgressView = view_of(Progress, "ProgressView")
ActionView = view_of(RunAction, "RunActionView")


class RunDetails(BaseModel):
    """A run with its options, what its ledger says, and who controlled it."""

    model_config = STRICT
    run: RunView  # type: ignore[valid-type]
    progress: ProgressView  # type: ignore[valid-type]
    options: dict[str, Any]
    ledger: dict[str, int]
    services: dict[str, int]
    for_review: int
    actions: list[ActionView]  # type: ignore[valid-type]


class DiagnosisView(BaseModel):
    """Why a run is in its present state: `cause` in one word, `line` for people."""

    model_config = STRICT
    run_id: str
    status: str
    cause: str
    line: str
    summary: str
    until: str | None
    details: dict[str, Any]


class RowView(BaseModel):
    """A row of a run; of a `bad` one only its line and the reason."""

    model_config = STRICT
    row: int | None
    key: str | None
    line: int
    iteration: int | None
    status: str
    error: str | None
    columns: dict[str, Any] | None = None


RowPage = page_of(RowView)


class EventView(BaseModel):
    """An event of a run; further fields depend on its name."""

    model_config = OPEN
    event: str
    run_id: str
    id: int | None = None
    at: str | None = None


class EventList(BaseModel):
    """The events of a run so far."""

    model_config = STRICT
    items: list[EventView]
    next: str | None


PrunedFields = view_of(Pruned, "PrunedFields")


class PrunedView(PrunedFields):  # type: ignore[valid-type,misc]
    """How many runs were deleted, or would be, and how many rows of the ledger."""

    dry_run: bool
