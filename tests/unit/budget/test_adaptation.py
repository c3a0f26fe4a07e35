"""Learned limits within their bounds, and rates that grow after a silence."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.budget import Scope, Window
from botticelli.budget.adaptation import LearnedRange, needs_ramp, ramped, with_learned
from botticelli.budget.limits import ModelBudget, model_budget, multiplied
from botticelli.settings import Limits, Provider, published_limits
from botticelli.settings.sections.ramp import Ramp

START = Limits(rpm=50, tpm=30_000)


def learning(**provider: Any) -> ModelBudget:
    configured = Provider.model_validate({"limits": "learned", **provider})
    return model_budget("p", "m", shipped=Provider(), configured=configured)


def limits(scope: Scope) -> list[int]:
    return [window.limit for window in scope.windows]


def bounds_of(budget: ModelBudget) -> LearnedRange:
    assert budget.learned is not None
    return budget.learned


@pytest.mark.parametrize(
    ("named", "limit"),
    [(500, 500), (20, 20), (5, 5), (4, 5), (1, 5), (5_000, 5_000), (5_001, 5_000), (10**12, 5_000)],
)
def test_learned_limit_is_followed_up_and_down_within_default_bounds(named: int, limit: int) -> None:
    assert LearnedRange.of([START], None, None).bounded("rpm", named) == limit


@pytest.mark.parametrize(("named", "limit"), [(500, 200), (100, 100), (10, 40)])
def test_learned_limit_keeps_to_the_bounds_of_the_settings(named: int, limit: int) -> None:
    learned = LearnedRange.of([START], Limits(rpm=40), Limits(rpm=200))
    assert learned.bounded("rpm", named) == limit
    assert learned.bounded("tpm", 10**9) == 3_000_000


def test_figure_that_the_tier_does_not_name_is_not_followed() -> None:
    assert LearnedRange.of([START], None, None).bounded("itpm", 7) is None


def test_learning_starts_carefully_where_nothing_is_named() -> None:
    budget = learning(default_tier="local", tiers={"local": {}})
    assert limits(budget.scope) == [50, 30_000, 4]
    assert limits(with_learned(budget.scope, bounds_of(budget), {"rpm": 600, "tpm": 9_000})) == [600, 9_000, 4]


def test_learning_starts_from_the_figures_of_the_tier() -> None:
    budget = learning(default_tier="t", tiers={"t": {"rpm": 7, "itpm": 1_000}})
    assert limits(budget.scope) == [7, 1_000]
    assert limits(with_learned(budget.scope, bounds_of(budget), {"rpm": 9, "tpm": 5, "otpm": 6})) == [9, 1_000]


def test_multipliers_make_learned_limits_smaller_too() -> None:
    budget = learning(default_tier="t", tiers={"t": {"rpm": 100}})
    smaller = multiplied(budget.scope, {"rpm_multiplier": 0.5})
    assert limits(with_learned(smaller, bounds_of(budget), {"rpm": 300})) == [150]
    assert limits(with_learned(multiplied(budget.scope, {"rpm_multiplier": 0.01}), bounds_of(budget), {"rpm": 10})) == [
        1
    ]


@pytest.mark.parametrize(
    ("provider", "tier", "configured", "learns"),
    [
        ("anthropic", None, {}, False),
        ("anthropic", "evaluation", {}, True),
        ("anthropic", "custom", {}, True),
        ("anthropic", "evaluation", {"limits": "published"}, False),
        ("anthropic", None, {"limits": "learned"}, True),
        ("anthropic", None, {"limits": "learned", "tiers": {"start": {"limits": "published"}}}, False),
        ("gemini", None, {}, True),
        ("gemini", "tier1", {"limits": "published"}, False),
        ("openai-compatible", None, {}, False),
        ("openai-compatible", None, {"limits": "learned"}, True),
    ],
)
def test_limits_are_learned_where_settings_or_the_shipped_table_say_so(
    provider: str, tier: str | None, configured: dict[str, Any], learns: bool
) -> None:
    settings = Provider.model_validate(configured)
    budget = model_budget(provider, "m", shipped=published_limits(provider), configured=settings, asked_tier=tier)
    assert (budget.learned is not None) == learns


RAMP = Ramp(tpm=1_000_000, growth=1.5, step_seconds=900)
LAUNCH = Scope("s", (Window("requests", 10_000, 60), Window("tokens", 4_000_000, 60)))


@pytest.mark.parametrize(
    ("minutes", "tokens"),
    [
        (0, 1_000_000),
        (14, 1_000_000),
        (15, 1_500_000),
        (30, 2_250_000),
        (45, 3_375_000),
        (60, 4_000_000),
        (10**9, 4_000_000),
    ],
)
def test_rate_grows_by_steps_from_its_base_to_the_limit(minutes: int, tokens: int) -> None:
    assert limits(ramped(LAUNCH, RAMP, minutes * 60_000)) == [10_000, tokens]


def test_limit_at_or_below_the_base_needs_no_ramp() -> None:
    assert needs_ramp(LAUNCH, RAMP)
    assert not needs_ramp(LAUNCH, None)
    assert not needs_ramp(Scope("s", (Window("tokens", 1_000_000, 60),)), RAMP)
    assert not needs_ramp(Scope("s", (Window("tokens", 4_000_000, 86_400),)), RAMP)


@pytest.mark.parametrize(
    ("provider", "tier", "model", "ramps"),
    [
        ("anthropic", None, "claude-opus-5-5", False),
        ("anthropic", "scale", "claude-opus-5-5", True),
        ("openai", None, "gpt-6.1-sol", False),
        ("openai", "launch", "gpt-6.1-sol", True),
        ("gemini", "tier3", "gemini-4-neon", False),
    ],
)
def test_entry_tiers_are_admitted_at_their_whole_rate_at_once(
    provider: str, tier: str | None, model: str, ramps: bool
) -> None:
    budget = model_budget(provider, model, shipped=published_limits(provider), configured=None, asked_tier=tier)
    assert needs_ramp(budget.scope, budget.ramp) == ramps
