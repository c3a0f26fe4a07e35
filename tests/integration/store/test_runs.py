"""Tests rows of runs and iterations: look-up by a prefix, and the rules of claim and guard that SQL enforces."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from botticelli.carousel.admission.dispatch import advance
from botticelli.drivers import Usage
from botticelli.errors import NotFound
from botticelli.runtime.process import Runtime
from botticelli.store import Claim, Entry, RunFilter, Transaction
from tests.support.databases.taking_turns import while_the_first_waits_to_commit
from tests.support.narratives import narrative_text, start


def test_run_is_found_by_a_prefix_of_its_id(runtime: Runtime) -> None:
    first, second = start(runtime, narrative_text()), start(runtime, narrative_text())
    with runtime.store.transaction() as tx:
        assert tx.runs.resolve(first.id[:13]) == first.id
        assert tx.runs.resolve("latest") == second.id
        assert [run.id for run in tx.runs.recent()] == [second.id, first.id]
        assert tx.runs.recent(RunFilter(statuses=["completed"])) == []
        for wrong in ("zzz", "", "%", "_"):
            with pytest.raises(NotFound):
                tx.runs.resolve(wrong)


def test_prefix_of_several_runs_is_refused(runtime: Runtime) -> None:
    for number in (1, 2):
        start(runtime, narrative_text(), run_id=f"same-{number}")
    with runtime.store.transaction() as tx, pytest.raises(NotFound, match="several runs begin with 'same'"):
        tx.runs.resolve("same")


def test_iteration_goes_to_one_of_many_workers(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    claims: list[Claim | None] = []
    ready = threading.Barrier(6, timeout=60)

    def take(number: int) -> None:
        ready.wait()
        with runtime.store.transaction() as tx:
            claims.append(tx.steps.claim_one(run.id, 1, worker=f"w:{number}", lease_seconds=60))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 6
    assert len([claim for claim in claims if claim is not None]) == 1


def test_renewing_tells_what_is_still_held(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2, concurrency=2))
    with runtime.store.transaction() as tx:
        claims = [tx.steps.claim_one(run.id, number, worker="w", lease_seconds=60) for number in (1, 2)]
        held = [claim for claim in claims if claim is not None]
        assert tx.iterations.requeue(run.id, 1, held[0].fencing_token)
        tx.iterations.admit(run.id, {1: held[0].ticket}, grace_seconds=5)
        assert tx.steps.claim_one(run.id, 1, worker="other", lease_seconds=60)
        assert set(tx.iterations.check_leases(held, lease_seconds=60)) == {(run.id, 2, 1)}


def test_two_dispatchers_at_once_admit_each_number_once(runtime: Runtime) -> None:
    """They take turns by the run's lock: the second one reads what the first has admitted."""
    run = start(runtime, narrative_text(100, concurrency=10))
    with runtime.store.transaction() as tx:  # as its enqueuer would have left it, had it died
        tx.connection.execute(text("delete from iterations"))
        tx.runs.set(run.id, status="queued", dispatched=0)

    def admit(tx: Transaction) -> list[int]:
        return [publication.number for publication in advance(runtime, tx, tx.runs.lock(run.id))]

    admitted_later, _ = while_the_first_waits_to_commit(runtime, admit, admit)
    assert admitted_later == []
    with runtime.store.transaction() as tx:
        assert [iteration.number for iteration in tx.iterations.of_run(run.id)] == list(range(1, 11))
        assert tx.runs.get(run.id).dispatched == 10
        assert tx.connection.execute(text("select max(publishes) from iterations")).scalar() == 1


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_unknown_cost_makes_the_cost_of_the_run_unknown(runtime: Runtime, end: str) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        locked = tx.runs.lock(run.id)
        if end != "cancelled":
            claim = tx.steps.claim_one(run.id, 1, worker="w", lease_seconds=60)
            assert claim is not None
        tx.ledger.draw(Entry("d", run.id, 1, "one", 1, "a/b@default", 100, locked.now))
        tx.ledger.settle("d", "settled", locked.now, Usage(7, 3))
        match end:
            case "succeeded":
                tx.steps.succeed(run.id, [claim])
                tx.steps.count(run.id, [1], succeeded=1)
            case "failed":
                tx.steps.count(run.id, [1], failed=1)
            case _:
                tx.iterations.cancel_queued(run.id)
        after = tx.runs.get(run.id)
    assert (after.input_tokens, after.output_tokens, after.cost_usd) == (7, 3, None)
