"""The last act of an iteration is written with the iteration's end: both or neither, and never paid again when it is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import ConnectionError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from botticelli.errors import StaleLease
from botticelli.runtime.process import Runtime
from tests.integration.carousel.recovery.test_recovery import let_lease_run_out
from tests.support.narratives import narrative_text, perform_all, run_of, start
from workers.context.claims import claim
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import Failed, Succeeded
from workers.executor import iteration as executed
from workers.executor.act_sequence import perform_acts
from workers.executor.iteration import _conclude, _succeed_together, _Success, conclude, perform

TWO_ACTS = 'one = "Say hello"\ntwo = "Say goodbye"'
SIDE_BY_SIDE = 'one = "Say hello"\n[acts.two]\nprompt = "Say goodbye"\nneeds = []'


def performed(runtime: Runtime, run_id: str) -> IterationContext:
    """Iteration 1 with all its answers, right before its end."""
    stage = claim(runtime, run_id, 1)
    assert stage is not None
    perform_acts(stage)
    return stage


def rows(runtime: Runtime, query: str, run_id: str) -> list[Any]:
    with runtime.store.transaction() as tx:
        return list(tx.connection.execute(text(query), {"id": run_id}))


def acts(runtime: Runtime, run_id: str) -> list[Any]:
    query = "select name, status, output, xmin::text from acts where run_id = :id and number = 1 order by position"
    return rows(runtime, query, run_id)


def iteration(runtime: Runtime, run_id: str) -> Any:
    return rows(runtime, "select status, error, xmin::text from iterations where run_id = :id and number = 1", run_id)[
        0
    ]


def outcomes(runtime: Runtime, run_id: str) -> list[str]:
    return sorted(row[0] for row in rows(runtime, "select outcome from ledger where run_id = :id", run_id))


def test_last_act_and_end_of_iteration_share_one_transaction(runtime: Runtime) -> None:
    run_id = start(runtime, narrative_text(1, TWO_ACTS)).id
    perform(runtime, run_id, 1)
    first, last = acts(runtime, run_id)
    assert last.xmin == iteration(runtime, run_id).xmin != first.xmin
    run = run_of(runtime, run_id)
    assert (run.status, outcomes(runtime, run_id)) == ("completed", ["settled", "settled"])
    assert (
        run.output_tokens == rows(runtime, "select sum(output_tokens) from ledger where run_id = :id", run_id)[0][0] > 0
    )


@pytest.mark.parametrize(
    "text_of",
    [
        narrative_text(1, SIDE_BY_SIDE),
        narrative_text(1, '[acts.one]\nprompt = "Say hello"\noutput_var = "greeting"'),
    ],
    ids=["side by side", "bound to a variable"],
)
def test_act_with_something_between_it_and_the_end_is_written_alone(runtime: Runtime, text_of: str) -> None:
    run_id = start(runtime, text_of).id
    stage = performed(runtime, run_id)
    assert {act.status for act in acts(runtime, run_id)} == {"done"} and not stage.last_acts
    conclude(stage, Succeeded())
    assert run_of(runtime, run_id).status == "completed"


def test_worker_lost_before_the_end_has_its_last_call_paid_once_more(runtime: Runtime) -> None:
    run_id = start(runtime, narrative_text(1, TWO_ACTS)).id
    performed(runtime, run_id)
    assert [act.name for act in acts(runtime, run_id)] == ["one"]
    let_lease_run_out(runtime, run_id)
    assert perform_all(runtime, run_id).status == "completed"
    assert [(act.name, act.status) for act in acts(runtime, run_id)] == [("one", "done"), ("two", "done")]
    assert outcomes(runtime, run_id) == ["settled", "settled", "unknown"]


def test_worker_that_was_given_up_writes_no_last_act(runtime: Runtime) -> None:
    run_id = start(runtime, narrative_text(1)).id
    stage = performed(runtime, run_id)
    with runtime.store.transaction() as tx:
        tx.iterations.requeue(run_id, 1, stage.claim.fencing_token)
    with pytest.raises(StaleLease):
        conclude(stage, Succeeded())
    assert (acts(runtime, run_id), outcomes(runtime, run_id)) == ([], ["drawn"])


def test_last_act_of_the_one_who_holds_the_iteration_wins_in_a_batch_with_an_old_one(runtime: Runtime) -> None:
    run_id = start(runtime, narrative_text(1)).id
    old = performed(runtime, run_id)
    let_lease_run_out(runtime, run_id)
    with runtime.store.transaction() as tx:
        tx.iterations.requeue(run_id, 1, old.claim.fencing_token)
        tx.iterations.admit(run_id, {1: old.claim.ticket}, 60)
    new = performed(runtime, run_id)
    record = replace(old.last_acts[0], row=replace(old.last_acts[0].row, output="of the old one"))
    both = [_Success(old.claim, (record,), False), _Success(new.claim, tuple(new.last_acts), False)]
    (is_old_held, *_), (is_new_held, *_) = _succeed_together((runtime, run_id), both)
    assert (is_old_held, is_new_held) == (False, True)
    assert [act.output for act in acts(runtime, run_id)] == [new.last_acts[0].row.output]


def test_last_act_is_kept_when_the_end_cannot_be_written(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the row of the run stays locked: nothing is paid again."""
    run_id = start(runtime, narrative_text(1)).id
    stage = performed(runtime, run_id)
    with monkeypatch.context() as patch:

        def refuse(*_: Any) -> None:
            raise OperationalError("lock", {}, Exception("canceling statement due to lock timeout"))

        patch.setattr(executed, "advance", refuse)
        with pytest.raises(OperationalError):
            conclude(stage, Succeeded())
    assert [act.status for act in acts(runtime, run_id)] == ["done"]
    assert iteration(runtime, run_id).status == "running"
    let_lease_run_out(runtime, run_id)
    assert perform_all(runtime, run_id).status == "completed"
    assert outcomes(runtime, run_id) == ["settled"]


