"""Estimates usage, cost and duration of the calls of each act, with the source of each figure. Pure functions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from botticelli.budget import Amounts
from botticelli.carousel.forecast.simulation import CallFigures
from botticelli.carousel.plan.estimates import FEWEST_SAMPLES, REPAIR_TOKENS, Source
from botticelli.carousel.plan.planned_calls import REASONS_TOKENS, Call, Plan
from botticelli.carousel.plan.prompt_sizes import Prompts, Size
from botticelli.carousel.plan.table_sizes import TableSizes
from botticelli.narrative.model import Narrative
from botticelli.pricing import STANDARD
from botticelli.runtime.process import Runtime
from botticelli.store import PastCalls

Number = TypeVar("Number", int, Decimal)
CostSource = Literal["history", "prices", "unknown"]
SecondsSource = Literal["given", "history", "driver", "assumed"]
ASSUMED_SECONDS = 4.0
"""Duration of a call without any past."""
_GIVEN: SecondsSource = "given"


@dataclass(frozen=True, slots=True)
class Range(Generic[Number]):
    """A figure in three cases: `low` (all optional acts are skipped), `expected`, `worst` (longest answers, all retries)."""

    low: Number
    expected: Number
    worst: Number


@dataclass(frozen=True, slots=True)
class ActForecast:
    """The forecast of one act with a model call.

    `tokens` and `cost_usd` (None: unknown) are of one call, and `reserved_tokens` is its part of the ticket. With the
    source `history` they are from `samples` past calls.
    """

    position: int
    act: str
    model: str
    calls_per_iteration: int
    attempts: int
    """The most answers that one call may ask for; the worst case counts all of them."""
    may_be_skipped: bool
    tokens: Range[int] | None
    """None when the size of the prompt can't be known; `unknown` says why."""
    tokens_source: Source | Literal["rows"]
    reserved_tokens: int
    reserved_source: Source
    cost_usd: Range[Decimal] | None
    cost_source: CostSource
    seconds: float
    seconds_source: SecondsSource
    samples: int
    service: str = STANDARD
    """The service that the act asks for, by which its cost is priced."""
    unknown: tuple[str, ...] = ()
    repairs_per_iteration: int = 0
    """Further calls when no typed answer of this act fits; only the worst case counts them."""
    repair_tokens: int | None = None
    """The most tokens of one repair; None: unknown."""
    repair_cost_usd: Decimal | None = None


def act_forecasts(
    runtime: Runtime,
    narrative: Narrative,
    plan: Plan,
    past: Mapping[int, PastCalls],
    *,
    call_seconds: float | None = None,
    tables: TableSizes | None = None,
    rows: Mapping[int, Size] | None = None,
) -> list[ActForecast]:
    """Forecast the acts in order. `call_seconds` replaces the known durations of calls.

    `tables` and `rows` are what table inputs, and the rows of an iteration, bring into prompts. Prompts with rows are
    measured by these rows, whatever earlier calls took.
    """
    result = []
    prompts = Prompts(narrative, tables or {}, past, rows or {})
    for position, call in plan.items():
        calls = past.get(position, PastCalls(0))
        seconds = _seconds(runtime, call, calls) if call_seconds is None else (call_seconds, _GIVEN)
        has_rows, answer = position in prompts.rows, prompts.answer(position)
        prompt = prompts.prompt(position) + _quoted_again(call, answer)
        stated = _stated(call, prompt, answer, is_measured=has_rows)
        past_calls = PastCalls(0) if has_rows else calls
        forecast = _act(narrative, position, call, past=past_calls, seconds=seconds, stated=stated)
        result.append(dataclasses.replace(forecast, tokens_source="rows") if has_rows else forecast)
    return result


def call_figures(plan: Plan, acts: Sequence[ActForecast], past: Mapping[int, PastCalls]) -> dict[int, CallFigures]:
    """Return the usage of a simulated call: the expected amount of each metric."""
    return {
        act.position: CallFigures(_amounts(plan[act.position], act, past.get(act.position)), act.seconds)
        for act in acts
    }


