"""`botticelli notify watch`: notice that no worker is alive, and deliver notices while there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option
from botticelli.cli.base.times import Duration
from botticelli.errors import InvalidInput
from botticelli.store import Absence

INTERVAL_SECONDS = 5.0
LAST_SECONDS = 60.0
"""How long it may take to deliver at the end of `--once`."""


@click.command("watch", short_help="Tell when no worker is alive.")
@click.option("--once", is_flag=True, help="Look once, deliver what is due, and end.")
@click.option(
    "--after", "after_seconds", type=Duration(), default="1m", show_default=True, help="How long no worker was alive."
)
@json_option
@pass_invocation
def watch(invocation: Invocation, *, once: bool, after_seconds: float, as_json: bool) -> None:
    """Look every 5 s whether runs are due and no worker is alive, and deliver notices as workers do.

    Workers can't tell that they are all gone. Run this beside them, on another machine, or with --once from cron; it
    performs no runs. Prints a line for each absence that it notices. Ends with Ctrl-C.
    """
    if not invocation.settings.notify:
        raise InvalidInput("there are no targets", where="[[notify]]", do="add one to botticelli.toml")
    for absence in _absences(invocation, once=once, after_seconds=after_seconds):
        emit(absence, _line(absence), as_json=as_json)


def _absences(invocation: Invocation, *, once: bool, after_seconds: float) -> Iterator[Absence]:
    """Yield each new absence, and deliver what is due in each pass. An absent Postgres is waited for, except with `once`."""
    from botticelli.notices.absent_workers import record_absence
    from botticelli.notices.deliverer import Deliverer
    from botticelli.runtime.server_errors import SERVER_ERRORS
    from botticelli.telemetry.log import logger

    deliverer = Deliverer(invocation.runtime)
    pause = threading.Event()
    while True:
        try:
            deliverer.register()
            if (absence := record_absence(invocation.runtime, after_seconds)) is not None:
                yield absence
            if once:
                deliverer.flush(LAST_SECONDS)
                return
            deliverer.tick()
        except SERVER_ERRORS as error:
            if once:
                raise
            logger.warning("notify_watch_interrupted error=%s", type(error).__name__)
        pause.wait(INTERVAL_SECONDS)


def _line(absence: Absence) -> str:
    seen = f"since {moment(absence.last_seen_at)}" if absence.last_seen_at else "ever"
    runs = "1 run is" if absence.due_runs == 1 else f"{absence.due_runs:,} runs are"
    return f"no worker has been alive {seen}; {runs} due since {moment(absence.due_since)}"
