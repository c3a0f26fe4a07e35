"""Formats the prices of models: a table of many, or all that is known of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from botticelli.cli.base.layout import table
from botticelli.monitoring.priced_models import PricedModel
from botticelli.pricing import Rates, plain_decimal

HEAD = ("model", "in", "cached", "write", "long write", "out", "long context", "services")
RATE_LABELS = (
    ("input", "input"),
    ("cached", "input read from a cache"),
    ("cache_write", "input written to a cache"),
    ("cache_write_long", "input written for the longer life"),
    ("output", "output"),
)


def table_lines(models: Sequence[PricedModel], now: datetime) -> list[str]:
    rows = [_row(model, now) for model in models]
    drops = ("services", "long context", "long write", "write")
    return table(HEAD, rows, right=HEAD[1:6], drops=drops, wraps=("model",))


def detail_lines(model: PricedModel, now: datetime) -> list[str]:
    """Return the lines of one model: rates, long context, services, source and the next change."""
    return list(_details(model, now))


def _row(model: PricedModel, now: datetime) -> tuple[str, ...]:
    assert model.price is not None, "only models with a price are listed"
    price = model.price.at(now)
    over = f"> {price.steps[0].over_tokens:,}: {_rate(price.steps[0].rates)}" if price.steps else "-"
    rates = [plain_decimal(getattr(price.rates, name)) for name, _ in RATE_LABELS]
    return (model.name, *rates, over, ", ".join(model.services()) or "-")


def _details(model: PricedModel, now: datetime) -> Iterator[str]:
    listed = model.price
    assert listed is not None, "only a model with a price is shown"
    price = listed.at(now)
    yield f"{model.name}: US dollars for a million tokens"
    for name, label in RATE_LABELS:
        yield f"  {label:<34} {plain_decimal(getattr(price.rates, name))}"
    for step in price.steps:
        yield f"  of a prompt over {step.over_tokens:,} tokens: {_rate(step.rates)}"
    for service in model.services():
        yield f"  {service:<8} {_rate(listed.at(now, service).rates)}"
    yield f"  source   {listed.source}" + (f", as of {listed.as_of[:10]}" if listed.as_of else "")
    change = listed.next_change(now)
    if change is not None:
        then = datetime.combine(change, time(12), tzinfo=UTC)
        yield f"  from {change.isoformat()}: {_rate(listed.at(then).rates)}"


def _rate(rates: Rates) -> str:
    cached = f", {plain_decimal(rates.cached)} cached" if rates.cached != rates.input else ""
    return f"{plain_decimal(rates.input)} in{cached}, {plain_decimal(rates.output)} out"
