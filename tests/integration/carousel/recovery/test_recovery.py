"""The sweep mends what a worker, an enqueuer or a Redis that is gone has left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from botticelli.budget import Ticket
from botticelli.carousel import resume, retry
from botticelli.errors import StaleLease
from botticelli.runtime.process import Runtime
from botticelli.store import Claim, Entry, Transaction
from tests.support.narratives import narrative_text, perform_all, run_of, start, sweep
from workers.context import claims
from workers.context.claims import hand_back, keeper_of
from workers.executor.iteration import perform
from workers.recovery.duties.expired_leases import ExpiredLeases

MakeRuntime = Callable[..., Runtime]


def claim(runtime: Runtime, run_id: str, number: int = 1) -> Claim:
    """Take an iteration as a worker would, and do nothing with it: that worker is dead."""
    with runtime.store.transaction() as tx:
        taken = tx.steps.claim_one(run_id, number, worker="dead:1", lease_seconds=60)
    assert taken is not None
    return taken


def let_lease_run_out(runtime: Runtime, run_id: str) -> None:
    change = "update iterations set lease_until = now() - interval '1 second' where run_id = :id and status = 'running'"
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(change), {"id": run_id})


def statuses(runtime: Runtime, run_id: str) -> list[str]:
    with runtime.store.transaction() as tx:
        return [iteration.status for iteration in tx.iterations.of_run(run_id)]


def test_iteration_is_claimed_once(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    claim(runtime, run.id)
    with runtime.store.transaction() as tx:
        assert tx.steps.claim_one(run.id, 1, worker="late:2", lease_seconds=60) is None


def test_doubled_message_does_nothing(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    perform(runtime, run.id, 1)
    perform(runtime, run.id, 1)
    assert run_of(runtime, run.id).succeeded == 1


def test_message_for_an_unknown_iteration_does_nothing(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    perform(runtime, run.id, 77)
    perform(runtime, "no-such-run", 1)
    assert statuses(runtime, run.id) == ["queued"]


def test_iteration_of_a_lost_worker_is_performed_by_another(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    claim(runtime, run.id)
    sweep(runtime)
    assert statuses(runtime, run.id) == ["running"]
    let_lease_run_out(runtime, run.id)
    sweep(runtime)
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        attempts = [iteration.attempt for iteration in tx.iterations.of_run(run.id)]
    assert (after.status, after.succeeded, attempts) == ("completed", 2, [2, 1])


def test_failed_act_of_a_lost_iteration_is_performed_again_only_after_a_resume(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise RedisConnectionError("just then")

    def called(run_id: str) -> list[object]:
        with runtime.store.transaction() as tx:
            return [entry["outcome"] for entry in tx.ledger.of_run(run_id)]

    runtime = make_runtime(drivers__echo__errors='["400", "ok"]')
    run = start(runtime, narrative_text(1))
    with monkeypatch.context() as gone:
        gone.setattr("workers.executor.iteration.conclude", away)
        perform(runtime, run.id, 1)
    assert (statuses(runtime, run.id), called(run.id)) == (["running"], ["refused"])
    keeper_of(runtime).hand_back_interrupted()
    after = perform_all(runtime, run.id)
    assert (after.status, called(run.id)) == ("failed", ["refused"])
    assert "iteration 1: act one: echo/echo: " in (after.reason or "")
    resume(runtime, run.id)
    assert (perform_all(runtime, run.id).status, called(run.id)) == ("completed", ["refused", "settled"])


def test_worker_that_wakes_after_its_lease_writes_nothing(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    old = claim(runtime, run.id)
    let_lease_run_out(runtime, run.id)
    sweep(runtime)
    with runtime.store.transaction() as tx, pytest.raises(StaleLease):
        tx.iterations.check_lease(old, lease_seconds=60)
    new = claim(runtime, run.id)
    assert new.fencing_token > old.fencing_token
    with runtime.store.transaction() as tx, pytest.raises(StaleLease):
        tx.iterations.check_lease(old, lease_seconds=60)


def test_poison_iteration_fails_after_the_last_attempt(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__max_attempts="2")
    run = start(runtime, narrative_text(3))
    for _ in range(2):
        claim(runtime, run.id)
        let_lease_run_out(runtime, run.id)
        sweep(runtime)
    after = run_of(runtime, run.id)
    assert (after.status, after.failed, statuses(runtime, run.id)) == ("failed", 1, ["failed"])
    assert "2 workers were lost" in (after.reason or "")


def test_poison_iteration_stops_no_other_when_the_carousel_continues_on_error(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__max_attempts="1")
    run = start(runtime, narrative_text(3, continue_on_error=True))
    claim(runtime, run.id)
    let_lease_run_out(runtime, run.id)
    sweep(runtime)
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.failed) == ("completed", 2, 1)


def test_finished_acts_are_kept_when_a_worker_is_lost(runtime: Runtime) -> None:
    acts = 'one = "a"\ntwo = "b"'
    run = start(runtime, narrative_text(1, acts, estimated_tokens_per_iteration=100))
    perform_first_act_only(runtime, run.id)
    let_lease_run_out(runtime, run.id)
    sweep(runtime)
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (after.status, totals["requests"], after.used_tokens) == ("completed", 2, 100)


def perform_first_act_only(runtime: Runtime, run_id: str) -> None:
    """A worker that dies between two acts."""
    from workers.context.claims import claim
    from workers.executor.act import perform_act

    stage = claim(runtime, run_id, 1)
    assert stage is not None
    perform_act(stage.at(0))


def test_draw_of_a_lost_worker_counts_as_unknown(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1, estimated_tokens_per_iteration=100))
    taken = claim(runtime, run.id)
    with runtime.store.transaction() as tx:
        tx.ledger.draw(Entry("d1", run.id, 1, "one", taken.attempt, "echo/echo@default", 100, run.now))
    let_lease_run_out(runtime, run.id)
    sweep(runtime)
    perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["unknown_requests"] == 1


def test_unclaimed_task_is_published_again(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__redelivery_grace_seconds="600")
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        assert tx.iterations.unclaimed(10) == []
        tx.connection.execute(text("update iterations set due_at = now() - interval '1 second'"))
    with runtime.store.transaction() as tx:
        due = tx.iterations.unclaimed(10)
        assert [(iteration.key, iteration.publishes) for iteration in due] == [((run.id, 1), 1)]
        assert tx.iterations.postpone(due, {(run.id, 1)}, grace_seconds=600) == {(run.id, 1): 2}
    with runtime.store.transaction() as tx:
        assert tx.iterations.postpone(due, {(run.id, 1)}, grace_seconds=600) == {}, "another sweep was first"
        assert tx.iterations.unclaimed(10) == []


def test_run_whose_enqueuer_died_before_admission_is_started_by_the_sweep(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    change = "delete from iterations; update runs set status = 'queued', dispatched = 0, due_at = now()"
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(change))
    sweep(runtime)
    assert perform_all(runtime, run.id).succeeded == 2


def test_run_whose_worker_died_before_the_next_admission_is_advanced_by_the_sweep(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        tx.connection.execute(
            text("delete from iterations where number = 2; update runs set dispatched = 1, due_at = now()")
        )
    assert perform_all(runtime, run.id).succeeded == 2


def test_run_that_can_not_be_advanced_delays_no_other(runtime: Runtime) -> None:
    broken, whole = start(runtime, narrative_text(2)), start(runtime, narrative_text(2))
    change = """
    delete from iterations;
    update runs set status = 'running', dispatched = 0, due_at = now();
    update runs set snapshot = '{"from": "another version"}', due_at = now() - interval '1 minute' where id = :id
    """
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(change), {"id": broken.id})
    _forget_snapshots()
    runtime.plans.clear()
    sweep(runtime)
    assert perform_all(runtime, whole.id).succeeded == 2
    after = run_of(runtime, broken.id)
    assert after.due_at is not None and after.due_at > after.now


def _forget_snapshots() -> None:
    from botticelli.carousel.plan import snapshots

    snapshots._snapshots.clear()


def test_run_never_accepted_can_not_be_resumed(runtime: Runtime) -> None:
    from botticelli.carousel import EnqueueRequest, accept
    from botticelli.errors import InvalidInput

    accept(runtime, EnqueueRequest(run_id="wrong", iterations=3), narrative="nobody_wrote_this")
    with pytest.raises(InvalidInput, match=r"never accepted.*nobody_wrote_this"):
        resume(runtime, "wrong")


def test_redis_that_lost_its_data_costs_no_iteration(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3, estimated_tokens_per_iteration=100))
    runtime.redis.flushall()
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded) == ("completed", 3)


def test_ticket_is_released_when_its_run_is_cancelled(make_runtime: MakeRuntime) -> None:
    from botticelli.carousel import cancel

    runtime = make_runtime()
    run = start(runtime, narrative_text(2, estimated_tokens_per_iteration=100, concurrency=2))
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo"))
    assert runtime.budget.usage(scope).held.tokens == 200
    cancel(runtime, run.id)
    assert runtime.budget.usage(scope).held.tokens == 0


def test_ticket_survives_its_row(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1, estimated_tokens_per_iteration=100))
    ticket = Ticket.from_json(claim(runtime, run.id).ticket)
    assert ticket.id == f"{run.id}:1:0"
    assert Ticket.from_json(ticket.to_json()) == ticket


def lose(runtime: Runtime, run_id: str) -> None:
    """A worker takes the first iteration and dies."""
    claim(runtime, run_id)
    let_lease_run_out(runtime, run_id)
    sweep(runtime)


def test_handed_back_iteration_does_not_count_as_lost(make_runtime: MakeRuntime) -> None:
    """Only workers that were lost count, not those that gave the iteration back."""
    runtime = make_runtime(worker__max_attempts="2")
    run = start(runtime, narrative_text(1))
    for _ in range(3):
        hand_back(runtime, claim(runtime, run.id), "a test")
    lose(runtime, run.id)
    assert statuses(runtime, run.id) == ["queued"]
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        assert (after.status, tx.iterations.of_run(run.id)[0].attempt) == ("completed", 5)


def test_retried_poison_run_has_all_its_attempts_again(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__max_attempts="2")
    run = start(runtime, narrative_text(2))
    for move in (retry, resume):
        lose(runtime, run.id)
        assert statuses(runtime, run.id) == ["queued"]
        lose(runtime, run.id)
        assert run_of(runtime, run.id).status == "failed"
        move(runtime, run.id)
    lose(runtime, run.id)
    assert perform_all(runtime, run.id).succeeded == 2


def test_worker_that_exits_claims_nothing_that_it_has_handed_back(runtime: Runtime) -> None:
    """Its consumer may still receive the message; another worker's sweep publishes it again."""
    run = start(runtime, narrative_text(2, concurrency=2))
    keeper = keeper_of(runtime)
    held, waiting = (claims.claim(runtime, run.id, number) for number in (1, 2))
    assert held is not None and waiting is not None
    claims.claim_ahead(runtime, {2: waiting})
    with keeper.holding(held.claim):
        keeper.close()
        keeper.hand_back_all("a test")
    perform(runtime, run.id, 1)
    assert statuses(runtime, run.id) == ["queued", "queued"]


