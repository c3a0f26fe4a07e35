"""`botticelli doctor --call`: what it says of a model that answers and of all that can be wrong, and what it spends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.cli.system.doctor_call import model_of, trial
from botticelli.cli.system.doctor_checks import Finding
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.testing.providers import FakeProvider
from tests.support.fleet.ports import refusing

KEY = "sk-canary-of-a-trial"
MODEL = "openai/gpt-6-luna"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeProvider("openai", echo_headers=("authorization",)) as made:
        yield made


@pytest.fixture
def pointed(server: FakeProvider, make_runtime: Callable[..., Runtime]) -> Callable[..., Runtime]:
    return lambda **flags: make_runtime(drivers__openai__base_url=server.url, default_model=MODEL, **flags)


def called(runtime: Runtime, model: str = "") -> Finding:
    (finding,) = trial(runtime, model)
    assert KEY not in str(finding)
    return finding


def ledger(runtime: Runtime) -> list[Any]:
    rows = "select model, outcome, input_tokens + output_tokens as tokens from ledger order by drawn_at"
    with runtime.store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(rows))]


def used(runtime: Runtime) -> dict[str, tuple[int, int]]:
    usage = runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve(MODEL)))
    return {
        window.window.name: (window.used, window.held)
        for window in usage.windows
        if window.window.metric != "concurrency"
    }


def test_a_model_that_answers_is_paid_and_counted_once(pointed: Callable[..., Runtime], server: FakeProvider) -> None:
    runtime = pointed()
    finding = called(runtime)
    assert (finding.state, f"{MODEL} answered" in finding.detail) == ("ok", True)
    (request,) = server.received
    assert request.body["max_completion_tokens"] <= 16
    assert ledger(runtime) == [(MODEL, "settled", server.counted_tokens)]
    assert used(runtime)["requests/60s"] == (1, 0)
    assert used(runtime)["tokens/60s"] == (server.counted_tokens, 0)


def test_failed_trial_call_says_what_to_do(pointed: Callable[..., Runtime], server: FakeProvider) -> None:
    runtime = pointed()
    server.play("401", "404", "429-money", "500", "drop")
    findings = [called(runtime) for _ in range(5)]
    assert [finding.state for finding in findings] == ["fail"] * 5
    for finding, do in zip(
        findings, ("OPENAI_API_KEY", "model's name", "billing", "try again", "base_url"), strict=True
    ):
        assert do in finding.do, finding
    assert [outcome for _, outcome, _ in ledger(runtime)] == ["refused"] * 4 + ["unknown"]
    server.close()
    with refusing(server.port):
        assert "can't be reached" in called(runtime).detail
    assert ledger(runtime)[-1][1] == "not_sent"
    assert used(runtime)["requests/60s"] == (5, 0)


def test_without_a_key_or_without_room_nothing_is_sent(
    pointed: Callable[..., Runtime], make_runtime: Callable[..., Runtime], server: FakeProvider, monkeypatch: Any
) -> None:
    runtime = pointed(providers__openai='{"default_tier": "t", "tiers": {"t": {"rpd": 1}}}')
    assert called(runtime).state == "ok"
    full = called(runtime)
    assert (full.state, "was not called" in full.detail) == ("warn", True)
    monkeypatch.delenv("OPENAI_API_KEY")
    keyless = called(make_runtime(), MODEL)
    assert (keyless.state, "set OPENAI_API_KEY" in keyless.do) == ("fail", True)
    assert len(server.received) == len(ledger(runtime)) == 1


def test_provider_is_called_by_its_recommended_model_else_by_one_that_its_settings_name(
    make_runtime: Callable[..., Runtime],
) -> None:
    own = '{"default_tier": "t", "tiers": {"t": {"models": {"llama*": {"rpm": 1}, "llama3": {"rpm": 1}}}}}'
    runtime = make_runtime(**{"providers__openai-compatible": own})
    assert called(runtime, "echo").detail.startswith("echo/echo answered")
    names = {text: str(model_of(runtime, text)) for text in ("anthropic", "gemini", "openai-compatible")}
    assert names["anthropic"].startswith("anthropic/claude-") and names["gemini"].startswith("gemini/gemini-")
    assert names["openai-compatible"] == "openai-compatible/llama3"
    assert not [name for name in names.values() if name.endswith("*")]
    with pytest.raises(InvalidInput, match="write --call openai-compatible/MODEL"):
        model_of(make_runtime(), "openai-compatible")
    with pytest.raises(InvalidInput, match="claims the model 'nonsense'"):
        called(runtime, "nonsense")


def test_spend_limit_of_the_account_counts_the_call_of_doctor(
    pointed: Callable[..., Runtime], server: FakeProvider
) -> None:
    tiers = '{"default_tier": "t", "tiers": {"t": {"rpm": 100, "usd_per_month": 5}}}'
    runtime = pointed(providers__openai=tiers)
    assert called(runtime).state == "ok"
    account = runtime.scopes.model_budget(runtime.drivers.resolve(MODEL)).account
    assert account is not None
    [window] = runtime.budget.usage(account).windows
    with runtime.store.engine.connect() as connection:
        cost_usd = connection.execute(text("select cost_usd from ledger")).scalar_one()
    assert window.used > 0
    assert abs(window.used - cost_usd * 1_000_000) < 1  # rests of calls before it are carried over
