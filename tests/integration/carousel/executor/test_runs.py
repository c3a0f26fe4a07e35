"""A run from enqueue to its end, on real Postgres and Redis, with the worker's code in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from botticelli.budget import Amounts, Draw
from botticelli.carousel import EnqueueRequest, cancel, enqueue, pause, result_of, resume
from botticelli.carousel.plan.planned_calls import plan_iteration, shares
from botticelli.carousel.plan.snapshots import narrative_of
from botticelli.errors import InvalidInput
from botticelli.narrative.execution import Multipliers
from botticelli.runtime.process import Runtime
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, run_of, start, sweep
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]
SMALL = {
    "providers": '{"echo": {"default_tier": "small", "tiers": {"small": {"windows": '
    '[{"metric": "tokens", "limit": 5000, "period_seconds": 60}]}}}}'
}


def test_all_iterations_are_performed_and_counted(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(4, estimated_tokens_per_iteration=1000))
    result = result_of(perform_all(runtime, run.id))
    assert (result.status, result.completed, result.budget_exhausted) == ("completed", True, False)
    assert (result.iterations_attempted, result.successful_iterations, result.failed_iterations) == (4, 4, 0)
    assert result.input_tokens + result.output_tokens == 4000


def test_tokens_of_ledger_acts_and_result_agree(runtime: Runtime) -> None:
    acts = 'one = "a"\ntwo = "b {act.one.output}"'
    run = start(runtime, narrative_text(3, acts, estimated_tokens_per_iteration=101))
    result = result_of(perform_all(runtime, run.id))
    with runtime.store.transaction() as tx:
        rows = tx.acts.of_iterations(run.id, 1, 3)
        ledger = tx.ledger.totals(run.id)
    assert ledger["requests"] == len(rows) == 6
    assert ledger["input_tokens"] == sum(row.input_tokens for row in rows) == result.input_tokens
    assert ledger["output_tokens"] == sum(row.output_tokens for row in rows) == result.output_tokens
    assert result.input_tokens + result.output_tokens == 303


def test_stop_ends_the_run_when_the_budget_is_exhausted(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**SMALL)
    run = perform_all(runtime, start(runtime, narrative_text(50, estimated_tokens_per_iteration=1000)).id)
    result = result_of(run)
    assert (result.status, result.budget_exhausted, result.completed) == ("budget_exhausted", True, False)
    assert (result.iterations_attempted, result.successful_iterations) == (5, 5)
    assert "tokens/60s" in (run.reason or "")


def test_with_several_in_flight_the_budget_is_still_used_to_its_end(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**SMALL)
    text = narrative_text(50, estimated_tokens_per_iteration=1000, concurrency=8)
    assert result_of(perform_all(runtime, start(runtime, text).id)).successful_iterations == 5


@pytest.mark.parametrize("leave", ["stop", "pause", "cancel"])
def test_a_run_that_no_longer_waits_keeps_no_place_in_the_queue(make_runtime: MakeRuntime, leave: str) -> None:
    """A smaller request that fits is not held up by one that nobody makes any more."""
    runtime = make_runtime(**SMALL)
    perform_all(runtime, start(runtime, narrative_text(1, estimated_tokens_per_iteration=4500)).id)
    policy = "stop" if leave == "stop" else "wait"
    large = start(runtime, narrative_text(2, estimated_tokens_per_iteration=1000, on_budget_exhausted=policy))
    assert large.status == ("budget_exhausted" if leave == "stop" else "waiting")
    if leave == "pause":
        pause(runtime, large.id)
    if leave == "cancel":
        cancel(runtime, large.id)
    small = start(runtime, narrative_text(1, estimated_tokens_per_iteration=300))
    assert perform_all(runtime, small.id).status == "completed"


@pytest.mark.parametrize("others", [0, 1])
def test_a_run_that_fails_gives_up_its_place_at_once(make_runtime: MakeRuntime, others: int) -> None:
    """Whether it ends with this iteration or waits for others in flight."""
    runtime = make_runtime(drivers__echo__errors='["400"]', **SMALL)
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo"))
    each = 3000 if others == 0 else 2000
    run = start(runtime, narrative_text(9, estimated_tokens_per_iteration=each, concurrency=3))
    assert [waiter.ticket for waiter in runtime.budget.usage(scope).waiting] == [f"{run.id}:{2 + others}:0"]
    perform(runtime, run.id, 1)
    assert runtime.budget.usage(scope).waiting == ()


def test_wait_parks_the_run_until_the_window_moves_on(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**SMALL)
    text = narrative_text(50, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait")
    run = perform_all(runtime, start(runtime, text).id)
    assert (run.status, run.succeeded) == ("waiting", 5)
    assert run.due_at is not None
    assert 0 < (run.due_at - run.now).total_seconds() < 62


def test_a_wait_that_would_be_too_long_ends_the_run(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**SMALL)
    text = narrative_text(50, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait", max_wait_seconds=10)
    assert perform_all(runtime, start(runtime, text).id).status == "budget_exhausted"


def test_an_iteration_larger_than_a_window_is_refused_at_once(make_runtime: MakeRuntime) -> None:
    with pytest.raises(InvalidInput, match=r"6,000 requested, but tokens/60s allows 5,000"):
        start(make_runtime(**SMALL), narrative_text(2, estimated_tokens_per_iteration=6000))


def test_max_tokens_total_caps_the_run(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(50, estimated_tokens_per_iteration=100, max_tokens_total=350))
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.used_tokens) == ("budget_exhausted", 3, 300)


def test_max_cost_usd_caps_the_run(make_runtime: MakeRuntime) -> None:
    priced = one_tier(usd_per_million_input="1000", usd_per_million_output="1000")
    runtime = make_runtime(**priced)
    text = narrative_text(50, estimated_tokens_per_iteration=100, max_cost_usd=0.35)
    after = perform_all(runtime, start(runtime, text).id)
    assert (after.status, after.succeeded, after.cost_usd) == ("budget_exhausted", 3, Decimal("0.3"))
    assert "max_cost_usd" in (after.reason or "")


def test_max_cost_usd_needs_prices(make_runtime: MakeRuntime) -> None:
    acts = '[acts.plain]\nprompt = "Hi"\n[acts.own]\nmodel = "openai-compatible/mine"\nprompt = "Hi"'
    with pytest.raises(InvalidInput) as refusal:
        start(make_runtime(), narrative_text(2, acts, max_cost_usd=1))
    message = str(refusal.value)
    assert "max_cost_usd can't be kept: the price of openai-compatible/mine (act own) is unknown" in message
    assert '[providers.openai-compatible.tiers.local.models."mine"]' in message


def test_max_cost_usd_holds_for_free_echo(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    run = perform_all(runtime, start(runtime, narrative_text(2, max_cost_usd=1)).id)
    assert (run.status, run.cost_usd) == ("completed", 0)


def test_multipliers_make_the_limits_smaller(make_runtime: MakeRuntime) -> None:
    providers = '{"echo": {"default_tier": "t", "tiers": {"t": {"tpm": 10000}}}}'
    runtime = make_runtime(providers=providers, budget__tpm_multiplier="0.9")
    text = narrative_text(50, estimated_tokens_per_iteration=1000)
    own = text.replace("[acts]", "[narrative.carousel.budget]\ntpm_multiplier = 0.3\n[acts]")
    assert perform_all(runtime, start(runtime, own).id).succeeded == 3


def test_the_most_specific_multiplier_wins_and_is_applied_once(make_runtime: MakeRuntime) -> None:
    """Settings, narrative and carousel all say something: 0.5 of 10,000 it is, not a product of them."""
    providers = '{"echo": {"default_tier": "t", "tiers": {"t": {"tpm": 10000}}}}'
    runtime = make_runtime(providers=providers, budget__tpm_multiplier="0.9")
    text = narrative_text(50, estimated_tokens_per_iteration=1000)
    both = "[narrative.budget]\ntpm_multiplier = 0.2\n[narrative.carousel.budget]\ntpm_multiplier = 0.5\n[acts]"
    assert perform_all(runtime, start(runtime, text.replace("[acts]", both)).id).succeeded == 5
    narrative = "[narrative.budget]\ntpm_multiplier = 0.6\n[acts]"
    held = shares(plan_iteration(runtime, loaded(text.replace("[acts]", narrative)).narrative, {}))
    assert [window.limit for window in held[0].scope.windows] == [6000]


@pytest.mark.parametrize("carousel", [True, False])
def test_the_multiplier_of_a_run_is_before_all_others(make_runtime: MakeRuntime, carousel: bool) -> None:
    """It is kept with the run: whoever performs it uses the same part of the limits."""
    runtime = make_runtime(providers=TEN_THOUSAND, budget__tpm_multiplier="0.9")
    text = narrative_text(50, estimated_tokens_per_iteration=1000)
    text = text.replace("[acts]", "[narrative.carousel.budget]\ntpm_multiplier = 0.2\nrpm_multiplier = 0.1\n[acts]")
    if not carousel:
        text = '[narrative]\nname = "test"\n[narrative.budget]\ntpm_multiplier = 0.2\n[acts]\none = "Hello"\n'
    run = start(runtime, text, multipliers=Multipliers(tpm_multiplier=0.4))
    with runtime.store.transaction() as tx:
        narrative = narrative_of(tx, run.id)
    [share] = shares(plan_iteration(runtime, narrative, {}))
    assert [window.limit for window in share.scope.windows] == [4000]
    if carousel:
        assert perform_all(runtime, run.id).succeeded == 4


TEN_THOUSAND = '{"echo": {"default_tier": "t", "tiers": {"t": {"tpm": 10000}}}}'


def test_a_model_whose_limits_are_a_guess_is_announced(make_runtime: MakeRuntime) -> None:
    providers = '{"echo": {"default_tier": "t", "tiers": {"t": {"tpm": 10000, "models": {"echo": {"rpm": 9}}}}}}'
    runtime = make_runtime(providers=providers, default_model="echo/echo-new")
    enqueued = enqueue(runtime, loaded(narrative_text(1)), "test.toml", EnqueueRequest())
    assert enqueued.warnings == ("echo/echo-new@t: no limits are known for this model; its tier's defaults apply",)


def one_tier(**limits: object) -> dict[str, str]:
    return {"providers": json.dumps({"echo": {"default_tier": "t", "tiers": {"t": limits}}})}


def test_input_and_output_have_limits_of_their_own(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**one_tier(itpm=100, otpm=1000))
    text = narrative_text(50, f'one = "{"x" * 100}"', estimated_tokens_per_iteration=100)
    run = perform_all(runtime, start(runtime, text).id)
    usage = runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo")))
    assert run.status == "budget_exhausted"
    assert "input_tokens/60s" in (run.reason or "")
    assert {window.window.metric: window.used for window in usage.windows} == {
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
    }


def test_a_lack_of_slots_is_waited_for_whatever_the_policy(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__inline_wait_seconds="0", **one_tier(max_concurrent=1))
    scope, slot = runtime.scopes.of(runtime.drivers.resolve("echo/echo")), Amounts(1, 1, concurrency=1)
    assert isinstance(runtime.budget.draw("somebody else", "a call", scope, slot), Draw)
    run = start(runtime, narrative_text(1))
    perform(runtime, run.id, 1)
    assert run_of(runtime, run.id).status == "waiting"
    runtime.budget.settle("somebody else", "a call", scope, slot)
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, due_at=tx.runs.get(run.id).now)
    sweep(runtime)
    assert perform_all(runtime, run.id).status == "completed"


def test_several_acts_need_one_slot(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**one_tier(max_concurrent=1))
    run = start(runtime, narrative_text(2, 'one = "a"\ntwo = "b"\nthree = "c"'))
    assert perform_all(runtime, run.id).status == "completed"


def perform_some(runtime: Runtime, run_id: str, number: int) -> None:
    for current in range(1, number + 1):
        perform(runtime, run_id, current)


def test_a_redis_that_forgot_the_day_is_told_by_the_ledger(make_runtime: MakeRuntime) -> None:
    """60 % of a day's tokens used, then everything is lost: no more than the other 40 % is ever granted."""
    runtime = make_runtime(**one_tier(tpd=10_000))
    run = start(runtime, narrative_text(50, estimated_tokens_per_iteration=1000))
    perform_some(runtime, run.id, 6)
    runtime.redis.flushall()
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.used_tokens) == ("budget_exhausted", 10, 10_000)