def requests(acts: Sequence[ActForecast], retries: int, iterations: int) -> Range[int]:
    low = sum(0 if act.may_be_skipped else act.calls_per_iteration for act in acts)
    calls = sum(act.calls_per_iteration for act in acts)
    worst = (
        sum(act.calls_per_iteration * act.attempts + act.repairs_per_iteration for act in acts) + retries
        if calls
        else 0
    )
    return Range(low * iterations, calls * iterations, worst * iterations)


def tokens(acts: Sequence[ActForecast], retries: int, iterations: int) -> Range[int] | None:
    """Return the tokens of all calls; None if those of any call are unknown. Tries of unknown outcome are charged in full."""
    known = [(act, act.tokens, act.repair_tokens or 0) for act in acts if act.tokens is not None]
    return _total(known, retries, iterations, 0) if len(known) == len(acts) else None


def cost_usd(acts: Sequence[ActForecast], retries: int, iterations: int) -> Range[Decimal] | None:
    """Return the cost of all calls; None if that of any call is unknown."""
    known = [(act, act.cost_usd, act.repair_cost_usd or Decimal(0)) for act in acts if act.cost_usd is not None]
    return _total(known, retries, iterations, Decimal(0)) if len(known) == len(acts) else None


def _total(
    each: Sequence[tuple[ActForecast, Range[Number], Number]], retries: int, iterations: int, nothing: Number
) -> Range[Number]:
    """Sum up the calls; the last item of each is the most that one repair takes."""
    low = sum((span.low * act.calls_per_iteration for act, span, _ in each if not act.may_be_skipped), nothing)
    expected = sum((span.expected * act.calls_per_iteration for act, span, _ in each), nothing)
    worst = sum((span.worst * act.calls_per_iteration * act.attempts for act, span, _ in each), nothing)
    worst += sum((repair * act.repairs_per_iteration for act, _, repair in each), nothing)
    worst += max((max(span.worst, repair) for _, span, repair in each), default=nothing) * retries
    return Range(low * iterations, expected * iterations, worst * iterations)


@dataclass(frozen=True, slots=True)
class Stated:
    """Return the usage of a call without a past: input and output tokens, each low, expected and worst."""

    input_tokens: tuple[int, int, int]
    output_tokens: tuple[int, int, int]
    unknown: tuple[str, ...] = ()

    @property
    def tokens(self) -> Range[int]:
        low, expected, worst = map(sum, zip(self.input_tokens, self.output_tokens, strict=True))
        return Range(low, expected, worst)


def _act(
    narrative: Narrative,
    position: int,
    call: Call,
    *,
    past: PastCalls,
    seconds: tuple[float, SecondsSource],
    stated: Stated,
) -> ActForecast:
    act, estimate = narrative.acts[position], call.estimate
    is_known = past.samples >= FEWEST_SAMPLES and past.tokens is not None
    cost, cost_source = _cost(call, past if is_known else None, stated)
    repair = _repair_tokens(call, past if is_known else None, stated)
    return ActForecast(
        position=position,
        act=act.name,
        model=str(call.model),
        calls_per_iteration=call.turns,
        attempts=call.attempts,
        may_be_skipped=narrative.may_skip(position),
        tokens=Range(*past.tokens) if is_known and past.tokens else None if stated.unknown else stated.tokens,
        tokens_source="history" if is_known else estimate.source,
        reserved_tokens=estimate.tokens + (call.repair.tokens if call.repair else 0),
        reserved_source=estimate.source,
        cost_usd=cost,
        cost_source=cost_source,
        seconds=seconds[0],
        seconds_source=seconds[1],
        samples=past.samples,
        service=call.service,
        unknown=() if is_known else stated.unknown,
        repairs_per_iteration=call.turns if call.may_repair else 0,
        repair_tokens=sum(repair) if repair else None,
        repair_cost_usd=_dearest(call, *repair) if repair else None,
    )


def _quoted_again(call: Call, answer: Size) -> Size:
    """Return the tokens that the prompt of a further attempt adds: the answer before it and the reasons."""
    return Size(worst=answer.worst + REASONS_TOKENS) if call.attempts > 1 else Size()