def test_handed_back_iteration_continues_at_once_and_its_old_holder_writes_nothing(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1, 'one = "a"\ntwo = "b"', estimated_tokens_per_iteration=100))
    perform_first_act_only(runtime, run.id)
    with runtime.store.transaction() as tx:
        old = Claim(run.id, 1, 1, 1, _ticket_of(tx, run.id), 0, run.now)
        tx.ledger.draw(Entry("lost", run.id, 1, "two", 1, "echo/echo@default", 50, run.now))
    hand_back(runtime, old, "a test")
    hand_back(runtime, old, "a test")
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["unknown_requests"] == 1
    with runtime.store.transaction() as tx, pytest.raises(StaleLease):
        tx.iterations.check_lease(old, lease_seconds=60)
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.used_tokens) == ("completed", 1, 100)
    assert runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo"))).held.tokens == 0


def _ticket_of(tx: Transaction, run_id: str) -> dict[str, Any]:
    ticket: dict[str, Any] = tx.connection.execute(
        text("select ticket from iterations where run_id = :id"), {"id": run_id}
    ).scalar_one()
    return ticket


def test_expired_lease_is_spared_after_an_outage(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    claim(runtime, run.id)
    let_lease_run_out(runtime, run.id)
    duty = ExpiredLeases(runtime)
    duty.note_outage()
    duty.run()
    assert statuses(runtime, run.id) == ["running"]
