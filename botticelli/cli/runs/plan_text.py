"""A forecast in plain words. Reckons nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from botticelli.cli.base.formatting import duration, iterations, moment, money, number, safe
from botticelli.cli.base.layout import table

if TYPE_CHECKING:
    from botticelli.carousel.forecast.act_forecasts import ActForecast, Range
    from botticelli.carousel.forecast.forecast import Forecast

Number = TypeVar("Number", int, Decimal)
HEAD = ("", "low", "expected", "worst")
ACT_HEAD = ("act", "model", "calls", "tokens", "by", "asked", "by", "cost", "by", "seconds", "by")
ENDS = {
    "completed": "completed",
    "budget_exhausted": "budget exhausted",
    "failed": "failed",
    "endless": "no end in sight",
}


def lines(found: Forecast) -> Iterator[str]:
    basis = "given what the services know" if found.is_live else "from empty budgets"
    yield f"plan of {safe(found.narrative)}: {iterations(found.iterations)}, {basis}"
    totals = [
        ("requests", *_each(found.requests, number)),
        ("tokens", *(["unknown"] * 3 if found.tokens is None else _each(found.tokens, number))),
        ("cost", *(["unknown"] * 3 if found.cost_usd is None else _each(found.cost_usd, money))),
    ]
    yield from (f"  {line}" for line in table(HEAD, totals, right=HEAD[1:]))
    if found.acts:
        yield ""
        yield from (f"  {line}" for line in table(ACT_HEAD, map(_act, found.acts), right=("calls",)))
    yield ""
    yield f"  binds     {_binding(found)}"
    yield f"  ends      {_end(found)}"
    yield f"  finishes  {_finish(found)}"
    yield from _effects(found)
    yield from (f"  note      {safe(note)}" for note in found.notes)


def _each(figures: Range[Number], said: Callable[[Number], str]) -> list[str]:
    return [said(figures.low), said(figures.expected), said(figures.worst)]


def _act(one: ActForecast) -> tuple[str, ...]:
    tokens, cost = one.tokens, one.cost_usd
    return (
        one.act,
        one.model,
        number(one.calls_per_iteration) + ("?" if one.may_be_skipped else ""),
        "unknown" if tokens is None else f"{number(tokens.low)}/{number(tokens.expected)}/{number(tokens.worst)}",
        one.tokens_source,
        number(one.reserved_tokens),
        one.reserved_source,
        "unknown" if cost is None else money(cost.expected),
        one.cost_source,
        f"{one.seconds:.3g}",
        one.seconds_source,
    )


def _binding(found: Forecast) -> str:
    one = found.binding
    if one is None:
        return "no limit: every iteration is granted at once"
    when = f"iteration {number(one.iteration)}, after {duration(one.after_seconds)}"
    figures = f"{number(one.asked)} asked, {number(one.used)} of {number(one.limit)} used"
    return f"{safe(one.scope)} {one.window}: {when} ({figures})"


def _end(found: Forecast) -> str:
    text = f"{ENDS[found.status]}: {number(found.performed)} of {iterations(found.iterations)}, exit code {found.exit_code}"
    return f"{text} ({safe(found.reason)})" if found.reason else text


def _finish(found: Forecast) -> str:
    if found.finishes_at is None:
        return "never, as things are"
    waits = f", of which {duration(found.waiting_seconds)} waiting" if found.waiting_seconds else ""
    return f"in about {duration(found.seconds)}{waits}: {moment(found.finishes_at)}"


def _effects(found: Forecast) -> Iterator[str]:
    for one in found.effects:
        times = f"{'up to ' if one.may_be_skipped else ''}{number(one.times)} time{'' if one.times == 1 else 's'}"
        where = "rehearsed" if one.is_rehearsed else "for real"
        yield f"  writes    {safe(one.act)}: {safe(one.platform)} {safe(one.command)}, {times}, {where}"
    if not found.effects:
        yield "  writes    nothing outside"
