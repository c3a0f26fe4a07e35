"""Lists the checks that a run passes before it exists. Each says which runs it concerns; no other run enters it.

Stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from botticelli.budget import Refusal, Share
from botticelli.carousel.checks.command_checks import check_commands, with_rehearsed
from botticelli.carousel.checks.media_and_tables import check_media, table_notes
from botticelli.carousel.checks.parameter_checks import check_parameters
from botticelli.carousel.checks.variable_checks import check_variables
from botticelli.carousel.plan.estimates import Estimates, learned_estimates
from botticelli.carousel.plan.planned_calls import (
    Plan,
    carousel_of,
    estimated_cost_usd,
    plan_iteration,
    shares,
    without_prices,
)
from botticelli.drivers import UnclaimedModel
from botticelli.errors import NotHere
from botticelli.narrative import references
from botticelli.narrative.execution import PARAMETERS
from botticelli.narrative.model import MEDIA_KINDS, Narrative
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands


@dataclass
class Candidate:
    """A run that is checked: its narrative, which checks complete, and the options that they judge.

    `brought` are the tokens that rows and tables bring into the prompt of each act, None where they can't be known before.
    `worker_here`: the caller starts a worker on this machine if none is alive.
    """

    runtime: Runtime
    narrative: Narrative
    source: str
    variables: Mapping[str, str]
    demands: tuple[Demands, ...] = ()
    rehearse: bool = False
    worker_here: bool = False
    brought: dict[int, int | None] = field(default_factory=dict)
    estimates: Estimates = field(default_factory=dict)
    plan: Plan = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """One line each."""

    def has_inputs(self, *types: str) -> bool:
        """Return whether an act has an input of one of these types."""
        return any(input_.type in types for act in self.narrative.acts for input_ in act.inputs)


def run_checks(run: Candidate) -> None:
    """Check a run by all CHECKS that concern it, in order. Raises NarrativeError or InvalidInput for the first fault."""
    for concerns, check in CHECKS:
        if concerns is None or concerns(run):
            check(run)


def _check_commands(run: Candidate) -> None:
    run.warnings += check_commands(run.runtime, run.narrative, run.source, rehearse=run.rehearse, demands=run.demands)


def _measure_tables(run: Candidate) -> None:
    from botticelli.carousel.plan.table_sizes import add_tables, table_sizes

    run.brought = add_tables(run.brought, table_sizes(run.runtime, run.narrative))


def _write_schemas(run: Candidate) -> None:
    from botticelli.carousel.checks.table_schemas import with_table_schemas

    with run.runtime.store.transaction() as tx:
        run.narrative = with_table_schemas(tx, run.narrative, run.source)


def _estimate(run: Candidate) -> None:
    with run.runtime.store.single_statements() as tx:
        run.estimates = learned_estimates(run.runtime, tx, run.narrative, run.brought)


def _look_for_tables(run: Candidate) -> None:
    with run.runtime.store.transaction() as tx:
        run.warnings += table_notes(run.runtime, tx, run.narrative, run.source)


def _plan(run: Candidate) -> None:
    run.plan = checked_plan(run.runtime, run.narrative, run.source, run.estimates, run.demands)


def _check_parameters(run: Candidate) -> None:
    run.warnings += check_parameters(run.runtime, run.plan, run.narrative, run.source)


def _warn_of_limits(run: Candidate) -> None:
    run.warnings += limit_notes(run.plan)


def _look_for_keys(run: Candidate) -> None:
    from botticelli.carousel.checks.model_keys import key_notes

    run.warnings += key_notes(run.runtime, run.plan, worker_here=run.worker_here)


def _rehearse(run: Candidate) -> None:
    run.narrative = with_rehearsed(run.runtime, run.narrative)


def _names_tables(run: Candidate) -> bool:
    acts = run.narrative.acts
    templates = [run.narrative.template, *(act.scope.content.template for act in acts if act.scope)]
    return run.has_inputs("table") or any(templates) or any(act.gate.unique for act in acts if act.gate)


def _sets_parameters(run: Candidate) -> bool:
    options = run.narrative.run_options
    levels = (run.narrative, *run.narrative.acts, *([options] if options else []))
    return any(getattr(level, name, None) is not None for level in levels for name in PARAMETERS)


def _lacks_keys(run: Candidate) -> bool:
    return not all(run.runtime.drivers.is_ready(call.model.provider) for call in run.plan.values())


def _has_variables(run: Candidate) -> bool:
    return bool(run.variables) or any(reference.kind == "var" for reference in references(run.narrative))


CHECKS: tuple[tuple[Callable[[Candidate], bool] | None, Callable[[Candidate], None]], ...] = (
    (lambda run: run.has_inputs("bot_command") or bool(run.demands), _check_commands),
    (lambda run: run.has_inputs("table"), _measure_tables),
    (lambda run: any(act.schema_table is not None for act in run.narrative.acts), _write_schemas),
    (None, _estimate),
    (_names_tables, _look_for_tables),
    (None, _plan),
    (
        lambda run: run.has_inputs(*MEDIA_KINDS),
        lambda run: check_media(run.runtime, run.plan, run.narrative, run.source),
    ),
    (_sets_parameters, _check_parameters),
    (None, _warn_of_limits),
    (_lacks_keys, _look_for_keys),
    (_has_variables, lambda run: check_variables(run.narrative, run.variables)),
    (lambda run: run.has_inputs("bot_command"), _rehearse),
)
"""Each check, with the runs that it concerns; None: every run."""


def checked_plan(
    runtime: Runtime,
    narrative: Narrative,
    source: str,
    estimates: Estimates | None = None,
    demands: Sequence[Demands] = (),
    *,
    with_prices: bool = True,
) -> Plan:
    """Plan an iteration and check that it fits its limits; `estimates` default to the first ones. NotHere if it never fits.

    Without prices, limits of money are left out: loading the price list takes longer than all other checks.
    """
    try:
        plan = plan_iteration(runtime, narrative, estimates or {}, demands)
    except UnclaimedModel as error:
        raise NotHere(error.what, where=source, do=error.do) from None
    if carousel_of(narrative).max_cost_usd is not None and estimated_cost_usd(plan) is None:
        raise _unpriced(narrative, plan, source)
    refusal = _never_fits(shares(plan if with_prices else without_prices(plan)))
    if refusal is not None:
        gated = "attempts, " if any(call.attempts > 1 for call in plan.values()) else ""
        raise NotHere(
            f"one iteration is larger than a limit: {refusal}",
            where=source,
            do=f"lower {gated}estimated_tokens_per_iteration or choose another tier",
        )
    return plan


def _unpriced(narrative: Narrative, plan: Plan, source: str) -> NotHere:
    """Return the refusal of a cap on money, which names the models without a price and what to set."""
    acts: dict[str, list[str]] = {}
    places = []
    for position, act_call in plan.items():
        for call in (act_call, *act_call.fallbacks):
            if call.cost_usd is None:
                acts.setdefault(str(call.model), []).append(narrative.acts[position].name)
                tier = call.scope.name.rpartition("@")[2]
                places.append(f'[providers.{call.model.provider}.tiers.{tier}.models."{call.model.model}"]')
    models = (f"{model} ({'act' if len(names) == 1 else 'acts'} {', '.join(names)})" for model, names in acts.items())
    return NotHere(
        f"max_cost_usd can't be kept: the price of {', '.join(models)} is unknown",
        where=source,
        do=f"set usd_per_million_input and usd_per_million_output in {places[0]}, "
        "run `botticelli prices update`, or use max_tokens_total",
    )


def limit_notes(plan: Plan) -> list[str]:
    """Return a warning for each model whose limits are a guess."""
    return [note for note in dict.fromkeys(call.limits_note for call in plan.values()) if note is not None]


def _never_fits(requested: Iterable[Share]) -> Refusal | None:
    for share in requested:
        for window in share.scope.windows:
            amount = getattr(share.amounts, window.metric)
            if amount > window.limit:
                return Refusal(share.scope.name, window.name, window.limit, 0, amount, None)
    return None
