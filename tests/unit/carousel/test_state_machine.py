"""The state machine of a run: every next step from what is in flight, admitted and asked for."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from botticelli.carousel.admission.state_machine import AwaitApproval, End, Idle, Start, Step, next_step
from botticelli.statuses import FINAL
from botticelli.store import Open, Run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(
    id="r",
    narrative="n",
    source="s",
    request_sha256="",
    status="running",
    ending=None,
    reason=None,
    iterations=3,
    concurrency=2,
    continue_on_error=False,
    on_budget_exhausted="stop",
    max_wait_seconds=None,
    max_tokens_total=None,
    max_cost_usd=None,
    estimated_cost_usd=None,
    estimated_tokens=0,
    retries=0,
    rehearse=False,
    dispatched=1,
    succeeded=0,
    failed=0,
    input_tokens=0,
    cached_tokens=0,
    output_tokens=0,
    reasoning_tokens=0,
    cost_usd=None,
    due_at=None,
    waiting_since=None,
    created_at=NOW,
    started_at=NOW,
    finished_at=None,
    now=NOW,
)
NOTHING, ONE, TWO = Open(0, None, None), Open(1, None, None), Open(2, None, None)


@pytest.mark.parametrize(
    ("changes", "opened", "step"),
    [
        ({"dispatched": 0, "status": "queued"}, NOTHING, Start(1, again=False)),
        ({}, ONE, Start(2, again=False)),
        ({"dispatched": 2}, TWO, Idle()),
        ({"dispatched": 3}, ONE, Idle()),
        ({"dispatched": 3}, NOTHING, End("completed")),
        ({"dispatched": 3, "failed": 3}, NOTHING, End("failed")),
        ({"dispatched": 3, "failed": 2, "succeeded": 1}, NOTHING, End("completed")),
        ({}, Open(0, 1, 1), Start(1, again=True)),
        ({}, Open(1, 1, 0), Start(1, again=False)),
        ({"dispatched": 3}, Open(0, 2, 1), Start(2, again=True)),
        ({"dispatched": 3}, Open(2, 2, 1), Idle()),
        ({"dispatched": 3}, Open(0, None, None, parked=1), AwaitApproval()),
        ({"dispatched": 3}, Open(1, None, None, parked=1), Idle()),
        ({"dispatched": 3}, Open(0, 2, 1, parked=1), Start(2, again=True)),
        ({}, Open(0, None, None, parked=1), Start(2, again=False)),
        ({"status": "paused", "dispatched": 3}, Open(0, None, None, parked=1), Idle()),
        ({"ending": "failed", "reason": "why"}, ONE, Idle()),
        ({"ending": "failed", "reason": "why"}, NOTHING, End("failed", "why")),
        ({"status": "paused"}, NOTHING, Idle()),
        ({"status": "waiting"}, NOTHING, Start(2, again=False)),
        *[({"status": status}, NOTHING, Idle()) for status in FINAL],
    ],
)
def test_next_step(changes: dict[str, object], opened: Open, step: Step) -> None:
    assert next_step(dataclasses.replace(RUN, **changes), opened) == step  # type: ignore[arg-type]
