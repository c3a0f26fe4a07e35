"""What one iteration will ask of which budgets: its model calls, their estimates and the shares of its ticket.

Reads settings and the narrative; asks no budget and no database.
"""

from __future__ import annotations

from dataclasses import dataclass

from botticelli.budget import Amounts, Scope, Share, merged
from botticelli.budget.estimate import estimate_tokens
from botticelli.budget.limits import multiplied
from botticelli.drivers import ModelName
from botticelli.narrative.model import Act, Carousel, Multipliers, Narrative, Template
from botticelli.runtime import Runtime

DEFAULT_MAX_TOKENS = 1024
"""What an answer is taken to be worth when neither the narrative nor the act says how long it may be."""
ONCE = Carousel(iterations=1)


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls of one act: `turns` of them, each reserved with `tokens` in `scope`.

    `expected_tokens` is the narrative's own figure for one call, None when the estimate is ours.
    """

    model: ModelName
    scope: Scope
    turns: int
    tokens: int
    expected_tokens: int | None


Plan = dict[int, Call]
"""By the position of the act, from 0; acts without a model call are not in it."""


def carousel_of(narrative: Narrative) -> Carousel:
    return narrative.carousel or ONCE


def plan_iteration(runtime: Runtime, narrative: Narrative) -> Plan:
    """InvalidInput when an act names a model that nobody answers for."""
    speaking = {position: act for position, act in enumerate(narrative.acts) if act.calls_model}
    expected = _expected(narrative, list(speaking.values()))
    plan: Plan = {}
    for (position, act), stated in zip(speaking.items(), expected, strict=True):
        model = runtime.drivers.resolve(act.model or narrative.model or runtime.settings.default_model)
        tokens = stated if stated is not None else _own_estimate(act, narrative)
        plan[position] = Call(model, _scope(runtime, narrative, model), _turns(act), tokens, stated)
    return plan


def with_models(narrative: Narrative, plan: Plan) -> Narrative:
    """The narrative with the models of its plan written into its acts: whatever a worker's settings say, these answer."""
    acts = [
        act.model_copy(update={"model": str(plan[position].model)}) if position in plan else act
        for position, act in enumerate(narrative.acts)
    ]
    return narrative.model_copy(update={"acts": tuple(acts)})


def estimated_tokens(plan: Plan) -> int:
    return sum(call.turns * call.tokens for call in plan.values())


def shares(plan: Plan) -> tuple[Share, ...]:
    """What the ticket of one iteration asks, a share for each scope."""
    return merged([Share(call.scope, Amounts(call.turns, call.turns * call.tokens)) for call in plan.values()])


def _turns(act: Act) -> int:
    return act.carousel.iterations if act.carousel else 1


def _expected(narrative: Narrative, speaking: list[Act]) -> list[int | None]:
    """What the narrative says that one turn of each act takes: its own carousel's figure, else an even part of what
    the narrative's figure leaves; the first calls take what doesn't divide. None where nothing is said."""
    own = [act.carousel.estimated_tokens_per_iteration if act.carousel else None for act in speaking]
    total = carousel_of(narrative).estimated_tokens_per_iteration
    if total is None:
        return own
    taken = sum(_turns(act) * figure for act, figure in zip(speaking, own, strict=True) if figure is not None)
    rest = max(0, total - taken)
    calls = sum(_turns(act) for act, figure in zip(speaking, own, strict=True) if figure is None)
    parts: list[int | None] = []
    for act, figure in zip(speaking, own, strict=True):
        part = figure if figure is not None else -(-rest // calls)
        if figure is None:
            rest, calls = max(0, rest - part * _turns(act)), calls - _turns(act)
        parts.append(part)
    return parts


def _own_estimate(act: Act, narrative: Narrative) -> int:
    texts = [one.content for one in act.inputs if one.type == "text"]
    texts += [system for system in (act.system or narrative.system,) if system]
    return sum(map(_literal_tokens, texts)) + (act.max_tokens or narrative.max_tokens or DEFAULT_MAX_TOKENS)


def _literal_tokens(template: Template) -> int:
    return estimate_tokens("".join(part for part in template.parts if isinstance(part, str)))


def _scope(runtime: Runtime, narrative: Narrative, model: ModelName) -> Scope:
    """The model's limits, with the multipliers of the most specific place that has them."""
    own = carousel_of(narrative).budget.over(narrative.budget)
    general = Multipliers.model_validate(runtime.settings.budget.model_dump(include=set(Multipliers.model_fields)))
    return multiplied(runtime.scope(model), own.over(general).model_dump())
