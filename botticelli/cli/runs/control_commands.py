"""`botticelli runs` pause, resume, cancel, retry, fork and prune; each action is recorded with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import COUNT, json_option, run_argument
from botticelli.cli.base.times import PAST
from botticelli.statuses import FINAL, FinalStatus

if TYPE_CHECKING:
    from botticelli.store import Run

Command = TypeVar("Command", bound=Callable[..., Any])
MEGABYTE = 1_000_000


def reason_option(command: Command) -> Command:
    return click.option("--reason", default="", metavar="TEXT", help="Reason, recorded with user and time.")(command)


def now_option(command: Command) -> Command:
    text = "Also stop before the next call or effect; returns when none can begin."
    return click.option("--now", is_flag=True, help=text)(command)


@click.command("pause", short_help="Pause a run.")
@run_argument
@now_option
@reason_option
@json_option
@pass_invocation
def pause_run(invocation: Invocation, *, run_id: str, now: bool, reason: str, as_json: bool) -> None:
    """Pause a run: no further iteration starts.

    Iterations in progress finish; with --now they are handed back before their next call or effect. Calls in flight
    finish and are kept. A run that is over does not change.
    """
    from botticelli.carousel import Actor, pause

    _print(pause(invocation.runtime, resolve(invocation, run_id), Actor(reason), now=now), as_json)


@click.command("cancel", short_help="Cancel a run.")
@run_argument
@now_option
@reason_option
@json_option
@pass_invocation
def cancel_run(invocation: Invocation, *, run_id: str, now: bool, reason: str, as_json: bool) -> None:
    """Cancel a run: iterations in progress stop at their next call. A run that is over does not change."""
    from botticelli.carousel import Actor, cancel

    _print(cancel(invocation.runtime, resolve(invocation, run_id), Actor(reason), now=now), as_json)


@click.command("resume", short_help="Resume a run.")
@run_argument
@click.option("--follow", is_flag=True, help="Follow the run, with a worker where none is alive, as `run` does.")
@reason_option
@json_option
@pass_invocation
def resume_run(invocation: Invocation, *, run_id: str, follow: bool, reason: str, as_json: bool) -> int:
    """Resume a run that is paused or ended before it was complete. Finished iterations are kept."""
    from botticelli.carousel import Actor, resume
    from botticelli.cli.base.signals import SignalCounter
    from botticelli.cli.follow.plain_views import PlainView, view_for
    from botticelli.cli.follow.session import run_session, warn_if_no_worker

    full_id = resolve(invocation, run_id)
    if not follow:
        _print(resume(invocation.runtime, full_id, Actor(reason)), as_json)
        warn_if_no_worker(invocation, PlainView())
        return 0
    with SignalCounter() as signals:
        resume(invocation.runtime, full_id, Actor(reason))
        return run_session(invocation, full_id, view_for(as_json=as_json), signals, starts_worker=True)


@click.command("retry", short_help="Retry failed iterations.")
@run_argument
@reason_option
@json_option
@pass_invocation
def retry_run(invocation: Invocation, *, run_id: str, reason: str, as_json: bool) -> None:
    """Retry the failed iterations, also of a complete run; their finished acts are kept.

    A run that ended because of a failure resumes. A run without failures does not change.
    """
    from botticelli.carousel import Actor, retry
    from botticelli.cli.follow.plain_views import PlainView
    from botticelli.cli.follow.session import warn_if_no_worker

    run = retry(invocation.runtime, resolve(invocation, run_id), Actor(reason))
    _print(run, as_json)
    if not run.is_final:
        warn_if_no_worker(invocation, PlainView())


def _changes(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Parse `ACT.KEY=TEXT` texts into a mapping."""
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not equals or "." not in key:
            raise click.BadParameter(f"{key!r} is not ACT.KEY=TEXT", ctx, parameter)
    return {key: text for key, _, text in pairs}


