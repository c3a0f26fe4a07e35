"""Why a run stands: the cause, in one word, for each way in which a run can stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from botticelli.carousel import Actor, cancel, pause, pause_scope
from botticelli.messages import QUEUE, run_id_for
from botticelli.monitoring.diagnosis import Diagnosis, why
from botticelli.runtime.heartbeats import announce
from botticelli.runtime.process import Runtime
from tests.integration.carousel.executor.test_runs import SMALL
from tests.support.narratives import narrative_text, perform_all, perform_open, start
from workers.handlers import store_request

MakeRuntime = Callable[..., Runtime]
WRITES = (
    '[narrative]\nname = "w"\n[acts]\n[[acts.two]]\ntype = "bot_command"\nplatform = "discord"\n'
    'command = "channels.create"\n[acts.two.args]\nguild_id = "1"\nname = "x"\n'
)


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has spoken once is there until the end of the test."""
    monkeypatch.setattr("botticelli.runtime.heartbeats.HEARTBEAT_SECONDS", 3600.0)


def of(runtime: Runtime, run_id: str, cause: str) -> Diagnosis:
    diagnosis = why(runtime, run_id)
    assert diagnosis.cause == cause
    return diagnosis


def test_from_no_worker_to_its_end(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    assert "celery -A botticelli worker" in of(runtime, run.id, "no_worker").summary
    announce(runtime)
    other = start(runtime, narrative_text(2))
    with runtime.store.transaction() as tx:
        tx.steps.claim_one(other.id, 1, worker="w:1", lease_seconds=60)
    assert of(runtime, run.id, "queued").details == {"queued": 1, "behind": {other.id: 1}}
    of(runtime, other.id, "running")
    pause(runtime, run.id, Actor("lunch", "ada"))
    assert of(runtime, run.id, "paused").summary.startswith("paused by ada: lunch; ")
    cancel(runtime, other.id, Actor("wrong", "ada"))
    assert of(runtime, other.id, "ending").details["performing"] == 1
    cancel(runtime, run.id)
    of(runtime, run.id, "ended")


def test_diagnosis_of_a_waiting_run_names_window_time_and_holders(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 0.0)
    runtime = make_runtime(**SMALL)
    holder = start(runtime, narrative_text(1, estimated_tokens_per_iteration=4000))
    run = start(runtime, narrative_text(2, estimated_tokens_per_iteration=2000, on_budget_exhausted="wait"))
    diagnosis = of(runtime, run.id, "waiting")
    scope = diagnosis.details["scope"]
    assert (diagnosis.details["window"], diagnosis.details["requested"]) == ("tokens/60s", 2000)
    assert diagnosis.details["holders"] == [holder.id]
    assert diagnosis.until is not None
    pause_scope(runtime, scope, Actor("bill", "ada"))
    with runtime.store.transaction() as tx:
        tx.runs.set(run.id, waiting_for={**diagnosis.details})
    assert of(runtime, run.id, "budget_paused").details["by"] == "ada"


def test_the_next_retry(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["429:300", "ok"]')
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    diagnosis = of(runtime, run.id, "waiting")
    assert diagnosis.summary.startswith("the next attempt is at") and diagnosis.until is not None


def test_an_unclear_effect_comes_first(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, WRITES).id)
    with runtime.store.transaction() as tx:
        key = tx.effects.of_run(run.id)[0].key
        tx.effects.finish(key, "unknown")
    assert of(runtime, run.id, "effect").details["effect"] == key


def test_diagnosis_names_the_trouble_of_workers(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__probe_timeout_seconds="600")
    run = start(runtime, narrative_text(1))
    announce(runtime, "Postgres takes no writes: the disk is full")
    assert "the disk is full" in of(runtime, run.id, "worker_trouble").summary
    announce(runtime)
    with runtime.store.transaction() as tx:
        tx.probes.ask(QUEUE, interval_seconds=1)
    of(runtime, run.id, "queued")
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update probes set requested_at = now() - interval '1 hour'"))
    assert "restart the workers" in of(runtime, run.id, "queue_stalled").summary
    other = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.steps.claim_one(other.id, 1, worker="w:1", lease_seconds=60)
    of(runtime, run.id, "queued")


def test_run_that_was_never_accepted_is_not_to_be_resumed(runtime: Runtime) -> None:
    request = {"text": "[narrative", "run_id": run_id_for("never")}
    store_request(runtime, 1, "task", request)
    says = of(runtime, request["run_id"], "ended").summary
    assert "resume" not in says and says.endswith("fix this and enqueue again")