def _repair_tokens(call: Call, past: PastCalls | None, stated: Stated) -> tuple[int, int] | None:
    """Return the most input and output tokens of a repair; its input holds the answer that it repairs."""
    if not call.may_repair:
        return None
    input_tokens, output_tokens = stated.input_tokens[-1], stated.output_tokens[-1]
    if past is not None and past.input_tokens and past.output_tokens:
        input_tokens, output_tokens = past.input_tokens[-1], past.output_tokens[-1]
    return input_tokens + output_tokens + REPAIR_TOKENS, output_tokens


def _dearest(call: Call, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return the cost of a call by the most expensive of its models; None when any price is unknown."""
    prices = [_price(option, input_tokens, output_tokens) for option in (call, *call.fallbacks)]
    known = [price for price in prices if price is not None]
    return max(known) if len(known) == len(prices) else None


def _stated(call: Call, prompt: Size, answer: Size, *, is_measured: bool) -> Stated:
    """Return usage by the narrative's own figure, which is not a bound: answers and quotes may be shorter or longer.

    A prompt that is measured counts with its mean: the estimate is a higher quantile.
    """
    unknown = tuple(sorted(prompt.unknown))
    if call.estimate.source != "narrative":
        expected = prompt.expected if is_measured else max(prompt.expected, call.estimate.input_tokens)
        inputs = (prompt.low, expected, max(prompt.worst, prompt.expected))
        return Stated(inputs, (0, answer.expected, answer.worst), unknown)
    expected = call.tokens
    input_tokens = min(prompt.expected, expected)
    worst = max(prompt.worst + answer.worst, expected)
    low_input = min(prompt.low, input_tokens)
    worst_input = max(prompt.worst, input_tokens)
    return Stated((low_input, input_tokens, worst_input), (0, expected - input_tokens, worst - worst_input), unknown)


def _cost(call: Call, past: PastCalls | None, stated: Stated) -> tuple[Range[Decimal] | None, CostSource]:
    """Return the past cost, else the price of the expected usage; unknown if any model of the call has no price."""
    if past is None and stated.unknown:
        return None, "unknown"
    others = [fallback for fallback in call.fallbacks if fallback.cost_usd is None]
    if others:
        return None, "unknown"
    if past is not None and past.cost_usd is not None:
        return Range(*past.cost_usd), "history"
    if past is not None and past.input_tokens and past.output_tokens:
        pairs = list(zip(past.input_tokens, past.output_tokens, strict=True))
    else:
        pairs = list(zip(stated.input_tokens, stated.output_tokens, strict=True))
    low, expected, worst = [_price(call, *pair) for pair in pairs]
    if low is None or expected is None or worst is None:
        return None, "unknown"
    dearest = [price for other in call.fallbacks if (price := _price(other, *pairs[-1])) is not None]
    return Range(low, expected, max([worst, *dearest])), "prices"


def _price(call: Call, input_tokens: int, output_tokens: int) -> Decimal | None:
    return call.price.expected_usd(input_tokens, output_tokens, call.service)


def _seconds(runtime: Runtime, call: Call, past: PastCalls) -> tuple[float, SecondsSource]:
    if past.samples >= FEWEST_SAMPLES:
        return past.seconds, "history"
    typical: float | None = getattr(runtime.drivers.get(call.model.provider), "typical_call_seconds", None)
    return (ASSUMED_SECONDS, "assumed") if typical is None else (typical, "driver")


def _amounts(call: Call, act: ActForecast, past: PastCalls | None) -> Amounts:
    """Return the cost of one call, as it would be settled."""
    tokens = call.tokens if act.tokens is None else act.tokens.expected
    is_history = act.tokens_source == "history" and past is not None and past.input_tokens is not None
    input_tokens = past.input_tokens[1] if is_history and past and past.input_tokens else call.estimate.input_tokens
    cost = 0 if act.cost_usd is None else math.ceil(act.cost_usd.expected * 1_000_000)
    input_tokens = min(input_tokens, tokens)
    full = Amounts(1, tokens, input_tokens, tokens - input_tokens, cost, 1)
    return Amounts.each(lambda metric: full.of(metric) if call.amounts.of(metric) else 0)
