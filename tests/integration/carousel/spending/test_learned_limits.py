"""Limits that follow a provider's answers, and rates that grow after a silence, through a whole run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from botticelli.cli.budget.budget_explain import lines
from botticelli.monitoring.budget_scopes import known_scopes
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.runtime.process import Runtime
from botticelli.runtime.scopes import EffectiveLimits
from botticelli.testing.providers import FakeProvider, Limits
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.servers.raw_server import RawServer, raw_server

MakeRuntime = Callable[..., Runtime]
MODEL = "anthropic/claude-opus-5-5"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read what was learned each time, not every few seconds."""
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with FakeProvider("anthropic", limits=Limits(700, 90_000)) as provider:
        yield provider


def served(make: MakeRuntime, server: FakeProvider | RawServer, **provider: Any) -> Runtime:
    settings = {"limits": "learned", "default_tier": "t", "tiers": {"t": {"rpm": 50, "tpm": 30_000}}, **provider}
    urls = {"drivers__anthropic__base_url": server.url}
    return make(default_model=MODEL, providers__anthropic=json.dumps(settings), **urls)


def in_force(runtime: Runtime, name: str) -> dict[str, int]:
    return {w.name: w.limit for scope in known_scopes(runtime) if scope.name == name for w in scope.windows}


def test_learned_limits_rise_and_fall_with_the_answers(make_runtime: MakeRuntime, server: FakeProvider) -> None:
    runtime, scope = served(make_runtime, server), f"{MODEL}@t"
    seen = [in_force(runtime, scope)]
    for limits in (Limits(700, 90_000), Limits(20, 8_000)):
        server.limits = limits
        assert perform_all(runtime, start(runtime, narrative_text(1)).id).status == "completed"
        seen.append(in_force(runtime, scope))
    assert [tuple(limits.values()) for limits in seen] == [(50, 30_000), (700, 90_000), (20, 8_000)]


def test_learned_limits_keep_to_the_bounds_and_are_explained(make_runtime: MakeRuntime, server: FakeProvider) -> None:
    runtime = served(make_runtime, server, learned_min={"tpm": 100_000}, learned_max={"rpm": 300})
    assert perform_all(runtime, start(runtime, narrative_text(1)).id).status == "completed"
    assert list(in_force(runtime, f"{MODEL}@t").values()) == [300, 100_000]
    text = "\n".join(lines(explanation(runtime, f"{MODEL}@t")))
    assert "learned: the provider says rpm = 700, in force: 300 (bounds 5 to 300)" in text
    assert "learned: the provider says tpm = 90,000, in force: 100,000" in text


def test_learned_limits_outlive_redis_and_hold_in_another_process(
    make_runtime: MakeRuntime, server: FakeProvider
) -> None:
    first = served(make_runtime, server)
    assert perform_all(first, start(first, narrative_text(1)).id).status == "completed"
    first.redis.flushall()
    assert list(in_force(served(make_runtime, server), f"{MODEL}@t").values()) == [700, 90_000]


def test_published_limits_are_not_changed_by_answers(make_runtime: MakeRuntime, server: FakeProvider) -> None:
    runtime = served(make_runtime, server, limits="published")
    assert perform_all(runtime, start(runtime, narrative_text(1)).id).status == "completed"
    assert list(in_force(runtime, f"{MODEL}@t").values()) == [50, 30_000]
    assert "differs: the provider says rpm = 700" in "\n".join(lines(explanation(runtime, f"{MODEL}@t")))


def test_limit_that_a_refusal_of_gemini_names_is_followed(make_runtime: MakeRuntime) -> None:
    violations = [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "9"}]
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}]
    with raw_server() as server:
        server.status = 429
        server.body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slow.", "details": details}}
        runtime = make_runtime(
            default_model="gemini/gemini-4-neon",
            drivers__gemini__base_url=server.url,
            providers__gemini='{"default_tier": "tier1"}',
        )
        perform_all(runtime, start(runtime, narrative_text(1, retries=0)).id)
    assert in_force(runtime, "gemini/gemini-4-neon@tier1")["requests/60s"] == 9


RAMP = {"rpm": 10, "growth": 2, "step_seconds": 60, "idle_seconds": 600}


def test_rate_starts_from_its_base_and_is_explained(make_runtime: MakeRuntime, server: FakeProvider) -> None:
    runtime = served(make_runtime, server, limits="published", ramp=RAMP)
    scope = runtime.scopes.of(runtime.drivers.resolve(MODEL))
    assert [window.limit for window in runtime.scopes.in_force(scope).windows] == [10, 30_000]
    assert in_force(runtime, f"{MODEL}@t")["requests/60s bucket"] == 10
    text = "\n".join(lines(explanation(runtime, f"{MODEL}@t")))
    assert "ramp: starts from rpm 10 after 600 s without use, and grows 2-fold every 60 s" in text


def test_refusal_of_a_steep_rise_starts_the_rate_anew(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarted: list[str] = []
    monkeypatch.setattr(EffectiveLimits, "restart", lambda self, scope: restarted.append(scope.name))
    with raw_server() as steep:
        error = {"type": "rate_limit_error", "message": "Steep.", "details": {"error_code": "ramp_limit_exceeded"}}
        steep.status, steep.headers, steep.body = 429, {"retry-after": "0"}, {"type": "error", "error": error}
        runtime = served(make_runtime, steep, limits="published", ramp=RAMP)
        run = perform_all(runtime, start(runtime, narrative_text(1, retries=0)).id)
    assert (run.status, restarted) == ("failed", [f"{MODEL}@t"])


def test_old_figures_are_explained_as_old(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model=MODEL)
    result = explanation(runtime, f"{MODEL}@start", date(2027, 3, 1))
    assert (result["limits"] or {})["age"] == "the figures are 148 days old: compare them with their source"
    assert (explanation(runtime, f"{MODEL}@start", date(2026, 11, 1))["limits"] or {})["age"] is None


def test_class_scope_is_found_by_the_name_of_any_of_its_models(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model="anthropic/claude-opus-4-8")
    names = ("anthropic/claude-opus-4-5@start", "anthropic/claude-opus-4-8", "anthropic/claude-opus-4@start")
    assert {explanation(runtime, name)["scope"] for name in names} == {"anthropic/claude-opus-4@start"}
    assert explanation(runtime, "anthropic@start")["usage"].windows[0].window.kind == "month"
