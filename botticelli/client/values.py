"""Gathers the values that the client takes and returns, which are defined where the engine makes them."""

from botticelli.monitoring.diagnosis import Diagnosis
from botticelli.monitoring.run_outputs import ActResult, IterationResult, RunResult
from botticelli.store import Effect, Run, RunFilter
from botticelli.telemetry.events import Event

__all__ = ["ActResult", "Diagnosis", "Effect", "Event", "IterationResult", "Run", "RunFilter", "RunResult"]
