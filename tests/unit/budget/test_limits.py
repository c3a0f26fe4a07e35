"""From published limits to the scope of a model: tiers, models, multipliers; and estimates of tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from botticelli.budget import Scope, Window
from botticelli.budget.limits import model_budget, multiplied
from botticelli.drivers.interface.token_estimate import estimate_tokens
from botticelli.errors import SettingsError
from botticelli.runtime.process import Runtime
from botticelli.settings import Provider, load_settings, published_limits, published_providers

SHIPPED = Provider.model_validate(
    {
        "default_tier": "free",
        "tiers": {"free": {"rpm": 10, "tpm": 1000, "models": {"large": {"rpm": 2}}}, "paid": {"rpm": 100}},
    }
)


def model_scope(provider: str, model: str, **given: Any) -> Scope:
    return model_budget(provider, model, **given).scope


def windows(scope: Scope) -> dict[str, int]:
    return {window.name: window.limit for window in scope.windows}


def test_a_provider_without_tiers_has_no_limits() -> None:
    assert model_scope("echo", "echo", shipped=Provider(), configured=None) == Scope("echo/echo@default", ())


def test_a_model_s_figures_come_before_its_tier_s() -> None:
    scope = model_scope("p", "large", shipped=SHIPPED, configured=None)
    assert scope.name == "p/large@free"
    assert windows(scope) == {"requests/60s": 2, "tokens/60s": 1000}


def test_settings_come_before_what_is_shipped_key_by_key() -> None:
    configured = Provider.model_validate({"tiers": {"free": {"tpm": 50, "rpd": 7}}})
    scope = model_scope("p", "small", shipped=SHIPPED, configured=configured)
    assert windows(scope) == {"requests/60s": 10, "tokens/60s": 50, "requests/86400s": 7}


def test_tiers_of_one_s_own_and_windows_of_any_length() -> None:
    window = {"metric": "tokens", "limit": 5, "period_seconds": 2, "kind": "fixed"}
    configured = Provider.model_validate({"default_tier": "mine", "tiers": {"mine": {"windows": [window]}}})
    scope = model_scope("p", "m", shipped=SHIPPED, configured=configured)
    assert scope.windows == (Window("tokens", 5, 2.0, "fixed"),)


def test_the_general_default_tier_counts_where_a_provider_has_such_a_tier() -> None:
    assert model_scope("p", "m", shipped=SHIPPED, configured=None, default_tier="paid").name == "p/m@paid"
    assert model_scope("p", "m", shipped=SHIPPED, configured=None, default_tier="other").name == "p/m@free"


def test_the_tier_that_is_asked_for_comes_before_every_other() -> None:
    configured = Provider(default_tier="free")
    given = {"shipped": SHIPPED, "configured": configured, "default_tier": "free"}
    assert model_scope("p", "m", asked_tier="paid", **given).name == "p/m@paid"
    with pytest.raises(SettingsError, match=r"^--tier p: there is no tier 'piad'; tiers of p: paid$"):
        model_scope("p", "m", asked_tier="piad", **given)


def test_a_tier_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match=r"providers.p.*no tier 'fre'.*free"):
        model_scope("p", "m", shipped=SHIPPED, configured=Provider(default_tier="fre"))


@pytest.mark.parametrize(
    ("provider", "tier", "model", "limits"),
    [
        ("gemini", None, "gemini-2.5-flash", [10, 250_000, 250]),
        ("gemini", None, "gemini-2.5-pro", [2, 125_000, 50]),
        ("gemini", None, "gemini-2.5-flash-lite", [15, 250_000, 1_000]),
        ("gemini", None, "gemini-2.0-flash", [15, 1_000_000, 200]),
        ("gemini", "payasyougo", "gemini-2.5-flash", [1_000, 1_000_000, 10_000]),
        ("gemini", "payasyougo", "gemini-2.0-flash", [2_000, 4_000_000]),
        ("anthropic", None, "any", [5, 20_000]),
        ("anthropic", "tier4", "any", [2_000, 160_000]),
        ("openai", "free", "any", [3, 40_000, 200]),
        ("openai", None, "any", [500, 200_000]),
        ("openai", "tier5", "any", [10_000, 100_000_000]),
        ("openai-compatible", None, "any", []),
    ],
)
def test_the_shipped_tables(provider: str, tier: str | None, model: str, limits: list[int]) -> None:
    scope = model_scope(provider, model, shipped=published_limits(provider), configured=Provider(default_tier=tier))
    assert [window.limit for window in scope.windows if window.metric != "concurrency"] == limits


def test_providers_count_in_their_own_way() -> None:
    gemini = model_scope("gemini", "gemini-2.5-pro", shipped=published_limits("gemini"), configured=None)
    anthropic = model_scope("anthropic", "any", shipped=published_limits("anthropic"), configured=None)
    assert gemini.windows == (
        Window("requests", 2, 60),
        Window("tokens", 125_000, 60),
        Window("requests", 50, 86_400, "calendar", "America/Los_Angeles"),
        Window("concurrency", 1, 60),
    )
    assert anthropic.windows == (
        Window("requests", 5, 60, "bucket"),
        Window("tokens", 20_000, 60, "bucket"),
        Window("concurrency", 5, 60),
    )


def test_a_window_that_is_spelled_out_stands_in_for_the_published_one() -> None:
    mine = Provider.model_validate(
        {
            "tiers": {
                "free": {"itpm": 7, "otpm": 8, "windows": [{"metric": "requests", "limit": 9, "period_seconds": 60}]}
            }
        }
    )
    scope = model_scope("p", "small", shipped=SHIPPED, configured=mine)
    assert windows(scope) == {"tokens/60s": 1000, "input_tokens/60s": 7, "output_tokens/60s": 8, "requests/60s": 9}


def test_every_shipped_tier_says_when_and_where_its_figures_were_published() -> None:
    tiers = [tier for provider in published_providers() for tier in published_limits(provider).tiers.values()]
    assert len(tiers) == 14
    assert all(tier.as_of and tier.source for tier in tiers)
    assert published_limits("nobody") == Provider()


def test_a_model_that_is_not_in_a_table_takes_the_tier_s_defaults_and_says_so() -> None:
    shipped = published_limits("gemini")
    unknown = model_budget("gemini", "gemini-9", shipped=shipped, configured=None)
    known = model_budget("gemini", "gemini-2.5-flash", shipped=shipped, configured=None)
    assert windows(unknown.scope) == windows(known.scope)
    assert unknown.note == "gemini/gemini-9@free: no limits are known for this model; its tier's defaults apply"
    assert known.note is None
    assert model_budget("anthropic", "x", shipped=published_limits("anthropic"), configured=None).note is None
    mine = Provider.model_validate({"tiers": {"free": {"models": {"gemini-9": {"rpm": 1}}}}})
    assert model_budget("gemini", "gemini-9", shipped=shipped, configured=mine).note is None


def test_figures_keep_their_date_and_source_under_overrides() -> None:
    mine = Provider.model_validate({"tiers": {"free": {"rpm": 1}}})
    budget = model_budget("gemini", "gemini-2.5-pro", shipped=published_limits("gemini"), configured=mine)
    assert windows(budget.scope)["requests/60s"] == 1
    assert (budget.as_of, (budget.source or "")[:20]) == ("2025-01", "https://ai.google.de")


def test_multipliers_apply_to_minutes_and_days() -> None:
    scope = Scope("s", (Window("requests", 10, 60), Window("tokens", 1, 60), Window("tokens", 10, 2)))
    smaller = multiplied(scope, {"rpm_multiplier": 0.55, "tpm_multiplier": 0.1, "rpd_multiplier": None})
    assert [window.limit for window in smaller.windows] == [5, 1, 10]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word word word word", 5), ("1234567890", 10), ("{}{}{}", 4), ("日本", 2), ("🐟🥕", 4)],
)
def test_estimates_count_by_class_of_character(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_settings_of_model_apply_by_any_spelling(tmp_path: Path) -> None:
    models = '{"Models/Gemini-X": {"rpm": 7}}'
    provider = '{"default_tier": "t", "tiers": {"t": {"models": ' + models + "}}}"
    settings = load_settings({"providers.gemini": provider}, environ={"BOTTICELLI_HOME": str(tmp_path)}, cwd=tmp_path)
    runtime = Runtime(settings)
    scopes = {runtime.scope(runtime.drivers.resolve(f"gemini/{name}")) for name in ("gemini-x", "models/GEMINI-x")}
    assert [(scope.name, scope.windows[0].limit) for scope in scopes] == [("gemini/gemini-x@t", 7)]
