"""Creates a run from an older one: keeps everything before an iteration or act, and performs the rest again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from botticelli.carousel.actor import Actor
from botticelli.carousel.admission.dispatch import advance, publish
from botticelli.carousel.checks.command_checks import check_commands
from botticelli.carousel.checks.media_and_tables import check_media
from botticelli.carousel.checks.model_keys import readiness_notes
from botticelli.carousel.checks.parameter_checks import check_parameters
from botticelli.carousel.checks.run_checks import checked_plan, limit_notes
from botticelli.carousel.checks.variable_checks import check_variables
from botticelli.carousel.enqueuing.act_changes import changed
from botticelli.carousel.enqueuing.enqueue import Enqueued, EnqueueRequest, new_run
from botticelli.carousel.plan.estimates import learned_estimates
from botticelli.carousel.plan.snapshots import demands_of_run, narrative_of, variables_of
from botticelli.errors import InvalidInput
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands
from botticelli.store import Run, Transaction


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a fork begins: with iteration `number`, or at an act of it. `changes` are those of `act_changes.changed`.

    Writing commands after this place are performed again, so they have to be allowed explicitly.
    """

    number: int
    act: str | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    allow_effects: bool = False
    idempotency_key: str | None = None


def fork(runtime: Runtime, run_id: str, request: Fork, mover: Actor | None = None) -> Enqueued:
    """Fork a run, and return the new one, admitted.

    Everything it keeps was paid by the older run. Raises InvalidInput if anything before the place is unfinished, or if the
    changed narrative can't be performed.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        old = tx.runs.get(run_id)
        _require_place(tx, old, request)
        narrative = changed(narrative_of(tx, run_id), request.changes)
        variables, demands = variables_of(tx, run_id), demands_of_run(tx, run_id)
        position = _position(narrative, request.act)
        _require_acts(tx, old, request, position)
        estimates = learned_estimates(runtime, tx, narrative)
    _require_allowed(runtime, narrative, request, 0 if old.iterations > request.number else position)
    plan = checked_plan(runtime, narrative, old.source, estimates, demands)
    check_media(runtime, plan, narrative, old.source)
    warnings = check_parameters(runtime, plan, narrative, old.source)
    warnings += check_commands(runtime, narrative, old.source, rehearse=old.rehearse, demands=demands)
    warnings += [*limit_notes(plan), *readiness_notes(runtime, plan)]
    check_variables(narrative, variables)
    options = _options(old, request, variables, demands)
    new = replace(new_run(runtime, narrative, plan, old.source, options), forked_from=old.id, forked_at=request.number)
    with runtime.store.transaction() as tx:
        created = tx.runs.insert(new) is not None
        if created:
            old = tx.runs.lock(old.id)
            _require_place(tx, old, request)
            tx.runs.copy(old.id, new.id, before=request.number, position=position)
            tx.media.share(old.id, new.id)
            _share_rows(tx, old, new.id)
            reason = f"from {old.id}, iteration {request.number}" + (f": {mover.reason}" if mover.reason else "")
            tx.run_actions.record(new.id, "fork", actor=mover.name, reason=reason)
        publications = advance(runtime, tx, tx.runs.lock(new.id)) if created else []
        run = tx.runs.get(new.id)
    publish(runtime, publications)
    return Enqueued(run, created, tuple(warnings))


def _options(old: Run, request: Fork, variables: Mapping[str, str], demands: tuple[Demands, ...]) -> EnqueueRequest:
    said = (variables, old.iterations, None, request.idempotency_key, tuple(old.tags), old.rehearse)
    return EnqueueRequest(*said, demands=demands)


def _share_rows(tx: Transaction, old: Run, new_id: str) -> None:
    """Give a fork the rows of its run, if it has rows; all of them must be there."""
    if old.rows is None:
        return
    if old.lacks_rows:
        raise InvalidInput(f"the rows of run {old.id} are not all copied", do="fork it when they are")
    tx.items.share(old.id, new_id)
    tx.runs.set(new_id, rows=old.rows, iterations_ready=old.iterations)


def _require_place(tx: Transaction, old: Run, request: Fork) -> None:
    """Raise InvalidInput unless everything before the place is finished."""
    if not 1 <= request.number <= max(1, old.iterations):
        raise InvalidInput(f"run {old.id} has no iteration {request.number}", do=f"it has {old.iterations:,}")
    unfinished = tx.iterations.first_unfinished(old.id, request.number - 1)
    if unfinished is not None:
        raise InvalidInput(f"iteration {unfinished} of run {old.id} isn't finished", do=f"fork from {unfinished}")


def _position(narrative: Narrative, act: str | None) -> int:
    """Return how many acts of the first iteration are kept."""
    names = [item.name for item in narrative.acts]
    if act is not None and act not in names:
        raise InvalidInput(f"there is no act {act!r}", where="--act", do=f"the acts: {', '.join(names)}")
    return names.index(act) if act else 0


def _require_acts(tx: Transaction, old: Run, request: Fork, position: int) -> None:
    done = {
        row.position
        for row in tx.acts.of_iteration(old.id, request.number)
        if row.status not in ("failed", "repairing")
    }
    if not done.issuperset(range(position)):
        raise InvalidInput(
            f"iteration {request.number} of run {old.id} didn't come as far as act {request.act}",
            do="fork from an earlier act, or without --act",
        )


def _require_allowed(runtime: Runtime, narrative: Narrative, request: Fork, position: int) -> None:
    for act in narrative.acts[position:] if not request.allow_effects else ():
        for input_ in act.inputs:
            if input_.type == "bot_command":
                spec = runtime.platforms.get(input_.platform).spec(input_.command)
                if spec is not None and spec.writes:
                    raise InvalidInput(
                        f"act {act.name} would do {input_.command} again", do="allow it with --allow-effects"
                    )
