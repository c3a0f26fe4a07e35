"""A narrative becomes a run: everything that can be known before the first call is checked here. Performs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.checks.command_checks import check_commands, with_rehearsed
from botticelli.carousel.checks.media_and_tables import check_media, media_in, table_notes
from botticelli.carousel.checks.model_keys import default_model_notes, key_notes
from botticelli.carousel.checks.run_checks import check_variables, checked_plan, limit_notes
from botticelli.carousel.checks.run_options import with_options
from botticelli.carousel.plan.estimates import learned_estimates, to_json
from botticelli.carousel.plan.planned_calls import (
    Plan,
    carousel_of,
    estimated_cost_usd,
    estimated_tokens,
    estimates_in,
    with_models,
    with_multipliers,
)
from botticelli.carousel.plan.table_sizes import table_sizes
from botticelli.errors import InvalidInput
from botticelli.messages import new_run_id, run_id_for
from botticelli.narrative import Loaded, literal_guilds
from botticelli.narrative.execution import Multipliers, RunOptions
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import check_options
from botticelli.settings.demands import Demands, demands_of, lowest_cap, stored
from botticelli.store import NewRun, Run

CHECKED = ("variables", "iterations", "run_id", "idempotency_key", "tags", "rehearse")
"""Options of every door; run_options are checked where they are read."""


@dataclass(frozen=True, slots=True)
class EnqueueOptions:
    """Options of an enqueue. The same `idempotency_key` again returns the first run."""

    variables: Mapping[str, str] = field(default_factory=dict)
    iterations: int | None = None
    run_id: str | None = None
    idempotency_key: str | None = None
    tags: tuple[str, ...] = ()
    rehearse: bool = False
    """Answer bot commands offline, without doing them."""
    multipliers: Multipliers = field(default_factory=Multipliers)
    """Shares of the limits that this run may use; they take precedence over the narrative's and the settings'."""

    run_options: RunOptions = field(default_factory=RunOptions)
    """The tiers that this run uses, before those of environment and settings; and whom it is run for."""

    demands: tuple[Demands, ...] = ()
    """Demands of the callers' operators; they hold beside the settings of this process."""

    worker_here: bool = False
    """Whoever enqueues starts a worker of this machine where none is alive."""

    def id_of_run(self) -> str:
        if self.run_id:
            return self.run_id
        return run_id_for(self.idempotency_key) if self.idempotency_key else new_run_id()


@dataclass(frozen=True, slots=True)
class Enqueued:
    """`created` is False when this request had been enqueued before. `warnings` and `notes` are one line each."""

    run: Run
    created: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that passed every check and is not stored yet. `warnings` and `notes` are one line each."""

    new: NewRun
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def enqueue(runtime: Runtime, loaded: Loaded, source: str, options: EnqueueOptions) -> Enqueued:
    """Check, store and admit. NarrativeError, InvalidInput or SettingsError when it can't be performed as it is."""
    prepared = prepare(runtime, loaded, source, options)
    new = prepared.new
    with runtime.store.transaction() as tx:
        created = tx.runs.insert(new)
        run = tx.runs.lock(new.id)
        if not created and run.request_sha256 != new.request_sha256:
            raise InvalidInput(
                f"run {new.id} was enqueued before with another narrative or other options",
                do="use another idempotency_key",
            )
        if created:
            tx.media.attach(new.id, media_in(loaded))
        publications = advance(runtime, tx, run) if created else []
        run = tx.runs.get(new.id)
    publish(runtime, publications)
    return Enqueued(run, created, prepared.warnings, prepared.notes)


def prepare(runtime: Runtime, loaded: Loaded, source: str, options: EnqueueOptions) -> Prepared:
    """Check whatever can be known before a run exists. Raises what `enqueue` raises; stores nothing."""
    check_options({name: getattr(options, name) for name in CHECKED})
    narrative = with_options(runtime, with_multipliers(loaded.narrative, options.multipliers), options.run_options)
    warnings = [*map(str, loaded.warnings), *_of_commands(runtime, narrative, source, options)]
    rows = table_sizes(runtime, narrative)
    with runtime.store.transaction() as tx:
        estimates = learned_estimates(runtime, tx, narrative, rows)
        warnings += table_notes(runtime, tx, narrative, source)
    plan = checked_plan(runtime, narrative, source, estimates, options.demands)
    check_media(runtime, plan, narrative, source)
    warnings += [*limit_notes(plan), *key_notes(runtime, plan, worker_here=options.worker_here)]
    check_variables(narrative, options.variables)
    new = new_run(runtime, with_rehearsed(runtime, narrative), plan, source, options)
    return Prepared(new, tuple(warnings), tuple(default_model_notes(runtime, narrative)))


def _of_commands(runtime: Runtime, narrative: Narrative, source: str, options: EnqueueOptions) -> list[str]:
    return check_commands(runtime, narrative, source, rehearse=options.rehearse, demands=options.demands)


def _require_few(runtime: Runtime, iterations: int, demands: tuple[Demands, ...]) -> None:
    """InvalidInput for more iterations than an operator allows."""
    most = lowest_cap("max_iterations", runtime.settings.security, demands)
    if most is not None and iterations > most:
        do = "ask for fewer, or raise max_iterations where it is set"
        raise InvalidInput(f"{iterations:,} iterations are asked for, [security] max_iterations is {most:,}", do=do)


def new_run(runtime: Runtime, narrative: Narrative, plan: Plan, source: str, options: EnqueueOptions) -> NewRun:
    """Build the row of a run from a checked narrative and the options of the caller."""
    carousel = carousel_of(narrative)
    snapshot = with_models(narrative, plan).snapshot()
    iterations = carousel.iterations if options.iterations is None else options.iterations
    _require_few(runtime, iterations, options.demands)
    rehearse = [True] if options.rehearse else []
    request = json.dumps([snapshot, dict(options.variables), iterations, *rehearse], sort_keys=True)
    return NewRun(
        id=options.id_of_run(),
        narrative=narrative.name,
        source=source,
        snapshot=snapshot,
        variables=dict(options.variables),
        request_sha256=hashlib.sha256(request.encode()).hexdigest(),
        iterations=iterations,
        concurrency=carousel.concurrency,
        continue_on_error=carousel.continue_on_error,
        on_budget_exhausted=carousel.on_budget_exhausted,
        max_wait_seconds=carousel.max_wait_seconds,
        max_tokens_total=carousel.max_tokens_total,
        max_cost_usd=None if carousel.max_cost_usd is None else Decimal(str(carousel.max_cost_usd)),
        estimated_cost_usd=None if carousel.max_cost_usd is None else estimated_cost_usd(plan),
        estimated_tokens=estimated_tokens(plan),
        estimates=to_json(estimates_in(plan)),
        retries=carousel.retries,
        tags=list(options.tags),
        guilds=literal_guilds(narrative),
        rehearse=options.rehearse,
        demands=stored([demands_of(runtime.settings), *options.demands]),
    )
