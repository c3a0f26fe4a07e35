"""Plans one iteration's demand on budgets: its model calls, their estimates and the shares of its ticket.

Reads settings and the narrative; asks no budget and no database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from botticelli.budget import Amounts, Scope, Share, merged
from botticelli.budget.limits import multiplied
from botticelli.carousel.plan.estimates import (
    REPAIR_TOKENS,
    Estimate,
    Estimates,
    fallback_names,
    first_estimates,
    from_json,
    model_name,
    turns,
)
from botticelli.carousel.plan.plan_parts import PlanParts, PlanRows
from botticelli.carousel.plan.snapshots import snapshot_of
from botticelli.drivers import ModelName
from botticelli.narrative import literal_guilds
from botticelli.narrative.execution import Carousel, Multipliers, RunOptions
from botticelli.narrative.loops import answers_per_turn
from botticelli.narrative.model import Narrative
from botticelli.pricing import STANDARD, UNKNOWN_PRICE, KnownPrice
from botticelli.settings.demands import Demands

ONCE = Carousel(iterations=1)
PLANS_KEPT = 256
REASONS_TOKENS = 200
"""Reserved for the reasons of a rejection in the prompt of the next attempt."""


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls of one act: `turns` of them, each reserved with the estimate in all `scopes`.

    The scopes in order: narrative, guilds and tenant of the run; spend limits of the provider; the model.
    """

    model: ModelName
    scopes: tuple[Scope, ...]
    turns: int
    estimate: Estimate
    price: KnownPrice = UNKNOWN_PRICE
    fallbacks: tuple[Call, ...] = ()
    """The same call with the fallback models, in order."""
    limits_note: str | None = None
    """A note for the user about limits that are a guess."""
    attempts: int = 1
    """How many answers one turn may ask for; those after the first also hold the answer before and why it was rejected."""
    service: str = STANDARD
    """The service that is asked for, by the word of the prices: `flex` costs less, but the standard one may answer."""
    counts_cached: bool = False
    """Whether cached input tokens count in the provider's windows of input tokens."""
    may_repair: bool = False
    """Whether a typed answer that doesn't fit is asked for once more, for which the ticket reserves."""

    @property
    def cost_usd(self) -> Decimal | None:
        """Return the cost of one call by its estimate and the highest price that may apply; None if the price is unknown."""
        return self.price.reserved_usd(self.estimate.input_tokens, self.estimate.output_tokens, self.service)

    @property
    def dearest_usd(self) -> Decimal | None:
        """Cost of all attempts of one turn by the most expensive of its models; None when any price is unknown."""
        costs = [call._reserved_usd for call in (self, *self.fallbacks)]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None

    @property
    def _reserved_usd(self) -> Decimal | None:
        costs = [call.cost_usd for call in self._of_turn]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if len(known) == len(costs) else None

    @property
    def reserved_tokens(self) -> int:
        """Tokens of all attempts of one turn, and of the repair of each."""
        return sum(call.tokens for call in self._of_turn)

    @property
    def reserved(self) -> Amounts:
        """Amounts of all attempts of one turn, and of the repair of each."""
        first, *others = [call.amounts for call in self._of_turn]
        return sum(others, first)

    @property
    def _of_turn(self) -> list[Call]:
        """The calls that one turn may make: its attempts, and the repair of each."""
        attempts = [self, *([self.again] * (self.attempts - 1))]
        return [call for attempt in attempts for call in (attempt, attempt.repair) if call is not None]

    @property
    def repair(self) -> Call | None:
        """Return the call that asks for a typed answer once more, with the answer that does not fit; None without one."""
        if not self.may_repair:
            return None
        return replace(self.with_input(self.estimate.output_tokens + REPAIR_TOKENS), may_repair=False)

    @property
    def again(self) -> Call:
        """An attempt after the first one."""
        return self.with_input(self.estimate.output_tokens + REASONS_TOKENS)

    def with_input(self, tokens: int) -> Call:
        """Return the call, and those of its other models, with this many more tokens in the prompt."""
        estimate = replace(
            self.estimate,
            tokens=self.estimate.tokens + tokens,
            input_tokens=self.estimate.input_tokens + tokens,
        )
        fallbacks = tuple(fallback.with_input(tokens) for fallback in self.fallbacks)
        return replace(self, estimate=estimate, fallbacks=fallbacks)

    @property
    def scope(self) -> Scope:
        """Return the scope of the model."""
        return self.scopes[-1]

    @property
    def account_scope(self) -> Scope | None:
        """Return the scope of the provider's spend limits, which all its models share; None without any."""
        return next((scope for scope in self.scopes if scope.name == f"{self.model.provider}@{self._tier}"), None)

    @property
    def _tier(self) -> str:
        return self.scope.name.rpartition("@")[2]

    @property
    def tokens(self) -> int:
        return self.estimate.tokens

    @property
    def expected_tokens(self) -> int | None:
        """Return the narrative's own figure for one call; None if it has none."""
        return self.estimate.tokens if self.estimate.source == "narrative" else None

    @property
    def amounts(self) -> Amounts:
        """Return the amounts that one call draws, in the metrics that its windows count."""
        estimate = self.estimate
        counted = {"requests", "tokens"} | {window.metric for scope in self.scopes for window in scope.windows}
        cost_microusd = math.ceil((self.cost_usd or 0) * 1_000_000) if "cost_microusd" in counted else 0
        full = Amounts(1, estimate.tokens, estimate.input_tokens, estimate.output_tokens, cost_microusd, 1)
        return Amounts.each(lambda metric: full.of(metric) if metric in counted else 0)


