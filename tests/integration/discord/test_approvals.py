"""Iterations that wait for approval while the others of their carousel go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, update

from botticelli.carousel import Actor, cancel, decide, pause, resume
from botticelli.monitoring.diagnosis import why
from botticelli.runtime.process import Runtime
from botticelli.store import Effect, Run
from botticelli.store.schema.tables import iterations as iterations_table
from botticelli.testing.discord import GUILD, FakeDiscord
from tests.support.commands import act
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start, sweep

OnDiscord = Callable[..., Runtime]
ADA = Actor("fine", "ada@house")


@pytest.fixture
def channel(discord: FakeDiscord) -> str:
    made = discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": "news", "type": 0})
    return str(made.body["id"])


@pytest.fixture
def careful(on_discord: OnDiscord) -> Runtime:
    """Every message wants a person's approval."""
    return on_discord(security__require_confirmation='["messages.*"]')


def posts(channel: str, count: int = 3, **carousel: Any) -> str:
    send = act("sent", "messages.send", channel_id=channel, content="post {iteration}")
    return narrative_text(count, f'say = "Write post {{iteration}}"\n{send}', **carousel)


def effects_waiting(runtime: Runtime, run_id: str) -> list[Effect]:
    with runtime.store.transaction() as tx:
        return tx.effects.of_run(run_id, "waiting")


def numbers(rows: Iterable[Effect]) -> list[int]:
    return sorted(row.number for row in rows)


def decide_number(runtime: Runtime, run: Run, number: int, decision: Any = "approved") -> None:
    (row,) = [row for row in effects_waiting(runtime, run.id) if row.number == number]
    decide(runtime, row.key, decision, ADA)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_iteration_waiting_for_approval_lets_the_others_go_on(
    careful: Runtime, discord: FakeDiscord, channel: str, concurrency: int
) -> None:
    run = perform_all(careful, start(careful, posts(channel, concurrency=concurrency)).id)
    assert (run.status, run.dispatched, discord.contents(channel)) == ("paused", 3, [])
    assert numbers(effects_waiting(careful, run.id)) == [1, 2, 3]
    assert f"3 iterations wait for approval; `botticelli effects list --waiting --run {run.id}`" in (run.reason or "")
    diagnosis = why(careful, run.id)
    assert (diagnosis.cause, len(diagnosis.details["effects"])) == ("approval", 3)


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_approvals_in_any_order_complete_the_run(
    careful: Runtime, discord: FakeDiscord, channel: str, order: tuple[int, ...], concurrency: int
) -> None:
    run = perform_all(careful, start(careful, posts(channel, concurrency=concurrency)).id)
    for count, number in enumerate(order, start=1):
        decide_number(careful, run, number)
        ended = perform_all(careful, run.id)
        assert (ended.status, ended.succeeded) == ("completed" if count == 3 else "paused", count)
    assert discord.contents(channel) == [f"post {number}" for number in order]
    with careful.store.transaction() as tx:
        assert {row.tries for number in order for row in tx.acts.of_iteration(run.id, number)} <= {0, 1}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_rejection_fails_only_its_iteration_when_the_carousel_continues_on_error(
    careful: Runtime, discord: FakeDiscord, channel: str, number: int
) -> None:
    run = perform_all(careful, start(careful, posts(channel, continue_on_error=True)).id)
    decide_number(careful, run, number, "rejected")
    after = perform_all(careful, run.id)
    assert (after.status, after.failed) == ("paused", 1)
    others = [other for other in (1, 2, 3) if other != number]
    for other in others:
        decide_number(careful, run, other)
    after = perform_all(careful, run.id)
    assert (after.succeeded, after.failed, after.is_final) == (2, 1, True)
    assert sorted(discord.contents(channel)) == [f"post {other}" for other in others]


def test_rejection_ends_a_run_that_stops_at_errors_and_resume_requests_the_other_approvals(
    careful: Runtime, discord: FakeDiscord, channel: str
) -> None:
    run = perform_all(careful, start(careful, posts(channel)).id)
    decide_number(careful, run, 2, "rejected")
    assert perform_all(careful, run.id).status == "failed"
    decide_number(careful, run, 1)
    assert perform_all(careful, run.id).status == "failed", "an approval starts no run that is over"
    resume(careful, run.id)
    assert perform_all(careful, run.id).status == "failed", "what was rejected stays rejected"
    assert discord.contents(channel) == ["post 1"]


