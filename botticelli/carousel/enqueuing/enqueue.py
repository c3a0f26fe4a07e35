"""Turns a narrative into a run, after all checks that are possible before the first call. Performs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.checks.media_and_tables import media_in
from botticelli.carousel.checks.run_checks import Candidate, run_checks
from botticelli.carousel.checks.run_options import with_options
from botticelli.carousel.enqueuing.row_copy import RowCopy, begin_copy, no_new_row
from botticelli.carousel.enqueuing.row_options import RowOptions, RunRows, rows_of, tokens_of_rows, without_rows
from botticelli.carousel.plan.estimates import to_json
from botticelli.carousel.plan.planned_calls import (
    Plan,
    carousel_of,
    estimated_cost_usd,
    estimated_tokens,
    estimates_in,
    keep_plan,
    with_models,
    with_multipliers,
)
from botticelli.errors import InvalidInput
from botticelli.messages import new_run_id, run_id_for
from botticelli.narrative import Loaded, literal_guilds, references
from botticelli.narrative.execution import NO_CAP, Multipliers, RunOptions
from botticelli.narrative.model import ROW_KINDS, Narrative
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import check_options
from botticelli.settings.demands import Demands, demands_of, lowest_cap, stored
from botticelli.store import NewRun, Open, Run

CHECKED = ("variables", "iterations", "run_id", "idempotency_key", "tags", "rehearse")
"""Names of options that are checked here, whoever enqueues; `run_options` are checked where they are read."""


@dataclass(frozen=True, slots=True)
class EnqueueRequest:
    """Options of an enqueue. The same `idempotency_key` again returns the first run."""

    variables: Mapping[str, str] = field(default_factory=dict)
    iterations: int | None = None
    run_id: str | None = None
    idempotency_key: str | None = None
    tags: tuple[str, ...] = ()
    rehearse: bool = False
    """Answer bot commands offline, without doing them."""
    multipliers: Multipliers = field(default_factory=Multipliers)
    """Shares of the limits that this run may use, in place of those of the narrative and the settings."""

    run_options: RunOptions = field(default_factory=RunOptions)
    """Tiers of this run, which take precedence over environment and settings, and its tenant and model."""

    demands: tuple[Demands, ...] = ()
    """Demands of the settings of callers, which apply in addition to the settings of this process."""

    rows: RowOptions = field(default_factory=RowOptions)

    worker_here: bool = False
    """Whether the caller starts a worker on this machine if none is alive."""

    def id_of_run(self) -> str:
        if self.run_id:
            return self.run_id
        return run_id_for(self.idempotency_key) if self.idempotency_key else new_run_id()


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A stored run. `created` is False if the same request had been enqueued before. `warnings`, `notes`: one line each."""

    run: Run
    created: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row_copy: RowCopy | None = None
    """Copies the rows that are left; None when there are none."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that passed every check and is not stored yet. `warnings` and `notes` are one line each."""

    new: NewRun
    plan: Plan
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    rows: RunRows | None = None

    def close(self) -> None:
        """Close the source of the rows."""
        if self.rows is not None:
            self.rows.chosen.close()


NO_OPTIONS = EnqueueRequest()
NONE_OPEN = Open(0, None, None)
"""The open iterations of a run that was just created."""


def enqueue(runtime: Runtime, loaded: Loaded, source: str, options: EnqueueRequest) -> Enqueued:
    """Check, store and admit a run. Raises NarrativeError, InvalidInput or SettingsError if it can't be performed."""
    enqueued = begin(runtime, loaded, source, options)
    if enqueued.row_copy is None:
        return enqueued
    enqueued.row_copy.run()
    with runtime.store.transaction() as tx:
        return replace(enqueued, run=tx.runs.get(enqueued.run.id), row_copy=None)


def begin(
    runtime: Runtime,
    loaded: Loaded,
    source: str,
    options: EnqueueRequest,
    *,
    after_rows: Callable[[], None] = lambda: None,
) -> Enqueued:
    """Enqueue, but leave all rows after the first batch to the caller, who runs `row_copy` while the run goes on.

    `after_rows` is called once the rows are checked, before servers are needed.
    """
    prepared = prepare(runtime, loaded, source, options, after_rows=after_rows)
    is_copying = False
    try:
        enqueued = _store(runtime, loaded, prepared)
        is_copying = enqueued.row_copy is not None
        return enqueued
    except BaseException:
        runtime.plans.pop(prepared.new.id, None)  # another narrative may get this id
        raise
    finally:
        if not is_copying:
            prepared.close()