Plan = dict[int, Call]
"""Calls by position of the act, from 0, without acts that call no model."""


def carousel_of(narrative: Narrative) -> Carousel:
    return narrative.carousel or ONCE


def plan_iteration(
    runtime: PlanParts, narrative: Narrative, estimates: Estimates, demands: Sequence[Demands] = ()
) -> Plan:
    """Plan the calls of one iteration.

    `estimates` are those of the run; acts without one are estimated by `first_estimates`. The custom budgets in `demands`
    apply in addition to those of this process.

    Raises InvalidInput for a model without a driver, and SettingsError for a missing tier.
    """
    run_options = narrative.run_options or RunOptions()
    names = {"narrative": narrative.name, "guilds": literal_guilds(narrative), "tenant": run_options.tenant}
    own = runtime.scopes.custom(**names, enqueued=[demand.budgets for demand in demands])  # type: ignore[arg-type]
    has_gates = any(act.gate is not None for act in narrative.acts)
    plan: Plan = {}
    for position, estimate in (first_estimates(narrative) | estimates).items():
        act = narrative.acts[position]
        tier_of_act = narrative.parameters_for(act).service_tier
        service = STANDARD if tier_of_act in (None, "default") else tier_of_act
        calls = []
        for name in (model_name(runtime, narrative, act), *fallback_names(narrative, act)):
            model = runtime.drivers.resolve(name)
            tier = run_options.tiers.get(model.provider)
            budget = runtime.scopes.model_budget(model, tier)
            account = (budget.account,) if budget.account else ()
            scopes = (*own, *account, _multiplied(runtime, narrative, budget.scope))
            call = Call(model, scopes, turns(act), estimate, runtime.price(model, tier), service=service)
            attempts = answers_per_turn(narrative.acts, position) if has_gates else 1
            call = replace(call, limits_note=budget.note, counts_cached=budget.counts_cached)
            calls.append(replace(call, attempts=attempts, may_repair=act.is_typed))
        plan[position] = replace(calls[0], fallbacks=tuple(calls[1:]))
    return plan


def plan_of(runtime: PlanParts, tx: PlanRows, run_id: str) -> Plan:
    """Return the plan of the run's iterations, which is computed once per process."""
    plan: Plan | None = runtime.plans.get(run_id)
    if plan is None:
        snapshot = snapshot_of(tx, run_id)
        plan = plan_iteration(runtime, snapshot.narrative, from_json(snapshot.estimates), snapshot.demands)
        keep_plan(runtime, run_id, plan)
    return plan


