"""A judge of the chaos tests that a campaign rarely sees at work can tell."""

from __future__ import annotations

from sqlalchemy import text

from botticelli.runtime.process import Runtime
from tests.chaos.fleet.invariants import _order
from tests.support.narratives import narrative_text, perform_all, run_of, start


def test_iteration_begun_after_a_final_failure_is_reported(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(2)).id)
    assert list(_order(runtime, run)) == []
    fails = "update iterations set status = 'failed', finished_at = now() - interval '1 minute' where number = 1"
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(fails))
    order = sorted(_order(runtime, run_of(runtime, run.id)))
    assert [line.partition(" after")[0] for line in order] == [
        "I6: iteration 2 was begun",
        "I6: iteration 2 was drawn",
    ]
