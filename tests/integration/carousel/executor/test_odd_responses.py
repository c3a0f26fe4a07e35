"""Runs with odd answers of a provider: no answer is lost, no budget is switched off, nothing unsent is charged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from botticelli.carousel import resume
from botticelli.cli.budget.budget_explain import lines
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from botticelli.testing.providers import FakeProvider, RawAnswer
from tests.support.narratives import narrative_text, perform_all, start
from workers.context import retry_waits

MakeRuntime = Callable[..., Runtime]
MODEL = "openai/gpt-6-luna"


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with FakeProvider("openai") as made:
        yield made


@pytest.fixture
def served(make_runtime: MakeRuntime, server: FakeProvider) -> Runtime:
    limits = '{"default_tier": "t", "tiers": {"t": {}}}'
    return make_runtime(default_model=MODEL, drivers__openai__base_url=server.url, providers__openai=limits)


def chat(content: Any, finish: Any = "stop", usage: Any = None) -> RawAnswer:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30} if usage is None else usage
    return RawAnswer(json.dumps({"choices": [choice], "usage": usage}).encode())


def acts_of(runtime: Runtime, run: Run) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run.id, 1)


def ledger_of(runtime: Runtime, run: Run) -> list[dict[str, Any]]:
    with runtime.store.transaction() as tx:
        return tx.ledger.of_run(run.id)


def performed(runtime: Runtime, acts: str = '[acts.say]\nprompt = "Say hello."', **carousel: Any) -> Run:
    return perform_all(runtime, start(runtime, narrative_text(carousel.pop("iterations", 1), acts, **carousel)).id)


def test_error_in_a_200_is_retried_without_tokens(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(RawAnswer(b'{"error": {"message": "Provider returned error", "code": 429}}'), chat("Hello."))
    run = performed(served)
    assert (run.status, run.used_tokens) == ("completed", 30)
    assert [(row["outcome"], row["output_tokens"]) for row in ledger_of(served, run)] == [
        ("refused", 0),
        ("settled", 20),
    ]


def test_answer_that_ended_with_an_error_is_retried_and_its_tokens_count(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat("Half a", "error"), chat("Hello."))
    run = performed(served)
    assert acts_of(served, run)[0].output == "Hello."
    rows = ledger_of(served, run)
    assert [(row["outcome"], row["output_tokens"]) for row in rows] == [("settled", 20), ("settled", 20)]


def test_failed_try_that_took_tokens_counts_for_its_run_and_its_cap(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(*[chat(text, finish) for text, finish in (("Half a", "error"), ("Hello.", "stop")) * 4])
    run = performed(served, iterations=4, max_tokens_total=120, estimated_tokens_per_iteration=60)
    rows = ledger_of(served, run)
    assert (run.status, run.succeeded, len(rows)) == ("budget_exhausted", 2, 4)
    assert run.used_tokens == sum(row["input_tokens"] + row["output_tokens"] for row in rows) == 120


def test_resumed_run_counts_each_try_once(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat("Half a", "error"), chat("Half a", "error"), chat("Hello."))
    run = performed(served, retries=0)
    assert (run.status, run.used_tokens) == ("failed", 30)
    resume(served, run.id)
    again = perform_all(served, run.id)
    assert (again.status, again.used_tokens) == ("failed", 60)
    resume(served, run.id)
    assert perform_all(served, run.id).used_tokens == 90


@pytest.mark.parametrize("finish", ["tool_calls", "pause_turn", "gave_up"])
def test_answer_with_an_end_that_is_none_fails_its_act_and_is_kept(
    served: Runtime, server: FakeProvider, finish: str
) -> None:
    server.answer_raw(chat("Let me look.", finish))
    run = performed(served)
    (act,) = acts_of(served, run)
    assert (run.status, act.status, act.output) == ("failed", "failed", "Let me look.")
    assert f"finish reason: {finish}" in (act.error or "") and act.output_tokens == 20


def test_end_that_the_settings_accept_is_a_warning(make_runtime: MakeRuntime, server: FakeProvider) -> None:
    limits = '{"default_tier": "t", "tiers": {"t": {}}}'
    options = {"drivers__openai__base_url": server.url, "drivers__openai__accepted_finish_reasons": '["gave_up"]'}
    runtime = make_runtime(default_model=MODEL, providers__openai=limits, **options)
    server.answer_raw(chat("Hello.", "gave_up"))
    run = performed(runtime)
    assert run.status == "completed"
    assert "gave_up" in (acts_of(runtime, run)[0].warning or "")


def test_provider_that_counts_zero_switches_no_budget_off(served: Runtime, server: FakeProvider) -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    server.answer_raw(*[chat("some word or other " * 125, usage=zero) for _ in range(20)])
    run = performed(served, iterations=20, max_tokens_total=3000)
    assert run.status == "budget_exhausted"
    assert 1 <= run.succeeded <= 6 and run.used_tokens >= 450 * run.succeeded
    (act,) = acts_of(served, run)
    assert act.usage_doubtful and "can't be true" in (act.warning or "")
    assert all(row["usage_doubtful"] for row in ledger_of(served, run))
    with served.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["doubtful_requests"] == run.succeeded
    scope = served.scopes.model_budget(served.drivers.resolve(MODEL)).scope.name
    assert "doubtful usage" in "\n".join(lines(explanation(served, scope)))


@pytest.mark.parametrize("usage", [{"prompt_tokens": -5, "completion_tokens": -20}, {"prompt_tokens": 1e30}, [1], "x"])
def test_usage_that_can_not_be_true_loses_no_answer(served: Runtime, server: FakeProvider, usage: Any) -> None:
    server.answer_raw(chat("Hello.", usage=usage))
    run = performed(served)
    assert run.status == "completed" and 2 <= run.used_tokens < 100
    assert acts_of(served, run)[0].output == "Hello."


def test_thinking_is_kept_apart_from_the_output(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat("<think>The user greets.</think>\nHello."), chat("Bye."))
    acts = '[acts.say]\nprompt = "Say hello."\n[acts.again]\nprompt = "Repeat: {act.say.output}"'
    run = performed(served, acts)
    first, _ = acts_of(served, run)
    assert (first.output, first.reasoning) == ("Hello.", "The user greets.")
    assert "The user greets." not in json.dumps(server.received[-1].body)


def test_half_a_character_is_replaced_once_and_sent_on_as_stored(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat("a\ud800b\0c"), chat("Bye."))
    acts = '[acts.say]\nprompt = "Say hello."\n[acts.again]\nprompt = "Repeat: {act.say.output}"'
    run = performed(served, acts)
    first, second = acts_of(served, run)
    assert run.status == "completed" and first.output == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    assert second.prompt == f"Repeat: {first.output}" == server.received[-1].body["messages"][-1]["content"]


def test_request_that_can_not_be_sent_is_not_charged(
    served: Runtime, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "“sk-quoted”")
    run = performed(served)
    assert (run.status, run.used_tokens, server.received) == ("failed", 0, [])
    assert {row["outcome"] for row in ledger_of(served, run)} <= {"not_sent"}
    with served.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 0


def test_request_that_never_left_is_not_charged(served: Runtime, server: FakeProvider) -> None:
    server.close()
    run = performed(served, retries=1)
    assert (run.status, run.used_tokens) == ("failed", 0) and "can't be reached" in (run.reason or "")
    assert [row["outcome"] for row in ledger_of(served, run)] == ["not_sent", "not_sent"]
    with served.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"slow down", b'{"error": {"message": "Rate limit reached", "type": "rate_limit_error"}}'],
    ids=["empty", "text", "json"],
)
def test_rate_limit_that_states_no_wait_uses_up_no_try_under_wait(
    served: Runtime, server: FakeProvider, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(retry_waits, "FIRST_LIMITED_SECONDS", 0.02)
    server.answer_raw(*[RawAnswer(body, status=429)] * 5, chat("Hello."))
    run = performed(served, retries=0, on_budget_exhausted="wait")
    assert (run.status, acts_of(served, run)[0].output) == ("completed", "Hello.")
    assert [row["outcome"] for row in ledger_of(served, run)] == ["refused"] * 5 + ["settled"]


def test_rate_limit_that_states_no_wait_is_failed_try_under_stop(
    served: Runtime, server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_waits, "FIRST_LIMITED_SECONDS", 0.02)
    server.answer_raw(*[RawAnswer(b"", status=429)] * 3)
    run = performed(served, retries=1)
    assert (run.status, len(server.received)) == ("failed", 2)


@pytest.mark.parametrize("prompt", ["{state.nothing}", "{state.nothing} \\u200b\\n", "{state.nothing}\\u00a0"])
def test_prompt_that_renders_to_nothing_fails_its_act_unpaid(
    served: Runtime, server: FakeProvider, prompt: str
) -> None:
    with served.store.transaction() as tx:
        tx.state.set("global.nothing", "")
    run = performed(served, f'[acts.say]\nprompt = "{prompt}"')
    assert "the prompt is empty" in (acts_of(served, run)[0].error or "")
    assert (ledger_of(served, run), server.received) == ([], [])


def test_number_that_postgres_can_not_store_loses_no_answer(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat('{"a": 1e400}'), chat('{"a": 1e400}'))
    acts = '[acts.text]\nprompt = "Say."\noutput_var = "x"\n[acts.json]\nprompt = "As JSON"\nformat = "json"\noutput_var = "y"'
    run = performed(served, acts)
    as_text, as_json = acts_of(served, run)
    assert (run.status, as_text.output, as_json.output) == ("completed", '{"a": 1e400}', '{"a": null}')
    assert "null" in (as_json.warning or "")
