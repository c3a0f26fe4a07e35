"""Forecasts with services: as long as the real run, after what others have used and hold, by what calls took before."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from botticelli.budget import Amounts
from botticelli.carousel import EnqueueOptions
from botticelli.carousel.forecast import Forecast, forecast
from botticelli.drivers import Usage
from botticelli.runtime import Runtime
from botticelli.store import Entry
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, run_of, start
from tests.support.waiting import at_best, wait_until
from workers.sweep import sweep

MakeRuntime = Callable[..., Runtime]
SCOPE = "echo/echo@t"
NOW = datetime.now(UTC)


def limited(make_runtime: MakeRuntime, **windows: float) -> Runtime:
    """Tokens in a number of seconds: `limited(make, s2=5000)`."""
    each = ", ".join(
        f'{{"metric": "tokens", "limit": {limit}, "period_seconds": {name[1:].replace("_", ".")}}}'
        for name, limit in windows.items()
    )
    return make_runtime(
        providers__echo__default_tier="t",
        **{"providers__echo__tiers__t": f'{{"windows": [{each}]}}'},
        drivers__echo__latency_seconds="0.02",
    )


def planned(runtime: Runtime, text: str, **options: object) -> Forecast:
    return forecast(runtime, loaded(text), "test.toml", EnqueueOptions(**options), services_run=True)  # type: ignore[arg-type]


def performed_seconds(runtime: Runtime, text: str) -> float:
    """How long the real thing takes, with waits that are waited."""
    begin = time.monotonic()
    run = start(runtime, text)

    def is_over() -> bool:
        sweep(runtime)
        perform_open(runtime, run.id)
        return run_of(runtime, run.id).is_final

    wait_until(is_over, "the run's end")
    assert run_of(runtime, run.id).status == "completed"
    return time.monotonic() - begin


def test_a_plan_finishes_when_the_run_does_after_what_others_used(make_runtime: MakeRuntime) -> None:
    """Later only by what this machine is slower than planned without any limit."""
    runtime, free = limited(make_runtime, s1_5=5000, s60=1_000_000), make_runtime(drivers__echo__latency_seconds="0.02")
    text = narrative_text(18, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait", name="mine")
    scope = runtime.scope(runtime.drivers.resolve("echo/echo"))

    def is_as_planned() -> bool:
        assert runtime.budget.charge(scope, Amounts(3, 3000)) is None
        found = planned(runtime, text)
        seconds = performed_seconds(runtime, text)
        slower_seconds = max(0.0, performed_seconds(free, text) - planned(free, text).seconds)
        wait_until(lambda: runtime.budget.usage(scope).windows[0].used == 0, "the window to be empty")
        assert (found.status, found.performed, found.is_live) == ("completed", 18, True)
        assert found.binding is not None
        assert (found.binding.scope, found.binding.window) == (SCOPE, "tokens/1.5s")
        assert seconds >= found.seconds * 0.85
        return found.binding.iteration == 3 and seconds <= found.seconds * 1.15 + slower_seconds

    assert at_best(is_as_planned)


def test_what_others_hold_and_will_ask_counts(make_runtime: MakeRuntime) -> None:
    runtime = limited(make_runtime, s60=5000)
    text = narrative_text(9, estimated_tokens_per_iteration=1000, name="mine")
    assert planned(runtime, text).performed == 5
    other = start(runtime, narrative_text(2, estimated_tokens_per_iteration=1000, name="other", concurrency=2))
    assert planned(runtime, text).performed == 3
    perform_all(runtime, other.id)
    assert planned(runtime, text).performed == 3
    start(runtime, narrative_text(30, estimated_tokens_per_iteration=1000, name="third", on_budget_exhausted="wait"))
    found = planned(runtime, text)
    assert found.performed == 1, "one is held by the third run, which takes turns with ours over the other two"
    assert any("1 other run" in note for note in found.notes)


def test_blocks_and_lowered_limits_are_in_force(make_runtime: MakeRuntime) -> None:
    runtime = limited(make_runtime, s60=5000)
    text = narrative_text(9, estimated_tokens_per_iteration=1000)
    with runtime.store.transaction() as tx:
        until = datetime.now(UTC) + timedelta(hours=1)
        tx.overrides.add(SCOPE, "tokens/60s", 2000, reason="test", set_by="test", until=until)
    assert planned(runtime, text).performed == 2
    waiting = narrative_text(130, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait")
    assert planned(runtime, waiting).seconds == pytest.approx(3600 + (130 - 120) / 5 * 60, rel=0.05)
    [call] = planned(runtime, narrative_text(1)).acts
    scope = runtime.scope(runtime.drivers.resolve(call.model))
    runtime.budget.block_until(scope, 600_000)
    found = planned(runtime, narrative_text(1))
    assert found.binding is not None
    assert found.binding.window == "closed by the provider"
    assert 500 < found.seconds < 601
    with runtime.store.transaction() as tx:
        tx.overrides.add(SCOPE, "tokens/60s", 500, reason="test", set_by="test", until=None)
    endless = planned(runtime, waiting)
    assert (endless.status, endless.performed, endless.finishes_at) == ("endless", 0, None)


def test_the_past_says_what_calls_take_and_how_long(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        for n in range(1, 11):
            moment = NOW - timedelta(days=3) + timedelta(seconds=n)
            tx.ledger.draw(Entry(f"d{n}", "past", n, "one", 1, "s", 100, moment, "test", "echo/echo"))
            settled_at, cost_usd = moment + timedelta(seconds=7), Decimal(n) / 100
            tx.ledger.settle(f"d{n}", "settled", settled_at, Usage(n * 10, n * 2), cost_usd)
    found = planned(runtime, narrative_text(2, retries=0))
    assert (found.tokens.low, found.tokens.expected, found.tokens.worst) == (24, 120, 240)
    assert found.acts[0].tokens_source == "history"
    assert found.acts[0].samples == 10
    assert found.cost_usd is not None
    assert (found.cost_usd.expected, found.cost_usd.worst) == (Decimal("0.10"), Decimal("0.20"))
    assert found.seconds == pytest.approx(14.1)


def test_services_that_do_not_answer_are_said(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(redis__url="redis://127.0.0.1:1")
    found = planned(runtime, narrative_text(2))
    assert found.is_live is False
    assert any("don't answer" in note for note in found.notes)
