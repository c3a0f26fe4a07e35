"""Reports the spans of runs that have ended, from their rows: whichever process ended them, and whether it lives on.

A mark in Postgres says up to which end they are reported. It moves after they were sent: a process that dies between has
them reported again, under the same ids.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from botticelli.runtime.process import Runtime, worker_name
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.runtime.tracing.spans import Attributes, SpanKey
from botticelli.store import ExpiredLease, Horizon, Run
from botticelli.telemetry.log import log

SOURCE = "run_spans"
BATCH_SIZE = 500
LOOK_SECONDS = 1.0
LAST_LOOKS = 10
LOOK_AGAIN_SECONDS = 0.05


class RunSpans:
    """Reports in a thread, in one worker of those that trace: the receiver may be slow."""

    name = "run_spans"
    interval_seconds = 0.0
    """In each sweep. (Duties import this module, so that it can't import their names.)"""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._horizon = Horizon()
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Start what is due, if no other worker has just done so."""
        if not self._runtime.spans.is_on or (self._thread is not None and self._thread.is_alive()):
            return
        with self._runtime.store.transaction() as tx:
            if not tx.duties.take(self.name, worker=worker_name(), interval_seconds=LOOK_SECONDS):
                return
        self._thread = threading.Thread(target=self._report, name="run-spans", daemon=True)
        self._thread.start()

    def _report(self) -> None:
        try:
            report_runs(self._runtime, self._horizon)
        except SERVER_ERRORS as error:
            log("run_spans_interrupted", error=type(error).__name__)


def begin_reporting(runtime: Runtime) -> None:
    """Report the runs that end from now on, if none was ever reported."""
    if runtime.spans.is_on:
        with runtime.store.transaction() as tx:
            tx.metrics.mark_first(SOURCE)


def report_last_runs(runtime: Runtime) -> None:
    """Report what has ended until now, as this worker ends: perhaps no other one is there."""
    if not runtime.spans.is_on:
        return
    horizon, pause = Horizon(margin_seconds=0.0), threading.Event()
    with suppress(*SERVER_ERRORS):
        for _ in range(LAST_LOOKS):
            if report_runs(runtime, horizon) is not None:
                return
            pause.wait(LOOK_AGAIN_SECONDS)


def report_runs(runtime: Runtime, horizon: Horizon) -> int | None:
    """Report and send the runs that have ended since the last time; return how many, None if that can't be told yet."""
    with runtime.store.transaction() as tx:
        until = horizon.advance(tx.metrics.sample())
        after = tx.metrics.marked(SOURCE)
        if until is None or after is None:
            return None
        ended = tx.runs.ended(after, until, BATCH_SIZE)
    for run in ended:
        _record(runtime, run)
    if ended:
        runtime.spans.flush()
        with runtime.store.transaction() as tx:
            tx.metrics.mark(SOURCE, ended[-1].finished_at or until)
    return len(ended)


def _record(runtime: Runtime, run: Run) -> None:
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.narrative,
        "botticelli.run.id": run.id,
        "botticelli.run.status": run.status,
        "botticelli.run.iterations": run.iterations,
        "botticelli.run.succeeded": run.succeeded,
        "botticelli.run.failed": run.failed,
        "botticelli.run.cost_usd": None if run.cost_usd is None else float(run.cost_usd),
    }
    error = (run.reason or run.status) if run.status == "failed" else None
    name = f"invoke_workflow {run.narrative}"
    times = run.created_at, run.finished_at or run.now
    runtime.spans.record(name, SpanKey(run.id), times, attributes, error)


def record_lost_iteration(runtime: Runtime, run: Run, lost: ExpiredLease) -> None:
    """Report the span of an attempt whose worker is lost, so that the spans of its acts have their parent."""
    if not runtime.spans.is_on:
        return
    attributes: Attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.narrative,
        "botticelli.run.id": run.id,
        "botticelli.iteration.number": lost.number,
        "botticelli.iteration.attempt": lost.attempt,
        "botticelli.worker": lost.worker,
        "botticelli.outcome": "lost",
    }
    key, times = SpanKey(lost.run_id, lost.number, lost.attempt), (lost.started_at or run.now, run.now)
    error = f"worker {lost.worker} was lost"
    runtime.spans.record(f"iteration {run.narrative}", key, times, attributes, error)
