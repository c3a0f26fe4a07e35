"""`botticelli run`: enqueue a narrative and follow its run, starting services and a worker where needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from botticelli.cli.base.completions import complete_narratives
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.shared_options import (
    COUNT,
    enqueue_options,
    json_option,
    model_and_tier_options,
    multiplier_option,
    variables_option,
)
from botticelli.cli.rows.row_flags import rows_options, take_row_options
from botticelli.cli.runs.narrative_lookup import narrative_file

if TYPE_CHECKING:
    from botticelli.carousel import Enqueued, EnqueueRequest
    from botticelli.cli.follow.view import View
    from botticelli.narrative import Environment, Loaded
    from botticelli.narrative.source.media_store import MediaLimits


class LocalFiles(TypedDict):
    """Keyword arguments of `load_narrative` and `load_all`."""

    environment: Environment
    context: tuple[Path, ...]
    media_limits: MediaLimits


@click.command(short_help="Run a narrative and show how it goes.")
@click.argument("narrative", metavar="FILE_OR_NAME", shell_complete=complete_narratives)
@click.option("--name", metavar="NAME", help="Which narrative of the file; the same as FILE#NAME.")
@click.option("--iterations", type=COUNT, metavar="N", help="Number of iterations, instead of the carousel's.")
@variables_option
@rows_options
@click.option("--idempotency-key", metavar="KEY", help="A repeated key follows the first run instead of starting one.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag to find the run by; repeatable.")
@click.option("--rehearse", is_flag=True, help="Answer bot commands offline, without performing them.")
@multiplier_option("rpm", "requests per minute")
@multiplier_option("tpm", "tokens per minute")
@multiplier_option("rpd", "requests per day")
@model_and_tier_options
@click.option("--detach", is_flag=True, help="Print the id of the run and exit; workers perform it.")
@click.option("--no-worker", is_flag=True, help="Start no worker; wait for one.")
@json_option
@pass_invocation
def run(
    invocation: Invocation,
    /,
    *,
    narrative: str,
    name: str | None,
    detach: bool,
    no_worker: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Run a narrative, given as a file or by its name, and show how it goes.

    Starts the embedded services and a worker where none are alive. Ctrl-C pauses the run and waits for iterations in
    progress; a second Ctrl-C leaves at once. Exit codes: 0 completed, 1 failed, 2 invalid input, 3 budget exhausted,
    4 cancelled or paused, 5 completed with failures.
    """
    from botticelli.cli.base.signals import SignalCounter
    from botticelli.cli.follow.plain_views import PlainView, view_for
    from botticelli.cli.follow.session import run_session, warn_if_no_worker
    from botticelli.cli.rows.row_copying import copying

    rows = take_row_options(chosen)
    options = replace(enqueue_options(**chosen), rows=rows, worker_here=not (detach or no_worker))
    file, name = narrative_file(invocation, narrative, name)
    loaded = load(invocation, file, name)
    view: View = PlainView() if detach and not as_json else view_for(as_json=as_json)
    with SignalCounter() as signals:
        enqueued = _enqueue(invocation, loaded, file, options, view)
        if as_json:
            _show_enqueued(view, enqueued)
        if detach:
            if enqueued.row_copy is not None:
                enqueued.row_copy.run()
            if not as_json:
                click.echo(enqueued.run.id)
            warn_if_no_worker(invocation, view)
            return 0
        with copying(enqueued.row_copy, view, signals):
            return run_session(invocation, enqueued.run.id, view, signals, starts_worker=not no_worker)


def load(invocation: Invocation, file: Path, name: str | None = None) -> Loaded:
    """Load a local file, with the permissions of the operator. NarrativeError."""
    from botticelli.narrative import load_narrative

    return load_narrative(file, name=name, **local_files(invocation))


def local_files(invocation: Invocation) -> LocalFiles:
    """Return the environment variables, folders and media sizes that a local file may use."""
    from botticelli.carousel.checks.media_and_tables import media_limits
    from botticelli.narrative import Environment

    settings = invocation.settings
    environment = Environment.for_local_files(os.environ, settings.environment.allow)
    return {
        "environment": environment,
        "context": settings.context_folders,
        "media_limits": media_limits(settings),
    }


def _enqueue(invocation: Invocation, loaded: Loaded, file: Path, options: EnqueueRequest, view: View) -> Enqueued:
    from botticelli.carousel.enqueuing.enqueue import begin

    runtime = invocation.runtime
    enqueued = begin(runtime, loaded, str(file), options, after_rows=runtime.require_redis)
    for note in enqueued.notes:
        view.note(note)
    for warning in enqueued.warnings:
        view.note(f"warning: {warning}")
    return enqueued


def _show_enqueued(view: View, enqueued: Enqueued) -> None:
    from botticelli.monitoring.watch import Event

    run = enqueued.run
    data = {"narrative": run.narrative, "iterations": run.iterations, "created": enqueued.created}
    view.event(Event("run_enqueued", run.id, data))
