"""Runs on priced models against servers that speak the wire: what the ledger says equals the provider's own bill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from botticelli.carousel import result_of, resume
from botticelli.monitoring.run_outputs import Iterations
from botticelli.monitoring.watch import watch
from botticelli.pricing import recomputed_cost_usd
from botticelli.runtime.process import Runtime
from botticelli.testing.providers import AnswerContent, FakeProvider
from tests.support.narratives import narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]
Rates = tuple[str, str, str, str, str]
MODELS: dict[str, tuple[str, Rates]] = {
    "anthropic": ("claude-opus-5-5", ("4", "0.20", "5", "8", "20")),
    "openai": ("gpt-6.1-sol", ("2", "0.10", "2.50", "5", "10")),
    "gemini": ("gemini-4-hydrogen", ("1.50", "0.075", "0", "0", "7.50")),
}
"""By wire: a model, and its rates of input, cached input, cache writes of both lives, and output."""
COUNTS = {
    "output_tokens": 700,
    "reasoning_tokens": 300,
    "cached_tokens": 5_000,
    "cache_write_tokens": 2_000,
    "cache_write_long_tokens": 500,
}


def bill(contents: list[AnswerContent], rates: Rates, factor: str = "1") -> Decimal:
    """The provider's bill for its answers, by the formula on its price page."""
    fresh, read, short, long, out = map(Decimal, rates)
    total = Decimal(0)
    for content in contents:
        written, kept_long = content.cache_write_tokens, content.cache_write_long_tokens
        total += (content.input_tokens - content.cached_tokens - written) * fresh + content.cached_tokens * read
        total += (written - kept_long) * short + kept_long * long + content.output_tokens * out
    return total * Decimal(factor) / 1_000_000


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeProvider]]:
    servers: list[FakeProvider] = []

    def serve(wire: str, **fields: Any) -> FakeProvider:
        servers.append(FakeProvider(wire, **fields))  # type: ignore[arg-type]
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def served(make: MakeRuntime, server: FakeProvider, **flags: str) -> Runtime:
    """A runtime that knows the server and nothing of prices but what is shipped."""
    free = {f"providers__{server.wire}": '{"default_tier": "t", "limits": "published", "tiers": {"t": {}}}'}
    model = f"{server.wire}/{MODELS[server.wire][0]}"
    return make(default_model=model, **{f"drivers__{server.wire}__base_url": server.url}, **(free | flags))


