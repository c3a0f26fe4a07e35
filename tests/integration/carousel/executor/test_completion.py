"""Iterations of one run that end at the same time in one worker: written together, each counted once, none for another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from botticelli.errors import StaleLease
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, run_of, start
from tests.support.waiting import wait_until
from workers.context.claims import claim
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import Failed, Outcome, Succeeded
from workers.executor.iteration import _run_rows, _successes, conclude

TOGETHER = 8
FIRST, LOST, FAILING = 1, 3, 5


def ended(stage: IterationContext | None, outcome: Outcome) -> str:
    assert stage is not None
    try:
        conclude(stage, outcome)
    except StaleLease:
        return "stale"
    return "written"


def test_successes_that_wait_for_the_runs_row_are_written_together(runtime: Runtime) -> None:
    text_of = narrative_text(TOGETHER + 2, concurrency=TOGETHER, continue_on_error=True)
    run_id = start(runtime, text_of).id
    stages = {number: claim(runtime, run_id, number) for number in range(1, TOGETHER + 1)}
    with runtime.store.transaction() as tx:
        tx.iterations.requeue(run_id, LOST, 1)
    with ThreadPoolExecutor(TOGETHER) as threads, _run_rows.of(run_id):
        answers = {FAILING: threads.submit(ended, stages.pop(FAILING), Failed("too hot"))}
        wait_until(lambda: _run_rows.users(run_id) == 2, "the failed one to stand before the run's row")
        answers[FIRST] = threads.submit(ended, stages.pop(FIRST), Succeeded())
        wait_until(lambda: _run_rows.users(run_id) == 3, "a success to stand there as well")
        answers |= {number: threads.submit(ended, stage, Succeeded()) for number, stage in stages.items()}
        rest = TOGETHER - 2
        wait_until(lambda: _successes.waiting((runtime, run_id)) == rest, "all successes but one to stand in line")
    outcomes = {number: answer.result() for number, answer in answers.items()}
    assert outcomes == {number: "stale" if number == LOST else "written" for number in range(1, TOGETHER + 1)}
    run = run_of(runtime, run_id)
    assert (run.succeeded, run.failed, run.dispatched) == (TOGETHER - 2, 1, TOGETHER + 2)
    with runtime.store.transaction() as tx:
        query = text("select count(distinct xmin::text) from iterations where run_id = :id and status = 'succeeded'")
        assert tx.connection.execute(query, {"id": run_id}).scalar_one() == 2, "the first alone, then all others"
    assert _successes.waiting((runtime, run_id)) == 0