@pytest.mark.parametrize("is_back", [True, False], ids=["back at once", "still away"])
def test_last_act_is_not_written_before_it_is_settled(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, is_back: bool
) -> None:
    """Redis goes away before the trip that settles the call, ends its ticket and reserves the next one."""

    def away(*_: Any) -> None:
        raise ConnectionError("away")

    run_id = start(runtime, narrative_text(2)).id
    stage = performed(runtime, run_id)
    with monkeypatch.context() as patch:
        patch.setattr(runtime.budget, "close_and_reserve", away)
        if not is_back:
            patch.setattr(runtime.budget, "settle", away)
        with pytest.raises(ConnectionError):
            conclude(stage, Succeeded())
    assert [act.status for act in acts(runtime, run_id)] == ["done"] * is_back
    assert (iteration(runtime, run_id).status, run_of(runtime, run_id).succeeded) == ("running", 0)
    let_lease_run_out(runtime, run_id)
    assert perform_all(runtime, run_id).status == "completed"
    assert outcomes(runtime, run_id) == ["settled", "settled", *["unknown"] * (not is_back)]


def test_call_of_a_failed_iteration_is_settled_before_its_ticket_is_released(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release would charge a call that is still open with its estimate."""
    calls: list[str] = []

    def noted(name: str) -> Any:
        call = getattr(runtime.budget, name)
        return lambda *arguments: [calls.append(name), call(*arguments)][1]

    stage = performed(runtime, start(runtime, narrative_text(1)).id)
    for name in ("settle", "release_all"):
        monkeypatch.setattr(runtime.budget, name, noted(name))
    conclude(stage, Failed("too late"))
    assert calls[:2] == ["settle", "release_all"]


def test_iteration_that_fails_after_its_last_answer_keeps_the_act(runtime: Runtime) -> None:
    """As where a time limit comes after it."""
    run_id = start(runtime, narrative_text(1)).id
    conclude(performed(runtime, run_id), Failed("too late"))
    assert [act.status for act in acts(runtime, run_id)] == ["done"]
    assert (iteration(runtime, run_id).error, outcomes(runtime, run_id)) == ("too late", ["settled"])


def test_iteration_whose_last_act_cannot_be_written_has_failed(runtime: Runtime) -> None:
    run_id = start(runtime, narrative_text(1)).id
    stage = performed(runtime, run_id)
    stage.last_acts[0] = replace(stage.last_acts[0], row=replace(stage.last_acts[0].row, output_tokens=2**80))
    _conclude(stage, Succeeded())
    assert iteration(runtime, run_id).error.startswith("internal error (DataError)")
    assert (acts(runtime, run_id), run_of(runtime, run_id).status) == ([], "failed")