@pytest.mark.parametrize("wire", list(MODELS))
@pytest.mark.parametrize("stream", ["true", "false"])
def test_every_kind_of_token_is_counted_and_charged_as_the_provider_bills_it(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], wire: str, stream: str
) -> None:
    server = serve(wire, **COUNTS)
    runtime = served(make_runtime, server, **{f"drivers__{wire}__stream": stream})
    run = perform_all(runtime, start(runtime, narrative_text(3)).id)
    billed = bill(server.contents, MODELS[wire][1])
    writes = (0, 0) if wire == "gemini" else (6_000, 1_500)
    assert (run.status, run.cost_usd) == ("completed", billed)
    assert (run.cached_tokens, run.cache_write_tokens, run.cache_write_long_tokens) == (15_000, *writes)
    result = result_of(run)
    assert (result.reasoning_tokens, result.cache_write_tokens, result.cache_write_long_tokens) == (900, *writes)
    with runtime.store.transaction() as tx:
        rows = tx.ledger.of_run(run.id)
    assert sum(row["cost_usd"] for row in rows) == billed
    assert [recomputed_cost_usd(row) for row in rows] == [row["cost_usd"] for row in rows]
    assert {row["price"]["service"] for row in rows} == {"standard"}
    [act] = Iterations(runtime, run.id).get(1).acts
    assert (act.cached_tokens, act.reasoning_tokens, act.cache_write_tokens) == (5_000, 300, writes[0] // 3)
    events = [event.data for event in watch(runtime, run.id, poll_seconds=0.1) if event.event == "act_finished"]
    assert [event["cache_write_long_tokens"] for event in events] == [writes[1] // 3] * 3


@pytest.mark.parametrize(
    ("wire", "service", "factor"),
    [
        ("openai", "flex", "0.5"),
        ("openai", "default", "1"),
        ("openai", "priority", "2"),
        ("anthropic", "batch", "0.5"),
        ("gemini", "flex", "0.5"),
        ("gemini", "priority", "1.8"),
    ],
)
def test_call_is_priced_by_the_service_that_its_answer_names(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], wire: str, service: str, factor: str
) -> None:
    server = serve(wire, service=service, **COUNTS)
    runtime = served(make_runtime, server)
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    assert run.cost_usd == bill(server.contents, MODELS[wire][1], factor)
    with runtime.store.transaction() as tx:
        [row] = tx.ledger.of_run(run.id)
    assert row["price"]["service"] == ("standard" if service == "default" else service)


def test_prices_of_settings_stand_in_for_listed_ones(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("openai", **COUNTS)
    mine = {"usd_per_million_input": "1", "usd_per_million_cache_write": "3", "flex_price_factor": "0.25"}
    table = {"default_tier": "t", "tiers": {"t": {"models": {"gpt-6.1-sol": mine}}}}
    runtime = served(make_runtime, server, providers__openai=json.dumps(table))
    server.service = "flex"
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    assert run.cost_usd == bill(server.contents, ("1", "0.05", "3", "2.5", "10"), "0.25")


@pytest.mark.parametrize("wire", list(MODELS))
@pytest.mark.parametrize(("output_tokens", "concurrency"), [(800, 1), (800, 4), (20_000, 1), (20_000, 8)])
def test_cap_on_money_is_passed_by_one_call_at_most(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], wire: str, output_tokens: int, concurrency: int
) -> None:
    server = serve(wire, **(COUNTS | {"output_tokens": output_tokens}))
    runtime = served(make_runtime, server)
    text = narrative_text(1_000, max_cost_usd=0.5, concurrency=concurrency)
    run = perform_all(runtime, start(runtime, text).id)
    each = bill(server.contents[:1], MODELS[wire][1])
    billed = bill(server.contents, MODELS[wire][1])
    assert run.status == "budget_exhausted"
    assert Decimal("0.5") - 2 * each <= billed <= Decimal("0.5") + each
    assert run.cost_usd == billed


def test_cap_on_money_counts_calls_of_one_iteration(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("anthropic", output_tokens=9_000)
    runtime = served(make_runtime, server)
    acts = "\n".join(f'[acts.a{number}]\nprompt = "Say {number}"\nneeds = []' for number in range(9))
    run = perform_all(runtime, start(runtime, narrative_text(5, acts, max_cost_usd=0.5)).id)
    each = bill(server.contents[:1], MODELS["anthropic"][1])
    assert run.status == "budget_exhausted"
    assert bill(server.contents, MODELS["anthropic"][1]) <= Decimal("0.5") + each


def test_price_is_that_of_the_moment_of_the_call(make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]) -> None:
    runtime = served(make_runtime, serve("gemini"))
    price = runtime.price(runtime.drivers.resolve("gemini/gemini-4-argon"))
    usage = AnswerContent("m", "", input_tokens=1_000_000)
    charges = [price.charge(usage, datetime(2026, month, day, tzinfo=UTC)) for month, day in ((11, 30), (12, 1))]
    assert [charge and charge.usd for charge in charges] == [2, 4]


def test_capped_run_keeps_what_it_paid_and_is_resumed_under_the_same_cap(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("anthropic", output_tokens=9_000)
    runtime = served(make_runtime, server)
    acts = "\n".join(f'[acts.a{number}]\nprompt = "Say {number}"' for number in range(9))
    run = perform_all(runtime, start(runtime, narrative_text(5, acts, max_cost_usd=0.5)).id)
    billed = bill(server.contents, MODELS["anthropic"][1])
    assert (run.status, run.failed, run.cost_usd) == ("budget_exhausted", 0, billed)
    assert (run.reason or "").startswith("max_cost_usd: $0.54")
    done = [act.name for act in Iterations(runtime, run.id).get(1).acts if act.status == "done"]
    assert done == ["a0", "a1", "a2"]
    resume(runtime, run.id)
    again = perform_all(runtime, run.id)
    assert (again.status, again.cost_usd, len(server.contents)) == ("budget_exhausted", billed, 3)


def test_call_of_unknown_outcome_counts_against_the_cap_with_its_estimate(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("openai", script=["drop-midway"] * 100)
    runtime = served(make_runtime, server)
    acts = '[acts.one]\nprompt = "Hi"\nmax_tokens = 10000'
    text = narrative_text(100, acts, max_cost_usd=0.5, continue_on_error=True, retries=0)
    run = perform_all(runtime, start(runtime, text).id)
    with runtime.store.transaction() as tx:
        rows = tx.ledger.of_run(run.id)
    assert run.status == "budget_exhausted"
    assert {row["outcome"] for row in rows} == {"unknown"}
    assert Decimal("0.4") < sum(row["estimated_cost_usd"] for row in rows) <= Decimal("0.5")
