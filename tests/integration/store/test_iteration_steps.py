"""Tests the steps of iterations that take one trip: what a worker may write, and what is committed at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from botticelli.drivers import Usage
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Claim, Entry, Run, Settled, Transaction
from botticelli.store.connection.sessions import POOLED
from botticelli.store.runs.items import Items
from botticelli.store.schema.statements import Prepared, fetch, later, prepared
from tests.support.narratives import narrative_text, start
from workers.context.claims import keeper_of
from workers.executor.iteration import perform

NUMBER = Prepared.of("number", "select cast(:number as int)")
NOTE = Prepared.of("note", "update runs set reason = :reason")
NOTE_MORE = Prepared.of("note_more", "update runs set reason = reason || :reason")
DIVIDED = Prepared.of("divided", "select 1 / cast(:by as int)")


def act_row(claim: Claim, position: int) -> ActRow:
    return ActRow(
        run_id=claim.run_id,
        number=claim.number,
        position=position,
        turn=1,
        name="one",
        status="done",
        fencing_token=claim.fencing_token,
    )


def claimed(runtime: Runtime, run_id: str) -> Claim:
    with runtime.store.single_statements() as tx:
        claim = tx.steps.claim_one(run_id, 1, worker="w", lease_seconds=60)
    assert claim is not None
    return claim


def test_claim_brings_the_run_as_it_stands(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2, concurrency=2))
    with runtime.store.transaction() as tx:
        read, claims = tx.steps.claim(run.id, [1, 2, 3], worker="w", lease_seconds=60)
        assert read is not None
        assert read == replace(tx.runs.get(run.id), now=read.now)
        assert [claims[number].ticket["id"] for number in (1, 2)] == [f"{run.id}:1:0", f"{run.id}:2:0"]
        counted, opened = tx.steps.count(run.id, [1], succeeded=1)
        assert counted == replace(tx.runs.get(run.id), now=counted.now)
        assert (counted.succeeded, opened) == (1, tx.iterations.open(run.id))


@pytest.mark.parametrize(
    ("change", "is_entered"),
    [
        ("update runs set status = 'paused', hold = 'soft'", True),
        ("update runs set status = 'paused', hold = 'now'", False),
        ("update runs set ending = 'cancelled'", False),
        ("update iterations set fencing_token = fencing_token + 1", False),
        ("update iterations set status = 'queued'", False),
    ],
)
def test_ledger_row_is_written_only_while_the_next_step_is_allowed(
    runtime: Runtime, change: str, is_entered: bool
) -> None:
    run = start(runtime, narrative_text(1))
    claim = claimed(runtime, run.id)
    entry = Entry("d", run.id, 1, "one", 1, "a/b@default", 100, run.now)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(change))
    with runtime.store.single_statements() as tx:
        held = tx.steps.draw([claim], [entry], lease_seconds=60)
    intent = held.get(claim.key)
    assert (intent is not None and intent.allows_next_step) == is_entered
    with runtime.store.transaction() as tx:
        assert [row["draw_id"] for row in tx.ledger.of_run(run.id)] == ["d"] * is_entered


def replaced(runtime: Runtime) -> tuple[Run, Claim, Claim]:
    """Return a run, the claim of a worker that was too slow, and the claim of the one that has replaced it."""
    run = start(runtime, narrative_text(1))
    old = claimed(runtime, run.id)
    with runtime.store.transaction() as tx:
        tx.iterations.requeue(run.id, 1, old.fencing_token)
        tx.iterations.admit(run.id, {1: old.ticket}, grace_seconds=5)
    new = claimed(runtime, run.id)
    return run, old, new


def test_replaced_worker_enters_no_draw_beside_the_new_one(runtime: Runtime) -> None:
    run, old, new = replaced(runtime)
    entries = [Entry(draw_id, run.id, 1, "one", 1, "a/b@default", 100, run.now) for draw_id in ("old", "new")]
    with runtime.store.single_statements() as tx:
        assert set(tx.steps.draw([old, new], entries, lease_seconds=60)) == {new.key}
        assert [row["draw_id"] for row in tx.ledger.of_run(run.id)] == ["new"]


def test_replaced_worker_records_no_act_beside_the_new_one(runtime: Runtime) -> None:
    run, old, new = replaced(runtime)
    acts = [
        (claim, act_row(claim, position), Settled(draw_id, "settled", run.now, Usage(1, 1)))
        for position, (draw_id, claim) in enumerate((("old", old), ("new", new)))
    ]
    with runtime.store.single_statements() as tx:
        tx.ledger.draw(
            *(Entry(draw_id, run.id, 1, "one", 1, "a/b@default", 100, run.now) for draw_id in ("old", "new"))
        )
        assert tx.steps.record(acts, lease_seconds=60) == {new.key}
        assert [row.fencing_token for row in tx.acts.of_iteration(run.id, 1)] == [new.fencing_token]
        outcomes = {row["draw_id"]: row["outcome"] for row in tx.ledger.of_run(run.id)}
    assert outcomes == {"old": "drawn", "new": "settled"}


@pytest.mark.parametrize(("rest_seconds", "renewed_seconds"), [(58, 58), (50, 60), (-5, 60)])
def test_guard_renews_a_lease_of_which_a_tenth_is_over(
    runtime: Runtime, rest_seconds: int, renewed_seconds: int
) -> None:
    run = start(runtime, narrative_text(1))
    claim = claimed(runtime, run.id)
    with runtime.store.transaction() as tx:
        rest = {"rest": rest_seconds}
        tx.connection.execute(text("update iterations set lease_until = now() + make_interval(secs => :rest)"), rest)
        assert tx.iterations.check_lease(claim, lease_seconds=60).allows_next_step
        seconds = tx.connection.execute(text("select extract(epoch from lease_until - now()) from iterations"))
        assert seconds.scalar_one() == renewed_seconds


FORGET_STATISTICS = (
    "delete from pg_statistic where starelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)",
    "update pg_class set relpages = 0, reltuples = -1 where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')",
)
"""Make the tables of a database as they are before autovacuum has seen them; in a transaction that is not committed."""
STEPS = ("claim", "enter_held_draws", "record_held_acts", "succeed", "record_last_acts", "count_iterations", "admit")


@pytest.mark.parametrize("name", STEPS)
def test_step_looks_rows_up_by_their_keys_before_the_first_statistics(runtime: Runtime, name: str) -> None:
    """Its plan is made once, on tables of which Postgres knows nothing yet, and must hold when they have grown.

    Autovacuum may have counted their rows in this database before: that is forgotten as long as the plan is looked at.
    """
    sql = prepared(name).prepare.partition(" as ")[2]
    with runtime.store.engine.connect() as connection:
        for forget in FORGET_STATISTICS:
            connection.execute(text(forget))
        cursor: Any = connection.connection.cursor()
        cursor.execute(f"explain (generic_plan, format json) {sql}")
        nodes = list(_nodes(cursor.fetchone()[0][0]["Plan"]))
    scans = [node for node in nodes if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    far = [node for node in scans if not any(key in node.get("Index Cond", "") for key in ("(id = ", "number = "))]
    assert {node.get("Index Name") for node in far} <= {"ix_iterations_open"}, far


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


@pytest.mark.parametrize("is_pooled", [False, True])
def test_statements_before_another_run_in_its_trip(runtime: Runtime, is_pooled: bool) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.engine.connect() as connection:
        connection.info[POOLED] = is_pooled
        try:
            before = [(NUMBER, {"number": 1}), (NOTE, {"reason": "50%"})]
            with connection.begin():
                assert fetch(connection, NUMBER, {"number": 2}, after=before) == [(2,)]
        finally:
            connection.invalidate()
    with runtime.store.transaction() as tx:
        assert tx.runs.get(run.id).reason == "50%"


def _fail_after(opened: AbstractContextManager[Transaction], run_id: str, reason: str) -> None:
    with opened as tx:
        tx.runs.set(run_id, reason=reason)
        fetch(tx.connection, DIVIDED, {"by": 0})


def test_single_statement_stays_when_a_later_one_fails(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    for opened, reason in ((runtime.store.single_statements(), "stays"), (runtime.store.transaction(), "goes")):
        with pytest.raises(DataError):
            _fail_after(opened, run.id, reason)
    with runtime.store.transaction() as tx:
        assert tx.runs.get(run.id).reason == "stays"


def test_joined_transaction_sends_what_waits_before_any_other_statement(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    other = "update runs set reason = reason || ', then'"
    with runtime.store.joined_transaction() as tx:
        tx.connection.execute(text("update runs set reason = 'begun'"))
        later(tx.connection, NOTE, {"reason": "first"})
        tx.connection.execute(text(other))
        with runtime.store.transaction() as before:
            assert before.runs.get(run.id).reason is None
        later(tx.connection, NOTE_MORE, {"reason": ", last"})
    with runtime.store.transaction() as tx:
        assert tx.runs.get(run.id).reason == "first, then, last"


def test_joined_transaction_that_fails_leaves_nothing_and_its_connection_is_used_on(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))

    def fail(by: int, *, at_its_end: bool) -> None:
        with runtime.store.joined_transaction() as tx:
            later(tx.connection, NOTE, {"reason": "goes"})
            if at_its_end:
                later(tx.connection, DIVIDED, {"by": by})
            else:
                fetch(tx.connection, DIVIDED, {"by": by})

    for at_its_end in (True, False):
        with pytest.raises(DataError):
            fail(0, at_its_end=at_its_end)
        with runtime.store.transaction() as tx:
            assert tx.runs.get(run.id).reason is None
    fail(1, at_its_end=True)
    with runtime.store.transaction() as tx:
        assert tx.runs.get(run.id).reason == "goes"


def test_server_that_goes_after_a_claim_costs_no_attempt(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the iteration can't be read: it is handed back, not lost."""

    def gone(*_: Any) -> None:
        raise OperationalError("select", None, Exception("the server is gone"))

    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update runs set rows = 1"))
    monkeypatch.setattr(Items, "of_numbers", gone)
    assert perform(runtime, run.id, 1) is None
    keeper_of(runtime).hand_back_interrupted()
    with runtime.store.transaction() as tx:
        row = tx.connection.execute(text("select status, lost_count, ticket is not null from iterations")).one()
    assert tuple(row) == ("queued", 0, True)
