"""A budget that somebody has paused: nothing is admitted or drawn, whatever Redis knows, until it is resumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.carousel import Actor, pause_scope, resume_scope
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start, sweep

MakeRuntime = Callable[..., Runtime]
ADA = Actor("bill is too high", "ada@home")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the pauses that apply each time, not once a second."""
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 0.0)


def test_a_paused_scope_admits_nothing_and_outlives_redis(runtime: Runtime) -> None:
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo")).name
    first = pause_scope(runtime, scope, ADA)
    assert pause_scope(runtime, scope, Actor("again", "bob")) == first
    run = start(runtime, narrative_text(3, on_budget_exhausted="stop"))
    assert (run.status, run.reason) == ("waiting", f"{scope}: paused by ada@home: bill is too high")
    runtime.redis.flushall()
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, due_at=run.now)
    sweep(runtime)
    assert run_of(runtime, run.id).status == "waiting"
    assert resume_scope(runtime, scope, ADA) is not None
    assert resume_scope(runtime, scope, ADA) is None
    sweep(runtime)
    assert perform_all(runtime, run.id).status == "completed"
    with runtime.store.transaction() as tx:
        history = [(override.window, override.limit, override.set_by) for override in tx.overrides.history(scope)]
    assert history == [(WHOLE, None, "ada@home"), (WHOLE, 0, "ada@home")]


def test_a_paused_scope_is_not_drawn_from(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo")).name
    pause_scope(runtime, scope)
    perform_open(runtime, run.id)
    after = run_of(runtime, run.id)
    assert (after.status, after.waiting_for and after.waiting_for["scope"]) == ("waiting", scope)
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 0
    resume_scope(runtime, scope)
    sweep(runtime)
    assert perform_all(runtime, run.id).status == "completed"