@click.command("fork", short_help="Start a new run from the middle of an older one.")
@run_argument
@click.option("--from", "number", type=COUNT, required=True, metavar="N", help="First iteration to perform.")
@click.option("--act", metavar="NAME", help="In iteration N, keep the acts before this one.")
@click.option(
    "--set", "changes", multiple=True, metavar="ACT.KEY=TEXT", callback=_changes, help="Change an act; repeatable."
)
@click.option("--allow-effects", is_flag=True, help="Allow bot commands that have effects to be performed again.")
@click.option("--idempotency-key", metavar="KEY", help="A repeated key returns the first fork.")
@reason_option
@json_option
@pass_invocation
def fork_run(
    invocation: Invocation,
    *,
    run_id: str,
    number: int,
    act: str | None,
    changes: dict[str, str],
    allow_effects: bool,
    idempotency_key: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Start a new run from iteration N of an older one.

    It copies the iterations before N with their outputs, at no cost, and performs the rest. KEY is prompt, system,
    model, temperature, top_p, max_tokens, thinking or service_tier. Prints the id of the new run.
    """
    from botticelli.carousel import Actor, Fork, fork
    from botticelli.cli.follow.plain_views import PlainView
    from botticelli.cli.follow.session import warn_if_no_worker

    options = Fork(number, act, changes, allow_effects, idempotency_key)
    forked = fork(invocation.runtime, resolve(invocation, run_id), options, Actor(reason))
    view = PlainView()
    for warning in forked.warnings:
        view.note(f"warning: {warning}")
    emit(forked.run, forked.run.id, as_json=as_json)
    warn_if_no_worker(invocation, view)


@click.command("prune", short_help="Delete runs that ended long ago.")
@click.option(
    "--older-than",
    "before",
    type=PAST,
    required=True,
    help="Ended more than `30d` ago, or before a date.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(FINAL),
    help="Only runs with this status; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many would be deleted.")
@click.option("--vacuum", is_flag=True, help="Give the space back to the disk; else Postgres keeps it for later runs.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def prune_runs(
    invocation: Invocation,
    *,
    before: datetime,
    statuses: tuple[FinalStatus, ...],
    dry_run: bool,
    vacuum: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete runs that ended before WHEN, with their iterations, outputs, effects and recorded actions.

    Keeps runs with an effect of unknown outcome, and ledger rows that a window, an audit or an estimate may still need.
    """
    from botticelli.carousel import prune

    chosen = statuses or FINAL
    pruned = prune(invocation.runtime, before, chosen, dry_run=True)
    if not dry_run and (pruned.runs or vacuum):
        if pruned.runs:
            confirm(f"delete {pruned.runs:,} runs for good?", yes)
        pruned = prune(invocation.runtime, before, chosen, vacuum=vacuum)
    data = {"runs": pruned.runs, "ledger": pruned.ledger, "freed_bytes": pruned.freed_bytes, "dry_run": dry_run}
    freed = f", freed {pruned.freed_bytes / MEGABYTE:,.1f} MB" if vacuum and not dry_run else ""
    emit(data, f"{'would delete' if dry_run else 'deleted'} {pruned.runs:,} runs{freed}", as_json=as_json)


CONTROL_COMMANDS = (pause_run, resume_run, cancel_run, retry_run, fork_run, prune_runs)


def resolve(invocation: Invocation, prefix: str) -> str:
    """Resolve the beginning of a run's id, or `latest`, to the full id. NotFound."""
    with invocation.runtime.store.transaction() as tx:
        return tx.runs.resolve(prefix)


def _print(run: Run, as_json: bool) -> None:
    """Print the run as it is after the action."""
    ending = f", will be {run.ending}" if run.ending and not run.is_final else ""
    held = " and stops before its next call" if run.hold == "now" else ""
    emit(run, f"run {run.id} is {run.status}{held}{ending}", as_json=as_json)
