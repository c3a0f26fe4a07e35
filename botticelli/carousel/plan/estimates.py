"""Estimates the tokens of one call of each act, with the source of the figure. Done at enqueue, stored with the run.

The sources in order: the figure of the narrative; a quantile of the act's past usage; its prompt and `max_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from botticelli.carousel.plan.plan_parts import PlanParts
from botticelli.drivers.interface.token_estimate import estimate_tokens
from botticelli.narrative.model import Act, Narrative, Template

if TYPE_CHECKING:
    from botticelli.store import Transaction

Source = Literal["narrative", "history", "prompt"]
DEFAULT_MAX_TOKENS = 1024
"""Estimated tokens of an answer whose length neither the narrative nor the act limits."""
THINKING_TOKENS = {"low": 1024, "medium": 4096, "high": 16_384}
"""Estimated tokens of thinking before an answer without a limit, by the level that the narrative chooses."""
FEWEST_SAMPLES = 5
"""Minimum of past calls for a quantile."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens of one call, input and output together; `input_tokens` are those of the prompt's own text."""

    tokens: int
    source: Source
    input_tokens: int = 0

    @property
    def output_tokens(self) -> int:
        return self.tokens - self.input_tokens


REPAIR_TOKENS = 512
"""Tokens of a repair's own words: what does not fit, at most ten lines of it, and what to do."""

Estimates = dict[int, Estimate]
"""Estimates by position of the act, from 0, without acts that call no model."""


def first_estimates(narrative: Narrative) -> Estimates:
    """Estimate each act without history: by the narrative's figure, else by its prompt."""
    speaking = [(position, act) for position, act in enumerate(narrative.acts) if act.calls_model]
    stated = _stated(narrative, [act for _, act in speaking])
    estimates: Estimates = {}
    for (position, act), figure in zip(speaking, stated, strict=True):
        prompt_tokens = literal_tokens(act, narrative)
        answer_tokens = expected_answer_tokens(narrative, act)
        tokens = prompt_tokens + answer_tokens if figure is None else figure
        source: Source = "prompt" if figure is None else "narrative"
        estimates[position] = Estimate(tokens, source, min(prompt_tokens, tokens))
    return estimates


def expected_answer_tokens(narrative: Narrative, act: Act) -> int:
    """Return the limit of an answer, which includes thinking; without one what is usual for its level of thinking."""
    parameters = narrative.parameters_for(act)
    usual_tokens = DEFAULT_MAX_TOKENS + THINKING_TOKENS.get(parameters.thinking or "off", 0)
    return usual_tokens if parameters.max_tokens is None else parameters.max_tokens


def learned_estimates(
    runtime: PlanParts, tx: Transaction, narrative: Narrative, rows: Mapping[int, int | None] | None = None
) -> Estimates:
    """Estimate each act from its own past, with one indexed query for each act.

    An act without a past is estimated as by `first_estimates`, with the tokens of its table rows (`rows`, by position).
    Raises InvalidInput for a model without a driver.
    """
    estimates = first_estimates(narrative)
    quantile = runtime.settings.budget.estimate_quantile
    for position, estimate in estimates.items():
        if estimate.source == "prompt":
            act = narrative.acts[position]
            model = runtime.drivers.resolve(model_name(runtime, narrative, act))
            past = tx.ledger.past_usage(narrative.name, act.name, str(model), quantile)
            if past.samples >= FEWEST_SAMPLES:
                estimates[position] = Estimate(past.tokens, "history", min(estimate.input_tokens, past.tokens))
            else:
                estimates |= with_brought({position: estimate}, rows or {})
    return estimates


def with_brought(estimates: Estimates, brought: Mapping[int, int | None]) -> Estimates:
    """Return the estimates with the tokens that rows bring into the prompts, where these are estimated by their text."""
    grown = dict(estimates)
    for position, estimate in estimates.items():
        more = brought.get(position)
        if more and estimate.source == "prompt":
            grown[position] = replace(
                estimate, tokens=estimate.tokens + more, input_tokens=estimate.input_tokens + more
            )
    return grown


def model_name(runtime: PlanParts, narrative: Narrative, act: Act) -> str:
    """Return the name of the model as written in the run's options, else the act, the narrative or the settings."""
    chosen = narrative.run_options.model if narrative.run_options else None
    return chosen or act.model or narrative.model or runtime.default_model.model


def fallback_names(narrative: Narrative, act: Act) -> tuple[str, ...]:
    """Return the names of the fallback models as written beside the model."""
    if narrative.run_options and narrative.run_options.model:
        return ()
    return act.fallbacks if act.model else narrative.fallbacks if narrative.model else ()


def turns(act: Act) -> int:
    return act.carousel.iterations if act.carousel else 1


def to_json(estimates: Estimates) -> dict[str, Any]:
    return {str(position): asdict(estimate) for position, estimate in estimates.items()}


def from_json(data: Mapping[str, Any]) -> Estimates:
    return {int(position): Estimate(**estimate) for position, estimate in data.items()}


def _stated(narrative: Narrative, speaking: Sequence[Act]) -> list[int | None]:
    """Return the narrative's figure for one turn of each act, None where it has none.

    It is the figure of the act's own carousel, else an even part of the rest of the narrative's figure.
    """
    own = [act.carousel.estimated_tokens_per_iteration if act.carousel else None for act in speaking]
    total = narrative.carousel.estimated_tokens_per_iteration if narrative.carousel else None
    if total is None:
        return own
    taken = sum(turns(act) * figure for act, figure in zip(speaking, own, strict=True) if figure is not None)
    rest = max(0, total - taken)
    calls = sum(turns(act) for act, figure in zip(speaking, own, strict=True) if figure is None)
    parts: list[int | None] = []
    for act, figure in zip(speaking, own, strict=True):
        part = figure if figure is not None else -(-rest // calls)
        if figure is None:
            rest, calls = max(0, rest - part * turns(act)), calls - turns(act)
        parts.append(part)
    return parts


def literal_tokens(act: Act, narrative: Narrative) -> int:
    """Count the tokens of the prompt's literal text. The values of references are not known yet."""
    texts = [item.content for item in act.inputs if item.type == "text"]
    texts += [system for system in (narrative.system_for(act),) if system]
    return sum(map(_literal_tokens, texts)) + estimate_tokens(act.answer_schema or "")


def _literal_tokens(template: Template) -> int:
    return estimate_tokens("".join(part for part in template.parts if isinstance(part, str)))