def _store(runtime: Runtime, loaded: Loaded, prepared: Prepared) -> Enqueued:
    new, rows = prepared.new, prepared.rows
    with runtime.store.transaction() if rows is not None else runtime.store.joined_transaction() as tx:
        inserted = tx.runs.insert(new)
        created = inserted is not None
        run = inserted or tx.runs.lock(new.id)
        if not created and run.request_sha256 != new.request_sha256:
            raise InvalidInput(
                f"run {new.id} was enqueued before with another narrative or other options",
                do="use another idempotency_key",
            )
        if created:
            keep_plan(runtime, new.id, prepared.plan)
        if created and loaded.media:
            tx.media.attach(new.id, media_in(loaded))
        row_copy = begin_copy(runtime, tx, run, rows) if rows is not None else None
        if row_copy is not None:
            run = tx.runs.lock(new.id)
        publications = advance(runtime, tx, run, NONE_OPEN if created else None) if created or row_copy else []
        if created and rows is not None and not rows.chosen.count:
            tx.runs.set(new.id, reason=no_new_row(rows))
        run = tx.runs.get(new.id)
    publish(runtime, publications)
    return Enqueued(run, created, prepared.warnings, prepared.notes, row_copy)


def prepare(
    runtime: Runtime,
    loaded: Loaded,
    source: str,
    options: EnqueueRequest,
    *,
    after_rows: Callable[[], None] = lambda: None,
) -> Prepared:
    """Check everything that is possible before a run exists. Raises what `enqueue` raises; stores nothing."""
    given = [name for name in CHECKED if _is_given(getattr(options, name), getattr(NO_OPTIONS, name))]
    if given:
        check_options({name: getattr(options, name) for name in given})
    narrative = with_multipliers(loaded.narrative, options.multipliers)
    if options.run_options != NO_OPTIONS.run_options:
        narrative = with_options(runtime, narrative, options.run_options)
    rows = None
    if options.rows != NO_OPTIONS.rows or _goes_through_rows(narrative):
        rows = rows_of(runtime, loaded, narrative, options.rows, variables=options.variables, demands=options.demands)
    try:
        after_rows()
        return _checked(runtime, loaded, narrative, source, options, rows=rows)
    except BaseException:
        if rows is not None:
            rows.chosen.close()
        raise


def _checked(
    runtime: Runtime,
    loaded: Loaded,
    narrative: Narrative,
    source: str,
    options: EnqueueRequest,
    *,
    rows: RunRows | None,
) -> Prepared:
    run = Candidate(
        runtime,
        narrative,
        source,
        variables=options.variables,
        demands=options.demands,
        rehearse=options.rehearse,
        worker_here=options.worker_here,
        brought=tokens_of_rows(runtime, rows) if rows else {},
        warnings=[*map(str, loaded.warnings)],
    )
    run_checks(run)
    new = new_run(runtime, run.narrative, run.plan, source, options, rows=rows)
    return Prepared(new, run.plan, tuple(run.warnings), tuple(_default_model_notes(runtime, run.narrative)), rows)


def _is_given(value: object, default: object) -> bool:
    return (type(value), value) != (type(default), default)


def _goes_through_rows(narrative: Narrative) -> bool:
    """Return whether the narrative names rows, or has to be given some."""
    carousel = narrative.carousel
    if carousel is not None and (carousel.foreach or carousel.key or carousel.batch_rows):
        return True
    return any(reference.kind in ROW_KINDS for reference in references(narrative))


def _default_model_notes(runtime: Runtime, narrative: Narrative) -> list[str]:
    """Say which model answers for acts that name none and why; empty if every act names one, or the settings do."""
    chosen = narrative.run_options.model if narrative.run_options else None
    is_used = not chosen and any(act.calls_model and not (act.model or narrative.model) for act in narrative.acts)
    note = runtime.default_model.note
    return [note] if is_used and note else []


def _require_few(runtime: Runtime, iterations: int, demands: tuple[Demands, ...]) -> None:
    """Raise InvalidInput for more iterations than the settings allow."""
    most = lowest_cap("max_iterations", runtime.settings.security, demands)
    if most is not None and iterations > most:
        do = "ask for fewer, or raise max_iterations where it is set"
        raise InvalidInput(f"{iterations:,} iterations are asked for, [security] max_iterations is {most:,}", do=do)


def _iterations(narrative: Narrative, options: EnqueueRequest, rows: RunRows | None) -> int:
    """Return how many iterations are performed; with rows, the number of the carousel or of the caller is the most."""
    carousel = carousel_of(narrative)
    iterations = carousel.iterations if options.iterations is None else options.iterations
    if rows is None:
        return iterations
    is_capped = options.iterations is not None or carousel.foreach is not None
    return rows.iterations(iterations if is_capped else NO_CAP)


def new_run(
    runtime: Runtime,
    narrative: Narrative,
    plan: Plan,
    source: str,
    options: EnqueueRequest,
    *,
    rows: RunRows | None = None,
) -> NewRun:
    """Build the row of a run from a checked narrative, the options of the caller and the rows."""
    carousel, iterations = carousel_of(narrative), _iterations(narrative, options, rows)
    snapshot = (without_rows(with_models(narrative, plan)) if rows else with_models(narrative, plan)).snapshot()
    _require_few(runtime, iterations, options.demands)
    rest = [*([True] if options.rehearse else []), *([rows.chosen.digest] if rows else [])]
    request = json.dumps([snapshot, dict(options.variables), iterations, *rest], sort_keys=True)
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
        rows=None if rows is None else rows.count(iterations),
    )
