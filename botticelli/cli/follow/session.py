"""From a run that exists to an exit code: follow it here, with a worker of our own where one is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from botticelli.cli.base.error_lines import INTERRUPTED
from botticelli.cli.follow.summary import START_A_WORKER

if TYPE_CHECKING:
    from botticelli.cli.base.context import Invocation
    from botticelli.cli.base.signals import Interruptions
    from botticelli.cli.follow.view import View


def perform_here(
    invocation: Invocation, run_id: str, view: View, interruptions: Interruptions, *, starts_worker: bool
) -> int:
    """Show the run until it is at rest; Ctrl-C pauses it. No worker that was started is left behind."""
    from botticelli.carousel import result
    from botticelli.cli.follow.follower import Following
    from botticelli.cli.follow.worker_supervisor import Crew

    crew = Crew(invocation, view.note, starts=starts_worker)
    following = Following(invocation, run_id, view, crew, interruptions, pauses=True)
    with ExitStack() as stack:
        stack.callback(lambda: crew.stop(hurry=_hurry(interruptions)))
        stack.callback(view.close)
        run = following.follow()
    if run is None:  # left while Postgres was away
        return result.EXIT_CODES["paused"]
    following.view.end(run)
    return result.exit_code(run)


def watch(invocation: Invocation, run_id: str, view: View, interruptions: Interruptions, *, since: int = 0) -> int:
    """Follow a run without changing it.

    Only look, from the event `since` on, until the run is at rest or somebody presses Ctrl-C, which changes nothing for
    the run.
    """
    from botticelli.carousel.result import exit_code
    from botticelli.cli.follow.follower import Following
    from botticelli.cli.follow.worker_supervisor import Crew

    crew = Crew(invocation, view.note, starts=False)
    following = Following(invocation, run_id, view, crew, interruptions, pauses=False, since=since)
    try:
        run = following.follow()
    finally:
        view.close()
    if interruptions.count or run is None:
        view.note("no longer watching; the run goes on")
        return INTERRUPTED
    following.view.end(run)
    return exit_code(run)


def say_if_no_worker(invocation: Invocation, view: View) -> None:
    from botticelli.runtime.heartbeats import live_workers

    if not live_workers(invocation.runtime):
        view.note(f"no worker is alive; {START_A_WORKER}")


def _hurry(interruptions: Interruptions) -> Callable[[], bool]:
    """Somebody has pressed Ctrl-C twice, or once more since now."""
    before = interruptions.count
    return lambda: interruptions.count > min(1, before)
