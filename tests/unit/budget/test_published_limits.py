"""The limits that ship with Botticelli: figures by tier and model class, former names of tiers, how providers count."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from botticelli.budget import Window
from botticelli.budget.limits import ModelBudget, model_budget
from botticelli.errors import SettingsError
from botticelli.settings import Provider, published_limits, published_providers


def shipped_budget(provider: str, model: str, tier: str | None = None, **configured: Any) -> ModelBudget:
    settings = Provider.model_validate(configured) if configured else None
    return model_budget(provider, model, shipped=published_limits(provider), configured=settings, asked_tier=tier)


def rates(budget: ModelBudget) -> list[int]:
    return [window.limit for window in budget.scope.windows if window.metric != "concurrency"]


@pytest.mark.parametrize(
    ("provider", "tier", "model", "limits"),
    [
        ("anthropic", None, "claude-opus-5-5", [1_000, 2_000_000, 400_000]),
        ("anthropic", None, "claude-haiku-4-5-20251001", [1_000, 2_000_000, 400_000]),
        ("anthropic", None, "claude-fable-5-2", [1_000, 500_000, 100_000]),
        ("anthropic", "build", "claude-fable-5-1", [2_000, 1_500_000, 300_000]),
        ("anthropic", "build", "claude-sonnet-5", [5_000, 5_000_000, 1_000_000]),
        ("anthropic", "scale", "claude-opus-4-8", [10_000, 10_000_000, 2_000_000]),
        ("anthropic", "evaluation", "claude-opus-5", [50, 30_000, 8_000]),
        ("anthropic", None, "claude-next-7", [1_000, 500_000, 100_000]),
        ("openai", None, "gpt-6.2-astra", [5_000, 1_000_000]),
        ("openai", "launch", "gpt-6.1-sol", [10_000, 4_000_000]),
        ("openai", "grow", "gpt-6.1-terra", [15_000, 40_000_000]),
        ("openai", "grow", "gpt-6-luna", [30_000, 180_000_000]),
        ("openai", "build", "gpt-4.1-mini-2025-04-14", [5_000, 2_000_000]),
        ("openai", None, "gpt-7", [500, 200_000]),
        ("gemini", None, "gemini-3.8-flash", [5, 250_000, 20]),
        ("gemini", None, "gemini-3.5-flash-lite", [15, 250_000, 500]),
        ("gemini", None, "gemini-2.5-flash-lite", [10, 250_000, 20]),
        ("gemini", "tier1", "gemini-2.5-flash-lite", [4_000, 4_000_000]),
        ("gemini", "tier1", "gemini-4-argon", [25, 500_000, 500]),
        ("gemini", "tier3", "gemini-3.8-flash", [60, 250_000, 1_000]),
        ("openai-compatible", None, "any", []),
    ],
)
def test_shipped_figures_are_those_of_the_tier_and_the_model_class(
    provider: str, tier: str | None, model: str, limits: list[int]
) -> None:
    assert rates(shipped_budget(provider, model, tier)) == limits


@pytest.mark.parametrize(
    ("provider", "former", "present"),
    [
        ("anthropic", "tier1", "start"),
        ("anthropic", "tier2", "start"),
        ("anthropic", "tier3", "build"),
        ("anthropic", "tier4", "scale"),
        ("openai", "tier1", "build"),
        ("openai", "tier3", "launch"),
        ("openai", "tier5", "grow"),
        ("gemini", "payasyougo", "tier1"),
    ],
)
def test_former_name_of_a_tier_leads_to_its_present_one_and_says_so(provider: str, former: str, present: str) -> None:
    budget = shipped_budget(provider, "m", default_tier=former)
    assert budget.scope.name == f"{provider}/m@{present}"
    assert (budget.note or "").startswith(f"tier {former} of {provider} is called {present} now")


@pytest.mark.parametrize("spelling", ["Start", "START", "start"])
def test_tier_is_found_in_any_case_under_one_name(spelling: str) -> None:
    assert shipped_budget("anthropic", "claude-opus-5", spelling).scope.name == "anthropic/claude-opus-5@start"


@pytest.mark.parametrize("spelling", ["Tier 1", "tier-1", "tier_1", "TIER1", "pay-as-you-go", "PayAsYouGo"])
def test_tier_is_found_with_any_separator(spelling: str) -> None:
    assert shipped_budget("gemini", "gemini-4-neon", spelling).scope.name == "gemini/gemini-4-neon@tier1"


def test_tier_without_a_present_name_is_refused_with_the_present_ones() -> None:
    with pytest.raises(SettingsError, match=r"no tier 'free'; tiers of openai: build, launch, grow$"):
        shipped_budget("openai", "gpt-6-luna", default_tier="free")


def test_configured_tier_under_a_former_name_stands_on_the_shipped_one() -> None:
    budget = shipped_budget("anthropic", "claude-opus-5", default_tier="tier1", tiers={"tier1": {"rpm": 7}})
    assert budget.scope.name == "anthropic/claude-opus-5@tier1"
    assert (rates(budget), budget.note) == ([7, 2_000_000, 400_000], None)


def test_models_of_one_class_share_a_scope() -> None:
    models = ("claude-opus-4-5", "claude-opus-4-8", "claude-opus-4-6-20260101")
    assert {shipped_budget("anthropic", model).scope.name for model in models} == {"anthropic/claude-opus-4@start"}
    assert shipped_budget("anthropic", "claude-opus-5-5-20260801").scope.name == "anthropic/claude-opus-5-5@start"
    assert shipped_budget("anthropic", "claude-opus-5-20260801").scope.name == "anthropic/claude-opus-5@start"


def test_own_pattern_and_own_class_come_before_the_shipped_ones() -> None:
    mine = {"claude-opus-5*": {"rpm": 9, "shared": "opus"}, "claude-*": {"rpm": 3}}
    budget = shipped_budget("anthropic", "claude-opus-5-5", tiers={"start": {"models": mine}})
    assert budget.scope.name == "anthropic/opus@start"
    assert rates(budget) == [9, 2_000_000, 400_000]


def test_providers_count_in_their_own_way() -> None:
    gemini, anthropic = shipped_budget("gemini", "gemini-3.8-flash"), shipped_budget("anthropic", "claude-opus-5")
    assert gemini.scope.windows == (
        Window("requests", 5, 60),
        Window("input_tokens", 250_000, 60),
        Window("requests", 20, 86_400, "calendar", "America/Los_Angeles"),
    )
    assert anthropic.scope.windows == (
        Window("requests", 1_000, 60, "bucket"),
        Window("input_tokens", 2_000_000, 60, "bucket"),
        Window("output_tokens", 400_000, 60, "bucket"),
    )
    assert [gemini.counts_cached, anthropic.counts_cached] == [True, False]


@pytest.mark.parametrize(
    ("provider", "tier", "windows"),
    [
        (
            "gemini",
            "tier1",
            [(10_000_000, 600, "sliding", None), (250_000_000, 2_678_400, "month", "America/Los_Angeles")],
        ),
        (
            "gemini",
            "tier2",
            [(50_000_000, 600, "sliding", None), (2_000_000_000, 2_678_400, "month", "America/Los_Angeles")],
        ),
        ("anthropic", None, [(500_000_000, 2_678_400, "month", "UTC")]),
        ("anthropic", "scale", [(200_000_000_000, 2_678_400, "month", "UTC")]),
        ("openai", "launch", [(5_000_000_000, 2_678_400, "month", "UTC")]),
    ],
)
def test_spend_limits_are_windows_of_money_that_all_models_share(
    provider: str, tier: str | None, windows: list[tuple[Any, ...]]
) -> None:
    accounts = [shipped_budget(provider, model, tier).account for model in ("a", "b")]
    assert accounts[0] == accounts[1]
    assert accounts[0] and accounts[0].windows == tuple(Window("cost_microusd", *window) for window in windows)


@pytest.mark.parametrize(
    ("provider", "tier"), [("gemini", "free"), ("anthropic", "custom"), ("openai-compatible", "local")]
)
def test_tier_without_spend_limits_has_no_account_scope(provider: str, tier: str) -> None:
    assert shipped_budget(provider, "m", tier).account is None


def test_own_spend_limit_replaces_the_shipped_one() -> None:
    account = shipped_budget("anthropic", "m", tiers={"start": {"usd_per_month": 20.5}}).account
    assert account and [window.limit for window in account.windows] == [20_500_000]


def test_every_shipped_figure_says_when_where_and_how_it_is_known() -> None:
    places = [
        (f"{provider} {tier_name} {name}", place)
        for provider in published_providers()
        for tier_name, tier in published_limits(provider).tiers.items()
        for name, place in [("", tier), *tier.models.items()]
    ]
    assert len(places) > 60
    assert not [name for name, place in places if not (place.as_of and place.source)]
    figured = [(name, place) for name, place in places if place.rpm or place.tpm or place.itpm]
    assert not [name for name, place in figured if place.confidence is None]
    assert max(place.as_of or "" for _, place in places) <= date(2026, 11, 29).isoformat()


def test_entry_tier_is_the_default() -> None:
    assert {name: published_limits(name).default_tier for name in ("anthropic", "gemini", "openai")} == {
        "anthropic": "start",
        "gemini": "free",
        "openai": "build",
    }
    assert published_limits("nobody") == Provider()


def test_model_that_no_table_names_takes_careful_figures_and_says_so() -> None:
    unknown = shipped_budget("gemini", "gemini-9")
    assert unknown.note == "gemini/gemini-9@free: no limits are known for this model; its tier's defaults apply"
    assert rates(unknown) == [5, 250_000, 20]
    assert shipped_budget("gemini", "gemini-3.8-flash").note is None
    assert shipped_budget("gemini", "gemini-9", tiers={"free": {"models": {"gemini-9": {"rpm": 1}}}}).note is None


def test_figures_keep_their_date_source_and_confidence_under_overrides() -> None:
    budget = shipped_budget("anthropic", "claude-opus-5-5", tiers={"start": {"rpm": 1}})
    assert rates(budget)[0] == 1
    assert (budget.as_of, budget.confidence) == ("2026-10-04", "third-party")
    assert (budget.source or "").startswith("https://platform.claude.com")
