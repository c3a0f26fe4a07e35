"""`botticelli runs` logs and why: print the events of a run, and the reason for its present state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, one_line, safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import COUNT, json_option, run_argument
from botticelli.cli.runs.control_commands import resolve

if TYPE_CHECKING:
    from botticelli.telemetry.log import Event

FOLLOW_SECONDS = 0.5
LONG = ("output", "text")
"""Fields that are left out; `runs show` prints them."""
VALUE_CHARACTERS = 200


@click.command("logs", short_help="Show the events of a run.")
@run_argument
@click.option("--iteration", type=COUNT, metavar="N", help="Only events of this iteration.")
@click.option("--follow", is_flag=True, help="Keep printing until the run ends.")
@json_option
@pass_invocation
def logs(invocation: Invocation, run_id: str, *, iteration: int | None, follow: bool, as_json: bool) -> None:
    """Show the events of a run in order, a line each, without prompts and outputs.

    Events are about iterations, acts, failed calls, waits, lost workers, effects and control actions.
    """
    for event in _events(invocation, resolve(invocation, run_id), follow=follow):
        if iteration is not None and event.data.get("number") != iteration:
            continue
        data = {name: value for name, value in event.as_json().items() if name not in LONG}
        emit(data, log_line(event), as_json=as_json)


@click.command("why", short_help="Explain why a run is in its present state.")
@run_argument
@json_option
@pass_invocation
def why_run(invocation: Invocation, run_id: str, as_json: bool) -> None:
    """Explain in one line why a run is in its present state.

    Says what it waits for and until when, who paused it, which effect has an unknown outcome, and whether a worker is
    alive.
    """
    from botticelli.monitoring.diagnosis import why

    diagnosis = why(invocation.runtime, resolve(invocation, run_id))
    emit(diagnosis, safe(diagnosis.line), as_json=as_json)


LOG_COMMANDS = (logs, why_run)


def log_line(event: Event) -> str:
    """Return a line like `2026-01-31 12:00:00 act_finished number=1 act=draft status=done`, without empty fields."""
    shown = {name: value for name, value in event.data.items() if name not in LONG and value not in (None, "")}
    fields = " ".join(f"{name}={one_line(str(value), VALUE_CHARACTERS)}" for name, value in shown.items())
    return f"{moment(event.at)} {event.event} {fields}".rstrip()


def _events(invocation: Invocation, run_id: str, *, follow: bool) -> Iterator[Event]:
    from botticelli.monitoring.watch import Watcher, watch

    runtime = invocation.runtime
    if follow:
        yield from (event for event in watch(runtime, run_id, poll_seconds=FOLLOW_SECONDS) if event.event != "text")
        return
    with runtime.store.transaction() as tx:
        yield from Watcher(run_id, runtime.events).look(tx).events
