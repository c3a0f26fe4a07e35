"""The methods of a client that control runs and budgets. Each action is recorded with its author, time and reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botticelli.client.client_session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from botticelli.statuses import FinalStatus, RunStatus


class RunControls(Session):
    """Pauses, resumes, cancels, retries and deletes runs; pauses and resumes budgets."""

    def pause(self, run_id: str, *, now: bool = False, reason: str = "") -> RunStatus:
        """Pause a run, and return its new status: no further iteration starts, running ones finish.

            client.pause(run_id, now=True, reason="the prompt is wrong")

        With `now` running iterations go back to the queue before their next model call or effect, and the method
        returns once no call can start any more (up to 2.5 s). `reason` is recorded. An ended run stays as it is.
        """
        from botticelli.carousel import pause

        with self._connected() as runtime:
            return pause(runtime, run_id, self._actor(reason), now=now).status

    def resume(self, run_id: str, *, reason: str = "") -> RunStatus:
        """Resume a run that is paused or ended incomplete, and return its new status. Finished acts are kept.

            client.resume(run_id, reason="the key is valid again")

        Raises InvalidInput for a run that is completed, being ended, or was never accepted.
        """
        from botticelli.carousel import resume

        with self._connected() as runtime:
            return resume(runtime, run_id, self._actor(reason)).status

    def cancel(self, run_id: str, *, now: bool = False, reason: str = "") -> RunStatus:
        """Cancel a run, and return its new status: no iteration starts, running ones stop before their next call.

            client.cancel(run_id, reason="no longer needed")

        `resume` undoes it. With `now` it returns once no call can start any more. An ended run stays as it is.
        """
        from botticelli.carousel import cancel

        with self._connected() as runtime:
            return cancel(runtime, run_id, self._actor(reason), now=now).status

    def retry(self, run_id: str, *, reason: str = "") -> RunStatus:
        """Perform the failed iterations of a run again, and return its new status. Acts that succeeded are kept.

            if client.result(run_id).failed_iterations:
                client.retry(run_id, reason="the provider was down")

        Raises InvalidInput for a run that was cancelled, is being ended, or was never accepted.
        """
        from botticelli.carousel import retry

        with self._connected() as runtime:
            return retry(runtime, run_id, self._actor(reason)).status

    def prune(self, before: datetime, *, statuses: Sequence[FinalStatus] | None = None, dry_run: bool = False) -> int:
        """Delete the runs that ended before a time, with all their data, and return how many.

            from datetime import UTC, datetime, timedelta

            print(client.prune(datetime.now(UTC) - timedelta(days=30), statuses=["completed"], dry_run=True))

        `before` is an aware datetime. `statuses` limits it to some of the final ones (default: all). With `dry_run` it
        only counts them. Runs with an effect of unknown outcome are kept. Raises InvalidInput for a status that is not
        final, and for an empty list of them.
        """
        from botticelli.carousel import prune
        from botticelli.statuses import FINAL

        with self._connected() as runtime:
            return prune(runtime, before, FINAL if statuses is None else statuses, dry_run=dry_run).runs

    def pause_budget(self, scope: str, *, reason: str = "", until: datetime | None = None) -> None:
        """Pause a budget: all workers stop spending from it within a second; calls in flight still finish.

            client.pause_budget("gemini/gemini-3.8-flash@tier1", reason="the month's money is spent")

        `scope` is its full name as shown by `botticelli budget`, such as `gemini/gemini-3.8-flash@tier1`. `until` is an
        aware datetime at which the pause ends; without it the pause lasts until `resume_budget`.
        """
        from botticelli.carousel import pause_scope

        with self._connected() as runtime:
            pause_scope(runtime, scope, self._actor(reason), until=until)

    def resume_budget(self, scope: str, *, reason: str = "") -> None:
        """End the pause of a budget: the runs that wait for it resume. Does nothing for one that is not paused.

            client.resume_budget("gemini/gemini-3.8-flash@tier1")

        Its arguments are those of `pause_budget`.
        """
        from botticelli.carousel import resume_scope

        with self._connected() as runtime:
            resume_scope(runtime, scope, self._actor(reason))
