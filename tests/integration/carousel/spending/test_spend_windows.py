"""Spend limits of an account: dollars in ten minutes and in a month, over all models of a provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import narrative_text, perform_all, run_of, start

MakeRuntime = Callable[..., Runtime]
PRICES = {"usd_per_million_input": 1_000, "usd_per_million_output": 1_000}
ACTS = '[acts.say]\nprompt = "Say hello."\nmax_tokens = 100\n'
ACCOUNT = "echo@t"


@pytest.fixture
def make_priced(make_runtime: MakeRuntime) -> MakeRuntime:
    def make(**limits: float) -> Runtime:
        provider = {"default_tier": "t", "month_zone": "America/Los_Angeles", "tiers": {"t": {**PRICES, **limits}}}
        return make_runtime(providers=json.dumps({"echo": provider}))

    return make


def begun(runtime: Runtime, iterations: int, policy: str, acts: str = ACTS) -> Run:
    return start(
        runtime, narrative_text(iterations, acts, on_budget_exhausted=policy, estimated_tokens_per_iteration=100)
    )


def spent_usd(runtime: Runtime, *runs: Run) -> float:
    with runtime.store.transaction() as tx:
        return sum(float(row["cost_usd"] or 0) for run in runs for row in tx.ledger.of_run(run.id))


@pytest.mark.parametrize(
    "limits", [{"usd_per_month": 0.35}, {"usd_per_10_minutes": 0.35}, {"usd_per_month": 9, "usd_per_10_minutes": 0.35}]
)
def test_run_ends_before_the_spend_limit_is_passed(make_priced: MakeRuntime, limits: dict[str, float]) -> None:
    runtime = make_priced(**limits)
    run = perform_all(runtime, begun(runtime, 10, "stop").id)
    assert (run.status, run.succeeded) == ("budget_exhausted", 3)
    assert spent_usd(runtime, run) <= 0.35
    assert ACCOUNT in (run.reason or "")


def test_models_of_a_provider_share_the_spend_limit(make_priced: MakeRuntime) -> None:
    runtime = make_priced(usd_per_month=0.35)
    first = perform_all(runtime, begun(runtime, 2, "stop").id)
    second = perform_all(runtime, begun(runtime, 5, "stop", f'{ACTS}model = "echo/other"').id)
    assert (first.status, second.status, second.succeeded) == ("completed", "budget_exhausted", 1)
    assert spent_usd(runtime, first, second) <= 0.35


def test_run_that_waits_for_a_spend_limit_knows_when_the_month_ends(make_priced: MakeRuntime) -> None:
    runtime = make_priced(usd_per_month=0.15)
    run = begun(runtime, 3, "wait")
    run = perform_all(runtime, run.id)
    waiting = run_of(runtime, run.id)
    assert waiting.status == "waiting" and waiting.waiting_for is not None and waiting.due_at is not None
    assert waiting.waiting_for["window"] == "cost_microusd/2678400s month America/Los_Angeles"
    assert waiting.due_at - datetime.now(UTC) < timedelta(days=31, hours=1)


def test_spend_of_the_month_outlives_redis(make_priced: MakeRuntime) -> None:
    runtime = make_priced(usd_per_month=0.35)
    first = perform_all(runtime, begun(runtime, 2, "stop").id)
    runtime.redis.flushall()
    second = perform_all(runtime, begun(runtime, 5, "stop").id)
    assert (first.succeeded, second.succeeded) == (2, 1)
    assert spent_usd(runtime, first, second) <= 0.35