def test_cancelled_run_drops_parked_iterations_and_resume_requests_approval_again(
    careful: Runtime, discord: FakeDiscord, channel: str
) -> None:
    run = perform_all(careful, start(careful, posts(channel)).id)
    assert cancel(careful, run.id).status == "cancelled"
    resume(careful, run.id)
    assert perform_all(careful, run.id).status == "paused"
    assert numbers(effects_waiting(careful, run.id)) == [1, 2, 3]
    for number in (3, 1, 2):
        decide_number(careful, run, number)
    assert perform_all(careful, run.id).status == "completed"
    assert sorted(discord.contents(channel)) == ["post 1", "post 2", "post 3"]


def test_approval_while_other_iterations_run_admits_its_iteration(
    careful: Runtime, discord: FakeDiscord, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botticelli.monitoring.diagnosis.live_workers", lambda _: ["worker@here"])
    run = start(careful, posts(channel))
    perform_open(careful, run.id)
    assert (run_of(careful, run.id).status, numbers(effects_waiting(careful, run.id))) == ("running", [1])
    diagnosis = why(careful, run.id)
    assert (diagnosis.cause, "1 effect waits for approval" in diagnosis.summary) == ("queued", True)
    decide_number(careful, run, 1)
    stopped = perform_all(careful, run.id)
    assert (stopped.status, stopped.succeeded, discord.contents(channel)) == ("paused", 1, ["post 1"])


def test_approval_in_a_paused_run_waits_for_the_resume(careful: Runtime, discord: FakeDiscord, channel: str) -> None:
    run = start(careful, posts(channel))
    perform_open(careful, run.id)
    pause(careful, run.id, Actor("lunch"))
    decide_number(careful, run, 1)
    held = perform_all(careful, run.id)
    assert (held.status, held.reason, discord.contents(channel)) == ("paused", "lunch", [])
    resume(careful, run.id)
    assert perform_all(careful, run.id).succeeded == 1
    assert discord.contents(channel) == ["post 1"]


def test_worker_killed_while_requesting_approval_loses_neither_request_nor_approval(
    careful: Runtime, discord: FakeDiscord, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies between the question and the end of the iteration; the approval comes before the lease runs out."""
    run = start(careful, posts(channel))
    with monkeypatch.context() as killed:
        killed.setattr("workers.executor.iteration.conclude", lambda *_: None)
        perform_open(careful, run.id)
    assert [row.status for row in effects_waiting(careful, run.id)] == ["waiting"]
    decide_number(careful, run, 1)
    with careful.store.transaction() as tx:
        past = func.now() - timedelta(seconds=1)
        mine = (iterations_table.c.run_id == run.id, iterations_table.c.status == "running")
        tx.connection.execute(update(iterations_table).where(*mine).values(lease_until=past))
    sweep(careful)
    stopped = perform_all(careful, run.id)
    assert (stopped.status, stopped.succeeded, discord.contents(channel)) == ("paused", 1, ["post 1"])
    assert numbers(effects_waiting(careful, run.id)) == [2, 3]


def test_exhausted_budget_ends_the_run_only_after_parked_iterations_finish(
    careful: Runtime, discord: FakeDiscord, channel: str
) -> None:
    text = posts(channel, estimated_tokens_per_iteration=400, max_tokens_total=402)
    run = perform_all(careful, start(careful, text).id)
    assert (run.status, numbers(effects_waiting(careful, run.id))) == ("paused", [1])
    decide_number(careful, run, 1)
    ended = perform_all(careful, run.id)
    assert (ended.status, ended.succeeded, discord.contents(channel)) == ("budget_exhausted", 1, ["post 1"])


def test_resume_performs_effects_that_no_rule_requires_approved_any_more(
    careful: Runtime, on_discord: OnDiscord, discord: FakeDiscord, channel: str
) -> None:
    trusting = on_discord()
    run = start(trusting, posts(channel))
    assert perform_all(careful, run.id).status == "paused", "the worker's own settings demand it"
    resume(trusting, run.id)
    assert perform_all(trusting, run.id).status == "completed"
    assert sorted(discord.contents(channel)) == ["post 1", "post 2", "post 3"]
