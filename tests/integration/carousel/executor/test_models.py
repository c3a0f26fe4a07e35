"""Runs by real SDKs against servers of the test: the ledger's tokens are the server's, and every fault leaves them so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from botticelli.cli.budget.budget_explain import lines
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from botticelli.testing.providers import JSON, FakeProvider, Limits
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.waiting import wait_until
from workers.context.iteration_context import IterationContext

MakeRuntime = Callable[..., Runtime]
MODELS = {
    "gemini": "gemini/gemini-3.8-flash",
    "anthropic": "anthropic/claude-sonnet-5-5",
    "openai": "openai/gpt-6-luna",
}
JSON_ACTS = '[acts.one]\nprompt = "As JSON"\nformat = "json"\n[acts.two]\nprompt = "{act.one.output.topic}"'


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeProvider]]:
    made: list[FakeProvider] = []

    def serve(wire: str, *words: str, **fields: Any) -> FakeProvider:
        made.append(FakeProvider(wire, script=words, **fields))  # type: ignore[arg-type]
        return made[-1]

    yield serve
    for item in made:
        item.close()


def served(make: MakeRuntime, *servers: FakeProvider, **flags: str) -> Runtime:
    """A runtime whose drivers know these servers, and no limits but those of `flags`."""
    urls = {f"drivers__{server.wire}__base_url": server.url for server in servers}
    free = {f"providers__{server.wire}": '{"default_tier": "t", "tiers": {"t": {}}}' for server in servers}
    return make(default_model=MODELS[servers[0].wire], **(urls | free | flags))


def acts_of(runtime: Runtime, run: Run) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run.id, 1)


def ledger_of(runtime: Runtime, run: Run) -> list[dict[str, Any]]:
    with runtime.store.transaction() as tx:
        return tx.ledger.of_run(run.id)


@pytest.mark.parametrize("wire", list(MODELS))
def test_every_token_that_the_server_counted_is_in_the_ledger(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], wire: str
) -> None:
    server = serve(wire, "429:0.05", "ok", "500", "length", cached_tokens=2, reasoning_tokens=5)
    runtime = served(make_runtime, server)
    run = perform_all(runtime, start(runtime, narrative_text(2, on_budget_exhausted="wait")).id)
    rows = ledger_of(runtime, run)
    assert (run.status, run.succeeded) == ("completed", 2)
    assert [row["outcome"] for row in rows] == ["refused", "settled", "refused", "settled"]
    assert sum(row["input_tokens"] + row["output_tokens"] for row in rows) == run.used_tokens == server.counted_tokens
    assert (run.cached_tokens, run.reasoning_tokens) == (4, 10)
    assert sum(row["reasoning_tokens"] for row in rows) == 10
    assert acts_of(runtime, run)[0].warning is None
    with runtime.store.transaction() as tx:
        cut = tx.acts.of_iteration(run.id, 2)[0]
    assert cut.finish_reason == "length" and "raise max_tokens" in (cut.warning or "")


def test_a_call_of_unknown_outcome_stays_charged_and_is_tried_again(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("openai", "drop-midway", "slow:60")
    runtime = served(make_runtime, server, drivers__openai__timeout_seconds="1", worker__inline_wait_seconds="60")
    run = perform_all(runtime, start(runtime, narrative_text(1, retries=5)).id)
    outcomes = [row["outcome"] for row in ledger_of(runtime, run)]
    assert outcomes == ["unknown"] * (len(outcomes) - 1) + ["settled"] and len(outcomes) >= 3
    wait_until(lambda: len(server.received) >= len(outcomes), "the server to have seen all that was sent")
    assert len(server.received) == len(outcomes) and run.status == "completed"


@pytest.mark.parametrize(
    ("word", "said"),
    [("refusal", "refused to answer"), ("empty", "empty answer"), ("401", "OPENAI_API_KEY"), ("429-money", "billing")],
)
def test_unusable_answer_fails_the_act_at_once(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], word: str, said: str
) -> None:
    server = serve("openai", word)
    runtime = served(make_runtime, server)
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    assert (run.status, len(server.received)) == ("failed", 1)
    assert said in (run.reason or "")


@pytest.mark.parametrize(("word", "is_repaired"), [("ok", False), ("fenced", False), ("broken-json", True)])
def test_broken_json_is_repaired_and_the_raw_text_is_kept(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], word: str, is_repaired: bool
) -> None:
    runtime = served(make_runtime, serve("gemini", word))
    run = perform_all(runtime, start(runtime, narrative_text(1, JSON_ACTS)).id)
    first_act, two = acts_of(runtime, run)
    assert two.prompt == "tea"
    assert first_act.raw_output == (JSON[:-1] if is_repaired else None)
    assert ("repaired" in (first_act.warning or "")) == is_repaired
    if is_repaired:
        assert json.loads(first_act.output or "") == json.loads(JSON)


@pytest.mark.parametrize(("word", "said"), [("length", "raise max_tokens"), ("ok", "not JSON")])
def test_json_that_is_cut_or_none_at_all_is_an_error(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], word: str, said: str
) -> None:
    runtime = served(make_runtime, serve("openai", word, answer=lambda prompt: "I would rather talk about tea"))
    run = perform_all(runtime, start(runtime, narrative_text(1, JSON_ACTS)).id)
    assert run.status == "failed" and said in (run.reason or "")
    assert run.used_tokens > 0


TWO_MODELS = f'[acts.one]\nprompt = "Say {{iteration}}"\nmodel = ["{MODELS["openai"]}", "{MODELS["anthropic"]}"]'


@pytest.mark.parametrize(
    ("words", "firsts"), [(("500",) * 3, 3), (("429-money",), 1), (("401",), 1), (("429:60",), 1), (("drop",) * 3, 3)]
)
def test_the_next_model_answers_when_the_first_is_down(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], words: tuple[str, ...], firsts: int
) -> None:
    first, second = serve("openai", *words), serve("anthropic")
    runtime = served(make_runtime, first, second, worker__inline_wait_seconds="2")
    run = perform_all(runtime, start(runtime, narrative_text(1, TWO_MODELS)).id)
    assert (run.status, len(first.received), len(second.received)) == ("completed", firsts, 1)
    assert [row["model"] for row in ledger_of(runtime, run)] == [MODELS["openai"]] * firsts + [MODELS["anthropic"]]
    assert acts_of(runtime, run)[0].model == MODELS["anthropic"]
    for model in ledger_of(runtime, run):
        usage = runtime.budget.usage(next(s for s in scopes_of(runtime) if s.name == model["scope"]))
        assert (usage.tickets, usage.held.requests) == (0, 0)


def scopes_of(runtime: Runtime) -> list[Any]:
    return [runtime.scopes.of(runtime.drivers.resolve(model)) for model in (MODELS["openai"], MODELS["anthropic"])]


def test_the_next_model_answers_when_the_first_one_s_budget_is_exhausted(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    first, second = serve("openai"), serve("anthropic")
    tier = '{"default_tier": "t", "tiers": {"t": {"rpm": 1}}}'
    runtime = served(make_runtime, first, second, providers__openai=tier)
    run = perform_all(runtime, start(runtime, narrative_text(3, TWO_MODELS)).id)
    assert (run.status, len(first.received), len(second.received)) == ("completed", 1, 2)


def test_a_request_that_would_fail_anywhere_is_not_sent_elsewhere(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    first, second = serve("openai", "400"), serve("anthropic")
    runtime = served(make_runtime, first, second)
    run = perform_all(runtime, start(runtime, narrative_text(1, TWO_MODELS)).id)
    assert (run.status, len(second.received)) == ("failed", 0)


def test_limits_of_headers_are_learned_and_shown(make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]) -> None:
    server = serve("anthropic", limits=Limits(50, 40_000))
    tier = '{"default_tier": "t", "tiers": {"t": {"rpm": 5, "tpm": 40000}}}'
    runtime = served(make_runtime, server, providers__anthropic=tier)
    perform_all(runtime, start(runtime, narrative_text(2)).id)
    explained = explanation(runtime, "anthropic/claude-sonnet-5-5@t")
    assert [(limit["name"], limit["limit"], limit["differs"]) for limit in explained["learned"]] == [
        ("rpm", 50, True),
        ("tpm", 40_000, False),
    ]
    assert "  differs: the provider says rpm = 50, configured: 5" in lines(explained)


def test_partial_text_reaches_the_stage(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(IterationContext, "partial", lambda self, act, turn, text: heard.append(text))
    runtime = served(make_runtime, serve("openai"), drivers__openai__stream="true")
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    output = acts_of(runtime, run)[0].output or ""
    assert heard and all(output.startswith(text) for text in heard)


def test_the_provider_s_count_sizes_the_draw(make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]) -> None:
    server = serve("gemini")
    runtime = served(make_runtime, server, drivers__gemini__estimate="count")
    acts = '[acts.one]\nprompt = "1234567890123456"\nmax_tokens = 100'
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    assert ledger_of(runtime, run)[0]["estimated_tokens"] == 104
    assert [request.word for request in server.received] == ["count", "ok"]