def test_a_redis_that_forgot_the_minute_opens_it_only_with_time(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**one_tier(tpm=10_000))
    text = narrative_text(50, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait")
    run = start(runtime, text)
    perform_some(runtime, run.id, 2)
    runtime.redis.flushall()
    after = perform_all(runtime, run.id)
    assert after.status == "waiting"
    assert after.succeeded <= 3
    assert after.due_at is not None and 0 < (after.due_at - after.now).total_seconds() < 61


def test_failure_ends_the_run_and_starts_nothing_more(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    run = perform_all(runtime, start(runtime, narrative_text(5)).id)
    assert (run.status, run.succeeded, run.failed, run.dispatched) == ("failed", 1, 1, 2)
    assert "iteration 2" in (run.reason or "")


def test_failure_with_others_in_flight_cancels_the_queued_ones(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["400"]')
    run = start(runtime, narrative_text(9, concurrency=4))
    perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        statuses = [iteration.status for iteration in tx.iterations.of_run(run.id)]
    after = run_of(runtime, run.id)
    assert statuses == ["failed", "cancelled", "cancelled", "cancelled"]
    assert (after.status, after.failed) == ("failed", 1)
    perform(runtime, run.id, 2)
    assert run_of(runtime, run.id).succeeded == 0


def test_continue_on_error_performs_them_all(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    run = perform_all(runtime, start(runtime, narrative_text(5, continue_on_error=True)).id)
    assert (run.status, run.succeeded, run.failed) == ("completed", 4, 1)


def test_transient_errors_are_retried_and_each_try_is_a_request(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["500", "429:0.01", "ok"]')
    run = perform_all(runtime, start(runtime, narrative_text(1, retries=2)).id)
    with runtime.store.transaction() as tx:
        outcomes = [entry["outcome"] for entry in tx.ledger.of_run(run.id)]
        act = tx.acts.of_iteration(run.id, 1)[0]
    assert run.status == "completed"
    assert outcomes == ["refused", "refused", "settled"]
    assert act.tries == 3


def test_retries_that_are_used_up_fail_the_iteration(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["500", "500", "ok"]')
    run = perform_all(runtime, start(runtime, narrative_text(1, retries=1)).id)
    assert run.status == "failed"
    assert "2 tries failed" in (run.reason or "")


def test_a_call_with_an_unknown_outcome_stays_charged(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["hang", "ok"]', drivers__echo__timeout_seconds="0.01", **SMALL)
    text = narrative_text(50, estimated_tokens_per_iteration=1000)
    run = perform_all(runtime, start(runtime, text).id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (run.succeeded, totals["unknown_requests"]) == (4, 1)


def test_a_long_retry_after_gives_the_iteration_back(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["429:600", "ok"]')
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    after = run_of(runtime, run.id)
    assert after.status == "waiting"
    assert after.due_at is not None and 500 < (after.due_at - after.now).total_seconds() < 800
    with runtime.store.transaction() as tx:
        iteration = tx.iterations.of_run(run.id)[0]
    assert (iteration.status, iteration.attempt) == ("queued", 1)


def test_the_same_key_names_the_same_run(runtime: Runtime) -> None:
    text = narrative_text(2)
    options = EnqueueRequest(idempotency_key="monday")
    first = enqueue(runtime, loaded(text), "test.toml", options)
    second = enqueue(runtime, loaded(text), "test.toml", options)
    assert (first.created, second.created) == (True, False)
    assert first.run.id == second.run.id
    with pytest.raises(InvalidInput, match="another narrative or other options"):
        enqueue(runtime, loaded(narrative_text(3)), "test.toml", options)


def test_iterations_can_be_given_at_enqueue(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(50), iterations=2)
    assert perform_all(runtime, run.id).succeeded == 2


def test_pause_holds_and_resume_goes_on(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3))
    perform(runtime, run.id, 1)
    assert pause(runtime, run.id).status == "paused"
    assert pause(runtime, run.id).status == "paused"
    perform(runtime, run.id, 2)
    assert perform_all(runtime, run.id).succeeded == 1
    assert resume(runtime, run.id).status == "running"
    assert perform_all(runtime, run.id).succeeded == 3


def test_pause_gives_back_the_tickets_of_what_nobody_has_begun(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(4, estimated_tokens_per_iteration=100, concurrency=3))
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo"))
    assert runtime.budget.usage(scope).held.tokens == 300
    pause(runtime, run.id)
    assert runtime.budget.usage(scope).held.tokens == 0
    resume(runtime, run.id)
    assert runtime.budget.usage(scope).held.tokens == 300
    assert perform_all(runtime, run.id).succeeded == 4


def test_cancel_ends_the_run_and_resume_brings_it_back(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3))
    perform(runtime, run.id, 1)
    assert cancel(runtime, run.id).status == "cancelled"
    assert perform_all(runtime, run.id).succeeded == 1
    resume(runtime, run.id)
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded) == ("completed", 3)


def test_resume_of_a_failed_run_pays_finished_acts_only_once(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    acts = 'one = "a"\ntwo = "b"'
    run = perform_all(runtime, start(runtime, narrative_text(2, acts, estimated_tokens_per_iteration=100)).id)
    assert (run.status, run.failed) == ("failed", 1)
    resume(runtime, run.id)
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (after.status, after.succeeded, after.failed) == ("completed", 2, 0)
    assert totals["requests"] == 5
    assert after.used_tokens == totals["input_tokens"] + totals["output_tokens"] == 200


def test_a_complete_run_can_not_be_resumed(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    with pytest.raises(InvalidInput, match="is complete"):
        resume(runtime, run.id)


def test_nothing_is_held_when_nothing_is_in_flight(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**SMALL)
    run = perform_all(runtime, start(runtime, narrative_text(3, estimated_tokens_per_iteration=1000)).id)
    usage = runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo")))
    assert run.status == "completed"
    assert (usage.held.requests, usage.held.tokens, usage.tickets) == (0, 0, 0)
    assert usage.windows[0].used == 3000
