"""Service tiers of runs against servers that speak the wire: what is asked, who answers, what it costs, who has no room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import click
import pytest
from click.testing import CliRunner

from botticelli.carousel.checks.run_options import checked_run_options
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest, enqueue
from botticelli.carousel.forecast.forecast import forecast
from botticelli.cli.runs.plan_text import lines
from botticelli.cli.runs.run_details import Details
from botticelli.errors import InvalidInput, NarrativeError
from botticelli.monitoring.diagnosis import why
from botticelli.runtime.process import Runtime
from botticelli.testing.providers import FakeProvider
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, run_of, start
from tests.support.waiting import wait_until

MakeRuntime = Callable[..., Runtime]
MODELS = {"openai": "openai/gpt-6.1-sol", "gemini": "gemini/gemini-4-hydrogen"}
FULL_USD = {"openai": Decimal("2") * 100 + Decimal("10") * 400, "gemini": Decimal("1.50") * 100 + Decimal("7.50") * 400}
"""Price of 100 input and 400 output tokens at the default tier, in millionths."""
PROMPT = "four" * 100
BOTH = pytest.mark.parametrize("wire", list(MODELS))


@pytest.fixture
def serve() -> Iterator[Callable[..., FakeProvider]]:
    servers: list[FakeProvider] = []

    def serve(wire: str, **fields: Any) -> FakeProvider:
        servers.append(FakeProvider(wire, output_tokens=400, **fields))  # type: ignore[arg-type]
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def runtime_for(make: MakeRuntime, server: FakeProvider, **flags: str) -> Runtime:
    free = {f"providers__{server.wire}": '{"default_tier": "t", "limits": "published", "tiers": {"t": {}}}'}
    return make(default_model=MODELS[server.wire], **{f"drivers__{server.wire}__base_url": server.url}, **free, **flags)


def acts(**keys: str) -> str:
    return "\n".join(["[acts.say]", f'prompt = "{PROMPT}"', *(f'{key} = "{value}"' for key, value in keys.items())])


def details(runtime: Runtime, run_id: str) -> str:
    command = click.Command("show", callback=lambda: Details(runtime, run_id, 1).print_text(acts=True, show_all=True))
    return CliRunner().invoke(command).output


@BOTH
@pytest.mark.parametrize(("answered", "factor"), [("flex", "0.5"), ("default", "1"), ("", "1")])
def test_flex_request_is_priced_by_the_tier_that_answers(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], wire: str, answered: str, factor: str
) -> None:
    server = serve(wire, service="standard" if wire == "gemini" and answered == "default" else answered)
    runtime = runtime_for(make_runtime, server)
    run = perform_all(runtime, start(runtime, narrative_text(1, acts(service_tier="flex"))).id)
    body = server.received[0].body
    assert (body.get("service_tier") or body.get("serviceTier")) == "flex"
    assert (run.status, run.cost_usd) == ("completed", FULL_USD[wire] * Decimal(factor) / 1_000_000)
    with runtime.store.transaction() as tx:
        [row] = tx.ledger.of_run(run.id)
        services = tx.ledger.services(run.id)
    charged = "flex" if answered == "flex" else "standard"
    assert (row["price"]["service"], services) == (charged, {charged: 1})
    assert row["estimated_cost_usd"] is None or row["estimated_cost_usd"] >= row["cost_usd"]
    text = " ".join(details(runtime, run.id).split())
    warning = "the service tier flex was asked for; standard answered, and is what is charged"
    assert (warning in text, "answered by service tier: 1 flex" in text) == (charged != "flex", charged == "flex")


@BOTH
def test_refusal_of_capacity_waits_at_no_cost_and_says_so(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider], monkeypatch: pytest.MonkeyPatch, wire: str
) -> None:
    monkeypatch.setattr("workers.context.retry_waits.FIRST_LIMITED_SECONDS", 0.1)
    server = serve(wire, script=["no-capacity"] * 4, service="flex")
    runtime = runtime_for(make_runtime, server)
    run = start(runtime, narrative_text(1, acts(service_tier="flex"), retries=0))
    perform_open(runtime, run.id)
    waiting, diagnosis = run_of(runtime, run.id), why(runtime, run.id)
    assert (waiting.status, waiting.cost_usd, diagnosis.cause) == ("waiting", 0, "waiting")
    assert f"{MODELS[wire]} has no room for flex requests now" in diagnosis.line
    is_over = lambda: ended if (ended := perform_all(runtime, run.id)).is_final else None  # noqa: E731
    ended = wait_until(is_over, "room for the request")
    assert (ended.status, ended.cost_usd) == ("completed", FULL_USD[wire] / 2 / 1_000_000)
    with runtime.store.transaction() as tx:
        rows = tx.ledger.of_run(run.id)
    assert [row["outcome"] for row in rows] == ["refused"] * 4 + ["settled"]
    assert {(row["cost_usd"] or 0, row["input_tokens"]) for row in rows[:4]} == {(0, 0)}


def test_refused_flex_request_goes_to_the_next_model(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("openai", service="flex", choose=lambda body, _: "no-capacity" if "sol" in body["model"] else "ok")
    runtime = runtime_for(make_runtime, server)
    act = f'[acts.say]\nprompt = "Hi"\nmodel = ["{MODELS["openai"]}", "openai/gpt-6-luna"]\nservice_tier = "flex"'
    run = perform_all(runtime, start(runtime, narrative_text(1, act)).id)
    assert run.status == "completed"
    assert [received.body["model"] for received in server.received] == ["gpt-6.1-sol", "gpt-6-luna"]


def test_tier_of_the_run_replaces_that_of_its_acts(
    make_runtime: MakeRuntime, serve: Callable[..., FakeProvider]
) -> None:
    server = serve("openai", service="default")
    runtime = runtime_for(make_runtime, server)
    options = checked_run_options(service_tier="default")
    run = start(runtime, narrative_text(1, acts(service_tier="flex", thinking="low")), run_options=options)
    perform_all(runtime, run.id)
    assert server.received[0].body["service_tier"] == "default"
    assert server.received[0].body["reasoning_effort"] == "low"
    assert "service    tier default" in details(runtime, run.id)


def test_tier_and_parameters_that_a_provider_lacks_are_refused_with_their_place(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model="anthropic/claude-haiku-5-5")
    text = narrative_text(1, '[acts.say]\nprompt = "Hi"\n  service_tier = "flex"\ntemperature = 0.5')
    line = text.splitlines().index('  service_tier = "flex"') + 1
    with pytest.raises(NarrativeError) as refused:
        enqueue(runtime, loaded(text), "a.toml", EnqueueRequest())
    assert [str(problem) for problem in refused.value.problems] == [
        f"a.toml:{line}:3: [act say] service_tier: claude-haiku-5-5 has no service tier flex, only default; "
        "remove it, or choose another model",
        f"a.toml:{line + 1}:1: [act say] temperature: claude-haiku-5-5 accepts no temperature; "
        "remove it, or choose another model",
    ]
    options = EnqueueRequest(run_options=checked_run_options(service_tier="flex"))
    with pytest.raises(InvalidInput, match="service_tier: act one: claude-haiku-5-5 has no service tier flex"):
        enqueue(runtime, loaded(narrative_text(1)), "a.toml", options)
    with runtime.store.transaction() as tx:
        assert tx.runs.recent() == []


def test_ignored_parameter_is_a_warning_at_enqueue(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model="gemini/gemini-3.8-flash")
    text = narrative_text(1, '[acts.say]\nprompt = "Hi"\ntemperature = 0.5')
    warnings = enqueue(runtime, loaded(text), "a.toml", EnqueueRequest()).warnings
    assert any("[act say] temperature: has no effect on gemini-3.8-flash" in warning for warning in warnings)


def test_plan_prices_by_the_tier_that_is_asked_and_reserves_for_the_dearer_one(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model=MODELS["openai"])
    costs = {}
    for tier in ("default", "flex", "priority"):
        text = narrative_text(1, acts(service_tier=tier))
        planned = forecast(runtime, loaded(text), "a.toml", EnqueueRequest(), services_run=True)
        assert planned.cost_usd is not None
        costs[tier] = planned.cost_usd.expected
        assert (f"openai/gpt-6.1-sol ({tier})" in "\n".join(lines(planned))) == (tier != "default")
    assert (costs["flex"] * 2, costs["priority"]) == (costs["default"], costs["default"] * 2)
    reserved = {
        tier: enqueue(
            runtime, loaded(narrative_text(1, acts(service_tier=tier), max_cost_usd=5)), "a.toml", EnqueueRequest()
        ).run.estimated_cost_usd
        for tier in ("default", "flex", "priority")
    }
    assert reserved["flex"] == reserved["default"] and reserved["priority"] == (reserved["default"] or 0) * 2


def test_thinking_is_part_of_the_estimate(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model=MODELS["openai"])
    tokens = [
        enqueue(runtime, loaded(narrative_text(1, acts(**keys))), "a.toml", EnqueueRequest()).run.estimated_tokens
        for keys in ({}, {"thinking": "low"}, {"thinking": "high"})
    ]
    assert [figure - tokens[0] for figure in tokens] == [0, 1024, 16_384]
