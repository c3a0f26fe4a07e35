"""Where the estimate of an act comes from, and that everybody who plans a run plans the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from botticelli.budget import Ticket
from botticelli.carousel import estimates_of, narrative_of
from botticelli.carousel.plan.estimates import FEWEST_SAMPLES, Estimate, Estimates
from botticelli.carousel.plan.planned_calls import plan_iteration, shares
from botticelli.drivers import Usage
from botticelli.runtime.process import Runtime
from botticelli.store import Entry
from tests.support.narratives import narrative_text, perform_all, run_of, start

MakeRuntime = Callable[..., Runtime]
WRITTEN = '[acts.one]\nprompt = "1234567890"\nmax_tokens = 90'
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def spend(runtime: Runtime, *tokens: int, act: str = "one", model: str = "echo/echo", outcome: str = "settled") -> None:
    """Settled draws of the narrative `test`, the newest last."""
    with runtime.store.transaction() as tx:
        for n, used in enumerate(tokens):
            draw_id = f"{act}:{model}:{outcome}:{n}:{used}"
            moment = NOW + timedelta(seconds=n)
            tx.ledger.draw(Entry(draw_id, "past", n, act, 1, "s", 100, moment, "test", model))
            tx.ledger.settle(draw_id, outcome, moment, Usage(used - 1, 1))


def estimates(runtime: Runtime, run_id: str) -> Estimates:
    """Without the part of the prompt, which is never more than the whole."""
    with runtime.store.transaction() as tx:
        estimates = estimates_of(tx, run_id)
    assert all(0 <= estimate.input_tokens <= estimate.tokens for estimate in estimates.values())
    return {position: replace(estimate, input_tokens=0) for position, estimate in estimates.items()}


def test_the_narrative_s_figure_comes_first(runtime: Runtime) -> None:
    spend(runtime, *[7] * 20)
    run = start(runtime, narrative_text(1, estimated_tokens_per_iteration=300))
    assert estimates(runtime, run.id) == {0: Estimate(300, "narrative")}


def test_without_figure_and_history_it_is_the_prompt_and_the_longest_answer(runtime: Runtime) -> None:
    spend(runtime, *[7] * (FEWEST_SAMPLES - 1))
    run = start(runtime, narrative_text(1, WRITTEN))
    assert estimates(runtime, run.id) == {0: Estimate(100, "prompt")}


@pytest.mark.parametrize(("quantile", "tokens"), [("0.9", 18), ("0.5", 10), ("1", 20)])
def test_the_act_s_own_past_is_a_quantile_of_what_it_took(
    make_runtime: MakeRuntime, quantile: str, tokens: int
) -> None:
    runtime = make_runtime(budget__estimate_quantile=quantile)
    spend(runtime, *range(1, 21))
    assert estimates(runtime, start(runtime, narrative_text(1, WRITTEN)).id) == {0: Estimate(tokens, "history")}


def test_other_acts_models_and_outcomes_are_not_its_past(runtime: Runtime) -> None:
    spend(runtime, *[7] * 20, act="two")
    spend(runtime, *[7] * 20, model="echo/echo-2")
    spend(runtime, *[7] * 20, outcome="refused")
    assert estimates(runtime, start(runtime, narrative_text(1, WRITTEN)).id)[0].source == "prompt"


def test_only_the_last_calls_count(runtime: Runtime) -> None:
    spend(runtime, *[9000] * 200, *[50] * 200)
    assert estimates(runtime, start(runtime, narrative_text(1, WRITTEN)).id)[0].tokens == 50


def test_runs_teach_the_next_ones(runtime: Runtime) -> None:
    first = perform_all(runtime, start(runtime, narrative_text(6, 'one = "Say hello"')).id)
    second = start(runtime, narrative_text(1, 'one = "Say hello"'))
    assert estimates(runtime, second.id) == {0: Estimate(first.used_tokens // 6, "history")}
    assert run_of(runtime, second.id).estimated_tokens == first.used_tokens // 6


def test_a_run_keeps_its_estimates_whatever_is_learned_meanwhile(make_runtime: MakeRuntime) -> None:
    """Dispatcher and worker, here and on other machines: the ticket holds what the calls draw."""
    here, there = make_runtime(), make_runtime(budget__estimate_quantile="0.1")
    run = start(here, narrative_text(3, WRITTEN))
    spend(here, *range(1, 21))
    perform_all(there, run.id)
    with there.store.transaction() as tx:
        drawn = {entry["estimated_tokens"] for entry in tx.ledger.of_run(run.id)}
    assert drawn == {100}


def test_a_run_of_an_older_version_is_estimated_as_at_first(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1, WRITTEN), run_id="old")
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update runs set estimates = '{}'"))
        ticket = tx.connection.execute(text("select ticket from iterations")).scalar_one()
        planned = shares(plan_iteration(runtime, narrative_of(tx, run.id), {}))
    assert Ticket.from_json(ticket).shares == planned


def test_the_past_is_found_by_its_index(runtime: Runtime) -> None:
    fill = """insert into ledger (draw_id, run_id, number, narrative, act, model, attempt, scope, outcome,
        estimated_tokens, input_tokens, output_tokens, settled_at)
        select n, 'r', n, 'n' || n % 2, 'one', 'echo/echo', 1, 's', 'settled', 1, 1, 1, now() - n * interval '1 s'
        from generate_series(1, 20000) n"""
    query = """explain select input_tokens from ledger where narrative = 'n1' and act = 'one' and model = 'echo/echo'
        and outcome = 'settled' order by settled_at desc limit 200"""
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(fill))
        tx.connection.execute(text("analyze ledger"))
        plan = "\n".join(tx.connection.execute(text(query)).scalars())
    assert "ix_ledger_act" in plan
    assert "Sort" not in plan
