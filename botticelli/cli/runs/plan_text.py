"""Formats a forecast for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from botticelli.cli.base.formatting import duration, iterations, moment, money, number, safe
from botticelli.cli.base.layout import table
from botticelli.pricing import STANDARD

if TYPE_CHECKING:
    from botticelli.carousel.forecast.act_forecasts import ActForecast, Range
    from botticelli.carousel.forecast.forecast import Forecast

Number = TypeVar("Number", int, Decimal)
HEAD = ("", "low", "expected", "worst")
ACT_HEAD = ("act", "model", "calls", "tokens", "by", "reserved", "by", "cost", "by", "seconds", "by")
ENDS = {
    "completed": "completed",
    "budget_exhausted": "budget exhausted",
    "failed": "failed",
    "endless": "no end in sight",
}


def lines(forecast: Forecast) -> Iterator[str]:
    """Yield the lines of a forecast: totals, acts, the limit that binds, the end, effects and notes."""
    basis = "from current budgets" if forecast.is_live else "from empty budgets"
    yield f"plan of {safe(forecast.narrative)}: {iterations(forecast.iterations)}, {basis}"
    totals = [
        ("requests", *_each(forecast.requests, number)),
        ("tokens", *(["unknown"] * 3 if forecast.tokens is None else _each(forecast.tokens, number))),
        ("cost", *(["unknown"] * 3 if forecast.cost_usd is None else _each(forecast.cost_usd, money))),
    ]
    yield from (f"  {line}" for line in table(HEAD, totals, right=HEAD[1:]))
    if forecast.acts:
        yield ""
        yield from (f"  {line}" for line in table(ACT_HEAD, map(_act, forecast.acts), right=("calls",)))
    yield ""
    yield f"  binds     {_binding(forecast)}"
    yield f"  ends      {_end(forecast)}"
    yield f"  finishes  {_finish(forecast)}"
    yield from _effects(forecast)
    yield from (f"  note      {safe(note)}" for note in forecast.notes)


def _each(figures: Range[Number], formatted: Callable[[Number], str]) -> list[str]:
    return [formatted(figures.low), formatted(figures.expected), formatted(figures.worst)]


def _act(act: ActForecast) -> tuple[str, ...]:
    tokens, cost = act.tokens, act.cost_usd
    return (
        act.act,
        act.model if act.service == STANDARD else f"{act.model} ({act.service})",
        number(act.calls_per_iteration)
        + ("?" if act.may_be_skipped else "")
        + (f"-{number(act.calls_per_iteration * act.attempts)}" if act.attempts > 1 else ""),
        "unknown" if tokens is None else f"{number(tokens.low)}/{number(tokens.expected)}/{number(tokens.worst)}",
        act.tokens_source,
        number(act.reserved_tokens),
        act.reserved_source,
        "unknown" if cost is None else money(cost.expected),
        act.cost_source,
        f"{act.seconds:.3g}",
        act.seconds_source,
    )


def _binding(forecast: Forecast) -> str:
    binding = forecast.binding
    if binding is None:
        return "no limit: every iteration is granted at once"
    when = f"iteration {number(binding.iteration)}, after {duration(binding.after_seconds)}"
    figures = f"{number(binding.requested)} requested, {number(binding.used)} of {number(binding.limit)} used"
    return f"{safe(binding.scope)} {binding.window}: {when} ({figures})"


def _end(forecast: Forecast) -> str:
    done = f"{number(forecast.performed)} of {iterations(forecast.iterations)}"
    text = f"{ENDS[forecast.status]}: {done}, exit code {forecast.exit_code}"
    return f"{text} ({safe(forecast.reason)})" if forecast.reason else text


def _finish(forecast: Forecast) -> str:
    if forecast.finishes_at is None:
        return "never, under current limits"
    waits = f", of which {duration(forecast.waiting_seconds)} waiting" if forecast.waiting_seconds else ""
    return f"in about {duration(forecast.seconds)}{waits}: {moment(forecast.finishes_at)}"


def _effects(forecast: Forecast) -> Iterator[str]:
    for effect in forecast.effects:
        times = (
            f"{'up to ' if effect.may_be_skipped else ''}{number(effect.times)} time{'' if effect.times == 1 else 's'}"
        )
        where = "rehearsed" if effect.is_rehearsed else "for real"
        yield f"  writes    {safe(effect.act)}: {safe(effect.platform)} {safe(effect.command)}, {times}, {where}"
    if not forecast.effects:
        yield "  writes    nothing outside"
