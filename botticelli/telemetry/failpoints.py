"""Named points between two durable steps at which a test can hold a process, to kill or stop it. Off by default.

BOTTICELLI_FAILPOINTS, the path of a folder, turns them on: the first process that reaches the point NAME removes the file
`NAME`, writes its process id to `NAME.reached`, and waits until that file is deleted.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Literal, get_args

Point = Literal[
    "request_received",
    "ticket_reserved",
    "row_committed",
    "message_published",
    "iteration_claimed",
    "request_drawn",
    "draw_in_ledger",
    "model_answered",
    "request_settled",
    "attempt_rejected",
    "act_recorded",
    "effect_intended",
    "effect_performed",
    "effect_recorded",
    "acts_performed",
    "iteration_ending",
    "ticket_released",
    "iteration_finished",
    "before_ack",
]
SchedulePoint = Literal["firing_recorded", "scheduled_run_stored", "schedule_fired"]
RowPoint = Literal["rows_stored", "rows_copied"]
ROW_POINTS: tuple[RowPoint, ...] = get_args(RowPoint)
"""Points of a batch of rows: within its transaction, and right after the commit."""
SCHEDULE_POINTS: tuple[SchedulePoint, ...] = get_args(SchedulePoint)
"""Points of a schedule's time that becomes a run: two within its transaction, and one right after the commit."""
POINTS: tuple[Point, ...] = get_args(Point)
"""The points that a request which becomes an iteration passes, in this order."""
NoticePoint = Literal["notice_sent"]
"""The point between sending a notice and recording that."""
WebhookPoint = Literal["webhook_run_stored"]
"""The point between storing the run of a webhook and recording its delivery."""

_POLL_SECONDS = 0.005
_folder = os.environ.get("BOTTICELLI_FAILPOINTS")


def reach(point: Point | SchedulePoint | NoticePoint | WebhookPoint | RowPoint) -> None:
    """Hold this process here if a test has armed the point; else this costs one comparison."""
    if _folder is not None:
        _hold(Path(_folder), point)


def _hold(folder: Path, point: str) -> None:
    reached = folder / f"{point}.reached"
    token = folder / f"{point}.{os.getpid()}.{threading.get_ident()}"
    try:
        (folder / point).rename(token)
    except FileNotFoundError:
        return
    token.write_text(f"{os.getpid()}\n")
    token.rename(reached)
    pause = threading.Event()
    while reached.exists():
        pause.wait(_POLL_SECONDS)
