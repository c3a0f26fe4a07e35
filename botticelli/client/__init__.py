"""The Python API for other programs: enqueue narratives, read and watch runs, control them, approve their effects.

    from botticelli.client import Client

Imports no worker and no task. Each name is loaded when it is first used, so that the import is cheap. The reference page
docs/reference/python.md is made from the docstrings: `python -m botticelli.client.python_reference`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.loading.lazy_package import make_lazy

if TYPE_CHECKING:
    from botticelli.client.client import Client, RunHandle
    from botticelli.client.enqueue_options import EnqueueOptions
    from botticelli.client.run_reader import WaitTimeout
    from botticelli.client.schedule_controls import ScheduleOptions
    from botticelli.client.values import (
        ActResult,
        Backfill,
        BindingWindow,
        Diagnosis,
        Effect,
        Event,
        FiringView,
        IterationResult,
        PlannedRun,
        Progress,
        Run,
        RunFilter,
        RunResult,
        Schedule,
        ScheduleChange,
        ScheduleForecast,
        ScheduleReasons,
        SchedulesForecast,
        ScheduleView,
        UpcomingTime,
    )

__all__ = [
    "ActResult",
    "Backfill",
    "BindingWindow",
    "Client",
    "Diagnosis",
    "Effect",
    "EnqueueOptions",
    "Event",
    "FiringView",
    "IterationResult",
    "PlannedRun",
    "Progress",
    "Run",
    "RunFilter",
    "RunHandle",
    "RunResult",
    "Schedule",
    "ScheduleChange",
    "ScheduleForecast",
    "ScheduleOptions",
    "ScheduleReasons",
    "ScheduleView",
    "SchedulesForecast",
    "UpcomingTime",
    "WaitTimeout",
]

make_lazy(
    __name__,
    {
        "ScheduleOptions": "schedule_controls",
        "Backfill": "values",
        "BindingWindow": "values",
        "FiringView": "values",
        "PlannedRun": "values",
        "Progress": "values",
        "Schedule": "values",
        "ScheduleChange": "values",
        "ScheduleForecast": "values",
        "ScheduleReasons": "values",
        "ScheduleView": "values",
        "SchedulesForecast": "values",
        "UpcomingTime": "values",
        "ActResult": "values",
        "Client": "client",
        "Diagnosis": "values",
        "Effect": "values",
        "EnqueueOptions": "enqueue_options",
        "Event": "values",
        "IterationResult": "values",
        "Run": "values",
        "RunFilter": "values",
        "RunHandle": "client",
        "RunResult": "values",
        "WaitTimeout": "run_reader",
    },
)
