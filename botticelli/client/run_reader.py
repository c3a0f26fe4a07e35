"""The methods of a client that read runs and change nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from botticelli.client.client_session import Session
from botticelli.errors import BotticelliError, NotFound

if TYPE_CHECKING:
    from botticelli.client.values import Diagnosis, Event, Progress, Run, RunFilter, RunResult
    from botticelli.statuses import RunStatus

POLL_SECONDS = 0.2
"""How often `wait` and `watch` read the run, in seconds."""


class WaitTimeout(BotticelliError):
    """Raised by `wait` when the run has not ended within the timeout. The run itself continues."""


class RunReader(Session):
    """Lists, reads, watches and diagnoses runs."""

    def runs(self, chosen: RunFilter | None = None) -> list[Run]:
        """Return the runs that meet all conditions of a filter, newest first.

            for run in client.runs(RunFilter(statuses=["failed"], tag="nightly", limit=100)):
                print(run.id, run.reason)

        Without a filter it returns the newest 20.
        """
        with self._connected() as runtime, runtime.store.transaction() as tx:
            return tx.runs.recent(chosen)

    def status(self, run_id: str) -> RunStatus | Literal["enqueued"]:
        """Return the status of a run, `enqueued` for an id that no worker has accepted yet.

            if client.status(run_id) == "waiting":
                print(client.diagnose(run_id).line)

        `queued`, `running`, `waiting` and `paused` may change; `completed`, `failed`, `budget_exhausted` and `cancelled`
        are final until somebody resumes the run.
        """
        try:
            return self._row(run_id).status
        except NotFound:
            return "enqueued"

    def result(self, run_id: str) -> RunResult:
        """Return the result of a run as it stands, with its `iterations`, whether or not it has ended.

            result = client.result(run_id)
            print(result.status, result.cost_usd, result.duration_seconds)
            for iteration in result.iterations:
                print(iteration.number, iteration.output)

        The figures are those of the finished iterations. Raises NotFound for a run that no worker has accepted.
        """
        from botticelli.carousel.result import result_of
        from botticelli.monitoring.run_outputs import with_iterations

        with self._connected() as runtime:
            return with_iterations(runtime, result_of(self._row(run_id)))

    def outputs(self, run_id: str, act: str | None = None) -> Iterator[str]:
        """Yield the outputs of the iterations that succeeded, in order; reads a page at a time.

            print(list(client.outputs(run_id)))

        They are those of the act named `act`, by default of the last act that has one. Raises NotFound for a run that no
        worker has accepted.
        """
        for iteration in self.result(run_id).iterations:
            output = iteration.output_of(act) if act else iteration.output
            if iteration.status == "succeeded" and output is not None:
                yield output

    def wait(self, run_id: str, timeout_seconds: float | None = None) -> RunResult:
        """Wait until a run was accepted and has ended, and return its result.

            try:
                result = client.wait(run_id, timeout_seconds=60)
            except WaitTimeout:
                client.cancel(run_id, reason="it took too long")

        Raises WaitTimeout when it has not ended after `timeout_seconds` (None: no limit); the run continues.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            try:
                if self._row(run_id).is_final:
                    return self.result(run_id)
            except NotFound:
                pass  # no worker has accepted it yet
            if deadline is not None and time.monotonic() >= deadline:
                problem = f"run {run_id} has not ended within {timeout_seconds:g} s"
                raise WaitTimeout(problem, do="wait again; the run continues")
            time.sleep(POLL_SECONDS)

    def watch(self, run_id: str, *, since: int = 0) -> Iterator[Event]:
        """Yield the events of a run from its start, as they happen, until it ends.

            for event in client.watch(run_id):
                print(event.at, event.event, dict(event.data))

        `since` is the id of the last event that was seen: only later ones are yielded. Events with the id 0 are live
        text and can't be resumed from. Waits for a run that no worker has accepted yet; raises ServiceUnavailable when
        Redis is away, so that none can.
        """
        from botticelli.monitoring.watch import watch

        with self._connected() as runtime:
            yield from watch(runtime, run_id, poll_seconds=POLL_SECONDS, since=since)

    def progress(self, run_id: str) -> Progress:
        """Return how far a run is: rows done of rows, pace, time left, the window that binds, cost, causes of failures.

            progress = client.progress(run_id)
            print(progress.done, progress.total, progress.per_minute, progress.eta_seconds)

        Raises NotFound for a run that no worker has accepted.
        """
        from botticelli.monitoring.progress import read_progress

        with self._connected() as runtime:
            return read_progress(runtime, run_id)

    def diagnose(self, run_id: str) -> Diagnosis:
        """Explain why a run is in its present state.

            diagnosis = client.diagnose(run_id)
            print(diagnosis.line)

        `line` is for people: `paused by ada: lunch; ...`. `cause` is one word; `until` is when it is due to change.
        Raises NotFound for a run that no worker has accepted.
        """
        from botticelli.monitoring.diagnosis import why

        with self._connected() as runtime:
            return why(runtime, run_id)

    def _row(self, run_id: str) -> Run:
        with self._connected() as runtime, runtime.store.transaction() as tx:
            return tx.runs.get(run_id)
