"""Typed answers: what fits is used as it is, what doesn't is asked for once more within the ticket, then the act fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.budget import Ticket
from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.carousel.plan.estimates import REPAIR_TOKENS
from botticelli.carousel.plan.planned_calls import plan_of
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from botticelli.testing.providers import FakeProvider, RawAnswer
from tests.support.narratives import loaded, narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]
MODEL = "openai/gpt-4.1"
SCHEMA = """{type = "object", required = ["score", "why"], properties = {
  score = {type = "integer", minimum = 1, maximum = 5}, why = {type = "string"}, more = {type = "string"}}}"""
JUDGE = f'[acts.judge]\nprompt = "Judge."\nmax_tokens = 200\nschema = {SCHEMA.replace(chr(10), "")}\n'
GOOD = {"score": 4, "why": "clear"}
BAD = {"score": 9, "why": "clear"}


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with FakeProvider("openai") as made:
        yield made


@pytest.fixture
def served(make_runtime: MakeRuntime, server: FakeProvider) -> Runtime:
    limits = '{"default_tier": "t", "tiers": {"t": {"tpm": 100000, "rpm": 1000}}}'
    return make_runtime(default_model=MODEL, drivers__openai__base_url=server.url, providers__openai=limits)


def chat(content: Any, finish: str = "stop", input_tokens: int = 300) -> RawAnswer:
    content = content if isinstance(content, str) else json.dumps(content)
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}
    output_tokens = max(20, len(content) // 5)
    usage = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }
    return RawAnswer(json.dumps({"choices": [choice], "usage": usage}).encode())


def performed(runtime: Runtime, acts: str = JUDGE, **carousel: Any) -> Run:
    return perform_all(runtime, start(runtime, narrative_text(1, acts, **carousel)).id)


def acts_of(runtime: Runtime, run: Run) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run.id, 1)


def draws_of(runtime: Runtime, run: Run) -> list[tuple[str, bool]]:
    with runtime.store.transaction() as tx:
        return [(row["outcome"], row["is_repair"]) for row in tx.ledger.of_run(run.id)]


def test_fitting_answer_takes_one_call_by_its_schema(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(GOOD))
    run = performed(served)
    (act,) = acts_of(served, run)
    assert (run.status, act.status, act.repairs, act.warning) == ("completed", "done", 0, None)
    assert json.loads(act.output or "") == GOOD
    sent = server.received[0].body["response_format"]["json_schema"]
    assert sent["strict"] is True and sent["schema"]["properties"]["score"]["maximum"] == 5


def test_misfit_is_repaired_by_one_call_within_the_ticket(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(BAD), chat(GOOD))
    run = performed(served)
    (act,) = acts_of(served, run)
    assert (run.status, act.status, act.repairs, act.tries) == ("completed", "done", 1, 2)
    assert (json.loads(act.output or ""), json.loads(act.raw_output or "")) == (GOOD, BAD)
    assert "$.score: 9 is greater than the maximum of 5" in (act.warning or "")
    assert (act.input_tokens, act.output_tokens) == (600, 40) == (run.input_tokens, run.output_tokens)
    assert draws_of(served, run) == [("settled", False), ("settled", True)]
    *_, answer, request = server.received[1].body["messages"]
    assert (answer["role"], json.loads(answer["content"])) == ("assistant", BAD)
    assert (
        "- $.score: 9 is greater than the maximum of 5" in request["content"] and '"maximum": 5' in request["content"]
    )


def test_second_misfit_fails_the_act_with_its_path(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(BAD), chat({"score": 2}))
    run = performed(served)
    (act,) = acts_of(served, run)
    assert (run.status, act.status, act.repairs) == ("failed", "failed", 1)
    assert act.error == "the answer does not fit its schema: $: 'why' is a required property"
    assert draws_of(served, run) == [("settled", False), ("settled", True)]


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (json.dumps(GOOD), 1),
        (f"```json\n{json.dumps(GOOD)}\n```", 1),
        (json.dumps(GOOD | {"more": None}), 1),
        (f"Here it is: {json.dumps(GOOD)}", 2),
        (f"Sure!\n```json\n{json.dumps(GOOD)}\n```", 2),
        ("score: 4, why: clear", 2),
        (json.dumps(GOOD)[:-1], 2),
        ("[]", 2),
    ],
)
def test_answer_is_json_alone_or_asked_for_again(served: Runtime, server: FakeProvider, words: str, calls: int) -> None:
    server.answer_raw(chat(words), chat(GOOD))
    run = performed(served)
    (act,) = acts_of(served, run)
    assert (run.status, act.tries, json.loads(act.output or "")) == ("completed", calls, GOOD)


def test_truncated_answer_is_asked_for_again_with_the_reason(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(json.dumps(GOOD)[:9], "length"), chat(GOOD))
    run = performed(served)
    assert run.status == "completed"
    assert "was cut after 20 tokens" in server.received[1].body["messages"][-1]["content"]


def test_refused_answer_is_not_asked_for_again(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat("", "content_filter"))
    run = performed(served)
    assert (run.status, len(server.received)) == ("failed", 1)


def test_repair_that_finds_no_model_keeps_the_first_answer(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(BAD))
    server.play("401")
    run = performed(served, retries=0)
    (act,) = acts_of(served, run)
    assert (act.status, json.loads(act.output or ""), act.tries) == ("failed", BAD, 1)
    assert (act.input_tokens, run.input_tokens) == (300, 300)


def test_ticket_reserves_a_repair_for_each_typed_call(served: Runtime) -> None:
    run = start(served, narrative_text(1, JUDGE))
    with served.store.transaction() as tx:
        ticket = tx.connection.execute(
            text("select ticket from iterations where run_id = :id"), {"id": run.id}
        ).scalar_one()
        (call,) = plan_of(served, tx, run.id).values()
    share = Ticket.from_json(ticket).shares[0].amounts
    assert call.repair is not None
    assert (share.requests, share.tokens) == (2, call.tokens + call.repair.tokens)
    assert call.repair.tokens == call.tokens + call.estimate.output_tokens + REPAIR_TOKENS
    assert run.estimated_tokens == share.tokens


def test_prompt_that_grows_makes_no_request_beyond_the_ticket_and_its_tokens_are_charged(
    served: Runtime, server: FakeProvider
) -> None:
    """A quoted answer is not in the estimate: what a call takes beyond it is charged when it settles."""
    long = GOOD | {"why": "word " * 4000}
    for content, tokens in ((BAD, 100), (long, 4100), (BAD, 4500), (GOOD, 8800)):
        server.answer_raw(chat(content, input_tokens=tokens))
    again = JUDGE.replace("judge", "again").replace('"Judge."', '"Judge {act.judge.output.why}"')
    run = performed(served, JUDGE + again)
    with served.store.transaction() as tx:
        (call, _) = plan_of(served, tx, run.id).values()
        rows = tx.ledger.of_run(run.id)
    usage = served.budget.usage(call.scope)
    used = {window.window.metric: window.used for window in usage.windows}
    assert (run.status, len(rows)) == ("completed", 4)
    assert used["requests"] == 4
    assert used["tokens"] == sum(row["input_tokens"] + row["output_tokens"] for row in rows) == run.used_tokens
    assert usage.holders == ()


def test_later_acts_read_fields_and_state_keeps_the_value(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(GOOD), chat("Done."))
    acts = JUDGE + (
        'output_var = "verdict"\n[acts.skipped]\nprompt = "Again?"\nskip_if = "{act.judge.output.score} == 4"\n'
        '[acts.say]\nprompt = "Tell {act.judge.output.why}, {state.verdict.score}."\nhistory = false'
    )
    run = performed(served, acts)
    judge, skipped, say = acts_of(served, run)
    assert (judge.status, skipped.status, say.prompt) == ("done", "skipped", "Tell clear, 4.")


def test_prompt_shows_the_schema_to_a_model_that_its_server_does_not_tell(
    make_runtime: MakeRuntime, server: FakeProvider
) -> None:
    name = "openai-compatible"
    runtime = make_runtime(**{"default_model": f"{name}/m", f"drivers__{name}__base_url": server.url})
    server.answer_raw(chat(GOOD), chat("Done."))
    run = performed(runtime, JUDGE + '[acts.say]\nprompt = "Tell."')
    first, second = (request.body["messages"] for request in server.received)
    assert "must fit this JSON Schema" in first[-1]["content"] and '"maximum": 5' in first[-1]["content"]
    assert [message["content"] for message in second] == ["Judge.", json.dumps(GOOD), "Tell."]
    assert run.status == "completed"


def test_echo_answers_with_a_value_of_the_schema(runtime: Runtime) -> None:
    run = performed(runtime)
    (act,) = acts_of(runtime, run)
    assert (run.status, act.tries) == ("completed", 1)
    assert json.loads(act.output or "")["score"] == 1


def test_columns_of_a_content_table_are_a_schema(runtime: Runtime) -> None:
    make = '[narrative]\nname = "make"\ntarget = "ideas"\n[acts.one]\nformat = "json"\nprompt = """Give\n```json\n%s\n```"""'
    perform_all(runtime, start(runtime, make % '[{"title": "Dome", "score": 3}]').id)
    typed = '[acts.one]\nprompt = "Give an idea."\nschema = "content.ideas"\n[acts.two]\nprompt = "{act.one.output.%s}"'
    run = performed(runtime, typed % "title")
    first_act, _ = acts_of(runtime, run)
    assert json.loads(first_act.output or "").keys() == {"title", "score"} and run.status == "completed"
    for acts, words in ((typed % "titel", "did you mean title"), (typed.replace("ideas", "idea") % "title", "ideas")):
        with pytest.raises(InvalidInput, match=words):
            enqueue(runtime, loaded(narrative_text(1, acts)), "test.toml", EnqueueRequest())


def test_each_attempt_of_a_gate_may_be_repaired_within_the_ticket(served: Runtime, server: FakeProvider) -> None:
    server.answer_raw(chat(BAD), chat(GOOD), chat(GOOD | {"why": "ok"}))
    gated = JUDGE + 'checks = { field = "why", max_chars = 3 }\nattempts = 2\n'
    run = start(served, narrative_text(1, gated))
    with served.store.transaction() as tx:
        ticket = tx.connection.execute(
            text("select ticket from iterations where run_id = :id"), {"id": run.id}
        ).scalar_one()
    run = perform_all(served, run.id)
    with served.store.transaction() as tx:
        rows = tx.acts.of_iteration(run.id, 1, rejected=True)
    assert [(row.attempt, row.status, row.repairs, row.tries) for row in rows] == [
        (1, "rejected", 1, 2),
        (2, "done", 0, 1),
    ]
    assert draws_of(served, run) == [("settled", False), ("settled", True), ("settled", False)]
    assert Ticket.from_json(ticket).shares[0].amounts.requests == 4
    assert run.used_tokens == sum(row.input_tokens + row.output_tokens for row in rows)
