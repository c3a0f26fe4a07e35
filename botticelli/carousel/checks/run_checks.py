"""Checks models, limits and variables of a narrative before a run exists. Stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from botticelli.budget import Refusal, Share
from botticelli.carousel.plan.estimates import Estimates
from botticelli.carousel.plan.planned_calls import (
    Plan,
    carousel_of,
    estimated_cost_usd,
    plan_iteration,
    shares,
    without_prices,
)
from botticelli.drivers import ReportsReadiness, UnclaimedModel
from botticelli.errors import InvalidInput
from botticelli.narrative import missing_variables, references
from botticelli.narrative.model import Narrative
from botticelli.narrative.source.suggest import nearest
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands


class NotHere(InvalidInput):
    """Says that a narrative is valid, but the settings of this installation refuse to run it."""


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


def readiness_notes(runtime: Runtime, plan: Plan) -> list[str]:
    """Return a warning for each provider that can't be called from here. Workers elsewhere may have what is missing."""
    calls = [option for call in plan.values() for option in (call, *call.fallbacks)]
    notes = []
    for name in dict.fromkeys(call.model.provider for call in calls):
        driver = runtime.drivers.get(name)
        if not isinstance(driver, ReportsReadiness):
            continue
        readiness = driver.readiness()
        if readiness.sdk_missing:
            notes.append(f"{name}: its SDK is not installed here; workers need it: {readiness.sdk_missing}")
        elif readiness.has_key is False and readiness.base_url is None:
            notes.append(f"{name}: {' or '.join(readiness.key_names)} is not set here; workers need it")
    return notes


def _never_fits(requested: Iterable[Share]) -> Refusal | None:
    for share in requested:
        for window in share.scope.windows:
            amount = getattr(share.amounts, window.metric)
            if amount > window.limit:
                return Refusal(share.scope.name, window.name, window.limit, 0, amount, None)
    return None


def check_variables(narrative: Narrative, given: Mapping[str, str]) -> None:
    """Raise InvalidInput for a variable without a value, and for a value without a variable."""
    missing = missing_variables(narrative, given)
    if missing:
        named = ", ".join(f"{{var.{name}}}" for name in missing)
        do = " ".join(f"--var {name}=VALUE" for name in missing)
        guess = _meant_variable(narrative, missing)
        raise InvalidInput(
            f"no value for {named}", do=f"{guess}give {'one' if len(missing) == 1 else 'them'} with {do}"
        )
    inner = (act.scope.variables for act in narrative.acts if act.scope)
    known = {
        *narrative.variables,
        *(name for names in inner for name in names),
        *(reference.name for reference in references(narrative) if reference.kind == "var"),
    }
    unused = sorted(given.keys() - known)
    if unused:
        offer = ", ".join(sorted(known)) or "none"
        raise InvalidInput(f"the narrative has no variable {unused[0]!r}", do=f"its variables: {offer}")


def _meant_variable(narrative: Narrative, missing: Sequence[str]) -> str:
    """Return the beginning of a hint with the variable that is closest to the first missing name."""
    names = sorted(narrative.variables)
    near = ((name, nearest(name, names)) for name in missing)
    return next((f"did you mean {{var.{guess}}} by {{var.{name}}}? Else " for name, guess in near if guess), "")
