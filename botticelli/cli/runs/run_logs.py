"""`botticelli runs` logs and why: what happened in a run, a line for each event, and why it stands where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, one_line, safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option, run_argument
from botticelli.cli.runs.control_commands import resolve

if TYPE_CHECKING:
    from botticelli.telemetry.events import Event

FOLLOW_SECONDS = 0.5
LONG = ("output", "text")
"""Fields for which there are other commands."""
VALUE_CHARACTERS = 200


@click.command("logs", short_help="What happened in a run, a line for each event.")
@run_argument
@click.option("--iteration", type=click.IntRange(min=1), metavar="N", help="Only of this iteration.")
@click.option("--follow", is_flag=True, help="Go on until the run ends.")
@json_option
@pass_invocation
def logs(invocation: Invocation, run_id: str, *, iteration: int | None, follow: bool, as_json: bool) -> None:
    """Print what happened in a run.

    What happened in a run: iterations, acts, failed calls, waits, lost workers, effects and levers, in order, without
    prompts and outputs.
    """
    for event in _events(invocation, resolve(invocation, run_id), follow=follow):
        if iteration is not None and event.data.get("number") != iteration:
            continue
        if as_json:
            print_json({name: value for name, value in event.as_json().items() if name not in LONG})
        else:
            click.echo(log_line(event))


@click.command("why", short_help="Why a run stands where it stands.")
@run_argument
@json_option
@pass_invocation
def why_run(invocation: Invocation, run_id: str, as_json: bool) -> None:
    """Say in one line what a run waits for.

    One line: what the run waits for and until when, who holds or paused it, which effect is unclear, whether a worker
    is alive.
    """
    from botticelli.monitoring.diagnosis import why

    found = why(invocation.runtime, resolve(invocation, run_id))
    if as_json:
        print_json(found)
    else:
        click.echo(safe(found.line))


LOOKS = (logs, why_run)


def log_line(event: Event) -> str:
    """`2026-01-31 12:00:00 act_finished number=1 act=draft status=done ...`; empty fields are left out."""
    told = {name: value for name, value in event.data.items() if name not in LONG and value not in (None, "")}
    fields = " ".join(f"{name}={one_line(str(value), VALUE_CHARACTERS)}" for name, value in told.items())
    return f"{moment(event.at)} {event.event} {fields}".rstrip()


def _events(invocation: Invocation, run_id: str, *, follow: bool) -> Iterator[Event]:
    from botticelli.monitoring.watch import Watcher, watch

    runtime = invocation.runtime
    if follow:
        yield from (event for event in watch(runtime, run_id, poll_seconds=FOLLOW_SECONDS) if event.event != "text")
        return
    with runtime.store.transaction() as tx:
        yield from Watcher(run_id, runtime.events).look(tx).events
