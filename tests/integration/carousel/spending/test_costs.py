"""Costs below a millionth of a dollar: exact in the ledger, on the run, in windows of money and against the run's cap."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]
CHEAP = {
    "usd_per_million_input": "0",
    "usd_per_million_output": "0.05",
    "windows": [{"metric": "cost_microusd", "limit": 1_000_000, "period_seconds": 3600}],
}
FLAGS = {
    "default_model": "echo/cheap",
    "drivers__echo__output_tokens": "50",
    "providers__echo": json.dumps({"default_tier": "t", "tiers": {"t": CHEAP}}),
}
TINY = Decimal("0.0000025")
"""The price of one call: 50 tokens for 5 cents a million."""


def test_costs_of_tiny_calls_add_up_exactly(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**FLAGS)
    run = perform_all(runtime, start(runtime, narrative_text(20)).id)
    with runtime.store.transaction() as tx:
        costs = [row["cost_usd"] for row in tx.ledger.of_run(run.id)]
    assert costs == [TINY] * 20
    assert run.cost_usd == 20 * TINY
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/cheap"))
    assert [window.used for window in runtime.budget.usage(scope).windows] == [50]
    [past] = runtime._past_charges([scope])
    assert past.amounts.cost_microusd == 50


@pytest.mark.parametrize(("cap_usd", "succeeded"), [(0.00005, 20), (0.0000499, 19), (0.0000024, 0)])
def test_cap_of_run_is_kept_to_the_billionth(make_runtime: MakeRuntime, cap_usd: float, succeeded: int) -> None:
    runtime = make_runtime(**FLAGS)
    acts = '[acts.one]\nprompt = "Hi"\nmax_tokens = 50'
    narrative = narrative_text(30, acts).replace(
        "[narrative.carousel]", f"[narrative.carousel]\nmax_cost_usd = {cap_usd:.10f}"
    )
    run = perform_all(runtime, start(runtime, narrative).id)
    assert (run.status, run.succeeded) == ("budget_exhausted", succeeded)
