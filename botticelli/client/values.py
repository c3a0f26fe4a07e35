"""Gathers the values that the client takes and returns, which are defined where the engine makes them."""

from botticelli.carousel.scheduling.outlook import ScheduleReasons, ScheduleView, UpcomingTime
from botticelli.carousel.scheduling.schedule_control import Backfill
from botticelli.carousel.scheduling.schedule_definitions import ScheduleChange
from botticelli.carousel.scheduling.schedule_forecast import PlannedRun, ScheduleForecast, SchedulesForecast
from botticelli.monitoring.diagnosis import Diagnosis
from botticelli.monitoring.progress import BindingWindow, Progress
from botticelli.monitoring.run_outputs import ActResult, IterationResult, RunResult
from botticelli.store import Effect, FiringView, Run, RunFilter, Schedule
from botticelli.telemetry.log import Event

__all__ = [
    "ActResult",
    "Backfill",
    "BindingWindow",
    "Diagnosis",
    "Effect",
    "Event",
    "FiringView",
    "IterationResult",
    "PlannedRun",
    "Progress",
    "Run",
    "RunFilter",
    "RunResult",
    "Schedule",
    "ScheduleChange",
    "ScheduleForecast",
    "ScheduleReasons",
    "ScheduleView",
    "SchedulesForecast",
    "UpcomingTime",
]
