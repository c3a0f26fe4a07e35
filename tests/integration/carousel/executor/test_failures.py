"""Runs with failures: what they end as, what they say of the causes, and what is done about them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.carousel import result_of, retry
from botticelli.carousel.result import exit_code
from botticelli.messages import WIRE_VERSION
from botticelli.monitoring.diagnosis import why
from botticelli.monitoring.watch import Watcher
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, start
from workers.handlers import perform_message
from workers.process.failed_tasks import TaskFailed

MakeRuntime = Callable[..., Runtime]


def test_run_of_which_nothing_succeeded_has_failed(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["400", "400", "401"]')
    run = perform_all(runtime, start(runtime, narrative_text(3, continue_on_error=True)).id)
    assert (run.status, run.succeeded, run.failed, exit_code(run)) == ("failed", 0, 3, 1)
    assert (run.reason or "").startswith("3 of 3 iterations failed: 2 x ")
    assert "; 1 x " in (run.reason or "")
    assert not result_of(run).completed


def test_run_with_some_failures_completes_with_its_own_exit_code(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400", "400"]')
    run = perform_all(runtime, start(runtime, narrative_text(4, continue_on_error=True)).id)
    assert (run.status, run.succeeded, run.failed, exit_code(run)) == ("completed", 2, 2, 5)
    assert (run.reason or "").startswith("2 of 4 iterations failed: 2 x ")
    says = why(runtime, run.id).summary
    assert says.startswith("completed with failures: 2 of 4 iterations failed: 2 x ")
    assert f"`botticelli runs retry {run.id}`" in says
    with runtime.store.transaction() as tx:
        last = Watcher(run.id).look(tx).events[-1]
    assert (last.event, last.data["reason"], last.data["failed_iterations"]) == ("run_finished", run.reason, 2)


def test_many_different_causes_are_counted_beyond_the_first(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["400", "401", "402", "403", "404", "ok"]')
    run = perform_all(runtime, start(runtime, narrative_text(6, continue_on_error=True)).id)
    assert (run.reason or "").startswith("5 of 6 iterations failed: 1 x ")
    assert (run.reason or "").endswith("; and 2 more causes")


@pytest.mark.parametrize("errors", ['["400", "400"]', '["ok", "400"]'])
def test_retry_performs_the_failures_again_and_forgets_them(make_runtime: MakeRuntime, errors: str) -> None:
    runtime = make_runtime(drivers__echo__errors=errors)
    run = perform_all(runtime, start(runtime, narrative_text(2, continue_on_error=True)).id)
    retry(runtime, run.id)
    again = perform_all(runtime, run.id)
    assert (again.status, again.succeeded, again.failed, again.reason) == ("completed", 2, 0, None)
    assert exit_code(again) == 0


def test_failed_iteration_is_a_failed_task_without_its_prompt(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["400", "ok"]')
    run = start(runtime, narrative_text(2, 'say = "The secret of the garden"', continue_on_error=True, concurrency=2))
    with pytest.raises(TaskFailed, match=r"^iteration 1 failed: .*400") as failed:
        perform_message(runtime, WIRE_VERSION, run.id, 1)
    assert "secret" not in str(failed.value)
    perform_message(runtime, WIRE_VERSION, run.id, 1)
    perform_message(runtime, WIRE_VERSION, run.id, 2)
    with runtime.store.transaction() as tx:
        assert tx.runs.get(run.id).status == "completed"
