"""A provider's own spend cap pauses its budget until the date that the provider names, and ends no run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from botticelli.carousel import resume_scope
from botticelli.cli.budget.budget_explain import lines
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.monitoring.diagnosis import why
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE, Override
from botticelli.testing.providers import FakeProvider
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start, sweep
from tests.support.servers.raw_server import RawServer, raw_server

MakeRuntime = Callable[..., Runtime]
LATER = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=40)
WORDS = "You have reached your specified API usage limits. You will regain access on"
MESSAGE = f"{WORDS} {LATER:%Y-%m-%d} at {LATER:%H:%M} UTC."
CAP = {"type": "error", "error": {"type": "invalid_request_error", "message": MESSAGE}}
ACCOUNT = "anthropic@start"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the pauses in force each time, not once a second."""
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 0.0)


@pytest.fixture
def capped() -> Iterator[RawServer]:
    with raw_server() as server:
        server.status, server.body = 400, CAP
        yield server


@pytest.fixture
def runtime(make_runtime: MakeRuntime, capped: RawServer) -> Runtime:
    return make_runtime(default_model="anthropic/claude-opus-5-5", drivers__anthropic__base_url=capped.url)


def pause_of(runtime: Runtime, scope: str) -> Override | None:
    return runtime.scopes.overrides_of(scope).get(WHOLE)


@pytest.mark.parametrize("policy", ["stop", "wait"])
def test_spend_cap_pauses_all_models_of_the_provider_until_its_date(runtime: Runtime, policy: str) -> None:
    run = start(runtime, narrative_text(3, on_budget_exhausted=policy))
    perform_open(runtime, run.id)
    assert run_of(runtime, run.id).status == "waiting"
    pause = pause_of(runtime, ACCOUNT)
    assert pause and (pause.until, pause.set_by, pause.limit) == (LATER, "anthropic", 0)
    acts = '[acts.say]\nprompt = "Say hello."\nmodel = "anthropic/claude-haiku-4-5"'
    other = start(runtime, narrative_text(1, acts, on_budget_exhausted=policy))
    assert (other.status, other.waiting_for and other.waiting_for["scope"]) == ("waiting", ACCOUNT)
    with runtime.store.transaction() as tx:
        assert [row["outcome"] for row in tx.ledger.of_run(run.id)] == ["refused"]
        assert tx.ledger.of_run(other.id) == []


def test_diagnosis_and_explanation_name_the_cap_its_date_and_the_way_out(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    diagnosis = why(runtime, run.id)
    assert (diagnosis.cause, diagnosis.until) == ("budget_paused", LATER)
    assert "spend limit of the provider: 400: You have reached your specified API usage limits" in diagnosis.summary
    assert f"`botticelli budget resume {ACCOUNT}` ends the pause" in diagnosis.summary
    text = "\n".join(lines(explanation(runtime, ACCOUNT)))
    assert "paused until" in text and "spend limit of the provider" in text


def test_run_goes_on_by_itself_after_the_date_of_the_cap(make_runtime: MakeRuntime, capped: RawServer) -> None:
    runtime = make_runtime(default_model="anthropic/claude-opus-5-5", drivers__anthropic__base_url=capped.url)
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    with FakeProvider("anthropic") as paid:
        later = make_runtime(default_model="anthropic/claude-opus-5-5", drivers__anthropic__base_url=paid.url)
        with later.store.transaction() as tx:
            tx.overrides.add(
                ACCOUNT, WHOLE, 0, reason="", set_by="anthropic", until=datetime.now(UTC) - timedelta(seconds=1)
            )
            tx.runs.set(run.id, due_at=run.now)
        sweep(later)
        assert perform_all(later, run.id).status == "completed"


def test_person_lifts_the_pause_and_a_cap_that_still_holds_sets_it_again(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    assert resume_scope(runtime, ACCOUNT) is not None
    sweep(runtime)
    perform_open(runtime, run.id)
    pause = pause_of(runtime, ACCOUNT)
    assert pause and pause.until == LATER
    with runtime.store.transaction() as tx:
        assert [row["outcome"] for row in tx.ledger.of_run(run.id)] == ["refused", "refused"]


def test_pause_of_a_person_is_not_shortened_by_a_cap(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.overrides.add(ACCOUNT, WHOLE, 0, reason="mine", set_by="ada", until=None)
    from botticelli.carousel import pause_at_spend_cap

    assert pause_at_spend_cap(runtime, ACCOUNT, "anthropic", "cap", LATER).set_by == "ada"
    assert run.status == "running"


def test_next_model_of_another_provider_answers_instead(make_runtime: MakeRuntime, capped: RawServer) -> None:
    with FakeProvider("openai") as second:
        runtime = make_runtime(drivers__anthropic__base_url=capped.url, drivers__openai__base_url=second.url)
        models = '["anthropic/claude-opus-5-5", "anthropic/claude-haiku-4-5", "openai/gpt-6-luna"]'
        text = narrative_text(2, f'[acts.say]\nprompt = "Say hello."\nmodel = {models}')
        run = perform_all(runtime, start(runtime, text).id)
    assert (run.status, run.succeeded) == ("completed", 2)
    with runtime.store.transaction() as tx:
        rows = [(row["model"], row["outcome"]) for row in tx.ledger.of_run(run.id)]
    assert rows.count(("anthropic/claude-opus-5-5", "refused")) == 1
    assert rows.count(("openai/gpt-6-luna", "settled")) == 2


def test_model_without_a_shared_budget_is_paused_alone(make_runtime: MakeRuntime, capped: RawServer) -> None:
    runtime = make_runtime(
        default_model="anthropic/claude-opus-5-5",
        drivers__anthropic__base_url=capped.url,
        providers__anthropic='{"default_tier": "t", "tiers": {"t": {}}}',
    )
    run = start(runtime, narrative_text(1))
    perform_open(runtime, run.id)
    pause = pause_of(runtime, "anthropic/claude-opus-5-5@t")
    assert pause and pause.until == LATER
