"""Describes a model in one line for `doctor` and `init`: its limits and its price, as they apply here. Calls nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from botticelli.budget import Window
from botticelli.cli.base.formatting import number
from botticelli.drivers import ModelName
from botticelli.pricing import plain_decimal
from botticelli.runtime.process import Runtime

MICRO = 1_000_000


def model_facts(runtime: Runtime, model: ModelName) -> list[str]:
    """Return the limits of a model, such as `1,000 requests/60s`, with their tier, its spend limits, and its price."""
    budget = runtime.scopes.model_budget(model)
    limits = ", ".join(f"{number(window.limit)} {window.name}" for window in budget.scope.windows)
    _, _, tier = budget.scope.name.rpartition("@")
    facts = [f"limits of tier {tier}: {limits}" if limits else "no limit is known"]
    facts += [_spend_limit(window) for window in (budget.account.windows if budget.account else ())]
    return [*facts, price_fact(runtime, model)]


def price_fact(runtime: Runtime, model: ModelName) -> str:
    """Return the price of today, such as `$2 in, $10 out for a million tokens`."""
    price = runtime.price(model).price
    if price is None:
        return "no price is known"
    rates = price.at(datetime.now(UTC)).rates
    if not rates.input and not rates.output:
        return "free of charge"
    return f"${plain_decimal(rates.input)} in, ${plain_decimal(rates.output)} out for a million tokens"


def _spend_limit(window: Window) -> str:
    period = "a calendar month" if window.kind == "month" else f"{window.period_seconds:g} s"
    return f"at most ${number(window.limit // MICRO)} in {period}"
