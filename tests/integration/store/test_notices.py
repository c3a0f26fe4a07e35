"""Tests the outbox: each event of a run or an effect is one notice, written in the transaction of the event."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, text

from botticelli.carousel import pause, resume
from botticelli.narrative.execution import RunOptions
from botticelli.runtime.process import Runtime
from botticelli.store import Intent
from botticelli.store.schema.notice_tables import notices
from tests.support.narratives import narrative_text, perform_all, start


def written(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.store.transaction() as tx:
        return [dict(row) for row in tx.connection.execute(select(notices).order_by(notices.c.created_at)).mappings()]


def intent(run_id: str, key: str = "an effect") -> Intent:
    return Intent(key, run_id, 1, "say", "discord", "messages.send", {"content": "a secret text"}, 1)


def test_end_of_a_run_is_one_notice_with_its_figures(runtime: Runtime) -> None:
    options = RunOptions(tenant="acme")
    run = perform_all(runtime, start(runtime, narrative_text(2), tags=["nightly"], run_options=options).id)
    (notice,) = written(runtime)
    assert (notice["type"], notice["run_id"], notice["narrative"]) == ("run.completed", run.id, "test")
    assert (notice["tags"], notice["tenant"]) == (["nightly"], "acme")
    data = notice["data"]
    assert (data["status"], data["iterations"], data["succeeded"], data["failed"]) == ("completed", 2, 2, 0)
    assert data["input_tokens"] == run.input_tokens > 0
    assert data["finished_at"] is not None


def test_run_that_is_paused_and_resumed_is_one_notice_for_each_pause(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(2))
    for _ in range(2):
        pause(runtime, run.id)
        pause(runtime, run.id, now=True)
        resume(runtime, run.id)
    assert [notice["type"] for notice in written(runtime)] == ["run.paused", "run.paused"]


def test_end_that_is_rolled_back_is_no_notice(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx, tx.connection.begin_nested() as undone:
        tx.runs.finish(run.id, "failed", "too bad")
        undone.rollback()
    assert written(runtime) == []


def test_waiting_effect_is_one_notice_for_each_request_and_has_no_arguments(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    for _ in range(2):
        with runtime.store.transaction() as tx:
            tx.effects.ask(intent(run.id), 3600)
    assert [notice["type"] for notice in written(runtime)] == ["effect.waiting"]
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update effects set expires_at = now() - interval '1 second'"))
    with runtime.store.transaction() as tx:
        tx.effects.ask(intent(run.id), 3600)
    first, second = written(runtime)
    assert first["data"]["command"] == "messages.send" and first["data"]["effect_id"] == "an effect"
    assert first["id"] != second["id"]
    assert "secret" not in str([first, second])


def test_decision_is_one_notice_that_names_the_one_that_asked(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.effects.ask(intent(run.id), 3600)
    decision: dict[str, Any] = {"by": "ada@house", "reason": "fine", "valid_seconds": 3600}
    for _ in range(2):
        with runtime.store.transaction() as tx:
            tx.effects.decide("an effect", "approved", args={"content": "a secret text"}, **decision)
    waiting, decided = written(runtime)
    assert (decided["type"], decided["data"]["asked_id"]) == ("effect.decided", waiting["id"])
    assert [decided["data"][name] for name in ("status", "decided_by", "reason", "edited")] == [
        *("approved", "ada@house", "fine", True)
    ]
    assert "secret" not in str([waiting, decided])


def test_effect_of_unknown_outcome_is_one_notice(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.effects.record_intent(intent(run.id))
    with runtime.store.transaction() as tx:
        tx.effects.finish("an effect", "unknown", error="an answer was lost")
    (notice,) = written(runtime)
    assert (notice["type"], notice["data"]["error"]) == ("effect.unknown", "an answer was lost")


def test_effect_that_its_ended_run_never_finished_is_unknown_once(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.effects.record_intent(intent(run.id))
    for _ in range(2):
        with runtime.store.transaction() as tx:
            tx.runs.finish(run.id, "failed", "5 workers were lost")
        with runtime.store.transaction() as tx:
            tx.runs.reopen(run.id)
    assert sorted(notice["type"] for notice in written(runtime)) == ["effect.unknown", "run.failed", "run.failed"]


def test_emitting_the_same_key_again_writes_nothing(runtime: Runtime) -> None:
    about: dict[str, Any] = {"key": "hourly 12:00", "narrative": "digest", "tags": ["nightly"]}
    with runtime.store.transaction() as tx:
        assert tx.notices.emit("schedule.missed", {"schedule": "hourly"}, **about)
    with runtime.store.transaction() as tx:
        assert not tx.notices.emit("schedule.missed", {"schedule": "hourly"}, **about)
    (notice,) = written(runtime)
    assert (notice["type"], notice["narrative"], notice["data"]) == (
        "schedule.missed",
        "digest",
        {"schedule": "hourly"},
    )
