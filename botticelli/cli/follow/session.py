"""Follows an existing run to its exit code, with a worker of its own where none is alive."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from botticelli.cli.base.error_lines import INTERRUPTED
from botticelli.cli.follow.summary import START_A_WORKER

if TYPE_CHECKING:
    from botticelli.cli.base.context import Invocation
    from botticelli.cli.base.signals import SignalCounter
    from botticelli.cli.follow.view import View


def run_session(invocation: Invocation, run_id: str, view: View, signals: SignalCounter, *, starts_worker: bool) -> int:
    """Show the run until it ends or pauses and return the exit code; Ctrl-C pauses it. Stops the worker it started."""
    from botticelli.carousel import result
    from botticelli.cli.follow.follower import Follower
    from botticelli.cli.follow.worker_supervisor import WorkerSupervisor

    supervisor = WorkerSupervisor(invocation, view.note, starts=starts_worker)
    follower = Follower(invocation, run_id, view, supervisor, signals, pauses=True)
    with ExitStack() as stack:
        stack.callback(lambda: supervisor.stop(hurry=_hurry(signals)))
        stack.callback(view.close)
        run = follower.run()
    if run is None:  # the user left while Postgres was down
        return result.EXIT_CODES["paused"]
    follower.view.end(run)
    return result.exit_code(run)


def watch(invocation: Invocation, run_id: str, view: View, signals: SignalCounter, *, since: int = 0) -> int:
    """Follow a run without changing it, from the event `since` on, and return its exit code.

    Ends when the run ends or pauses, or at Ctrl-C, which does not affect the run.
    """
    from botticelli.carousel.result import exit_code
    from botticelli.cli.follow.follower import Follower
    from botticelli.cli.follow.worker_supervisor import WorkerSupervisor

    supervisor = WorkerSupervisor(invocation, view.note, starts=False)
    follower = Follower(invocation, run_id, view, supervisor, signals, pauses=False, since=since)
    try:
        run = follower.run()
    finally:
        view.close()
    if signals.count or run is None:
        view.note("stopped watching; the run continues")
        return INTERRUPTED
    follower.view.end(run)
    return exit_code(run)


def warn_if_no_worker(invocation: Invocation, view: View) -> None:
    """Note in the view that no worker is alive, where that is so."""
    from botticelli.runtime.heartbeats import live_workers

    if not live_workers(invocation.runtime):
        view.note(f"no worker is alive; {START_A_WORKER}")


def _hurry(signals: SignalCounter) -> Callable[[], bool]:
    """Return a function that says whether Ctrl-C was pressed twice in all, or again from now on."""
    before = signals.count
    return lambda: signals.count > min(1, before)