def keep_plan(runtime: PlanParts, run_id: str, plan: Plan) -> None:
    """Keep the plan of a run for `plan_of`; forget the oldest plans."""
    while len(runtime.plans) >= PLANS_KEPT:
        runtime.plans.pop(next(iter(runtime.plans)), None)
    runtime.plans[run_id] = plan


def without_scope(plan: Plan, scope: str) -> Plan | None:
    """Return the plan with the next models in place of one whose scope refuses; None if a call has no next one."""
    other: Plan = {}
    for position, call in plan.items():
        options = (call, *call.fallbacks)
        rest = [option for option in options if all(other.name != scope for other in option.scopes)]
        if not rest:
            return None
        other[position] = replace(rest[0], fallbacks=tuple(rest[1:]))
    return other if any(other[position].model != call.model for position, call in plan.items()) else None


def with_models(narrative: Narrative, plan: Plan) -> Narrative:
    """Return the narrative with the models of its plan in its acts, so that the settings of workers don't change them."""
    acts = [
        act.model_copy(update=_models(plan[position])) if position in plan else act
        for position, act in enumerate(narrative.acts)
    ]
    return narrative.model_copy(update={"acts": tuple(acts)})


def _models(call: Call) -> dict[str, Any]:
    return {"model": str(call.model), "fallbacks": tuple(str(fallback.model) for fallback in call.fallbacks)}


def with_multipliers(narrative: Narrative, own: Multipliers) -> Narrative:
    """Return the narrative with the multipliers of one run in its most specific place, where every worker reads them."""
    if narrative.carousel is None:
        return narrative.model_copy(update={"budget": own.over(narrative.budget)})
    carousel = narrative.carousel.model_copy(update={"budget": own.over(narrative.carousel.budget)})
    return narrative.model_copy(update={"carousel": carousel})


def multipliers_of(narrative: Narrative) -> Multipliers:
    """Return the multipliers of the run, else of its carousel, else of the narrative."""
    return carousel_of(narrative).budget.over(narrative.budget)


def scopes_in(plan: Plan) -> dict[str, Scope]:
    """Return the scopes of all calls of a plan by name, fallback models included."""
    calls = [option for call in plan.values() for option in (call, *call.fallbacks)]
    return {scope.name: scope for call in calls for scope in call.scopes}


def estimates_in(plan: Plan) -> Estimates:
    return {position: call.estimate for position, call in plan.items()}


def estimated_tokens(plan: Plan) -> int:
    """Return the tokens of one iteration, with further attempts and repairs."""
    return sum(call.turns * call.reserved_tokens for call in plan.values())


def estimated_cost_usd(plan: Plan) -> Decimal | None:
    """Return the cost of one iteration by its most expensive models, with repairs; None when a price is unknown."""
    costs = [call.dearest_usd for call in plan.values()]
    known = [cost * call.turns for cost, call in zip(costs, plan.values(), strict=True) if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def shares(plan: Plan) -> tuple[Share, ...]:
    """Return the shares of one iteration's ticket, one for each scope.

    They have no slots, which draws take: a task that waits in the queue occupies none.
    """
    return merged([Share(scope, _turns(call)) for call in plan.values() for scope in call.scopes])


def without_prices(plan: Plan) -> Plan:
    """Return the plan with calls that cost nothing, for what needs no money and should not load the price list."""
    return {position: replace(call, price=UNKNOWN_PRICE) for position, call in plan.items()}


def _turns(call: Call) -> Amounts:
    reserved = call.reserved
    return replace(Amounts.each(lambda metric: reserved.of(metric) * call.turns), concurrency=0)


def _multiplied(runtime: PlanParts, narrative: Narrative, scope: Scope) -> Scope:
    """Return the scope of a model with the multipliers of the most specific place that sets them."""
    general = Multipliers.model_validate(runtime.settings.budget.model_dump(include=set(Multipliers.model_fields)))
    factors = multipliers_of(narrative).over(general)
    return scope if factors == Multipliers() else multiplied(scope, factors.model_dump())
