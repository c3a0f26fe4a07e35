"""From published limits to the scope of a model: tiers, models, multipliers; and estimates of tokens."""

from __future__ import annotations

import pytest

from botticelli.budget import Scope, Window
from botticelli.budget.estimate import estimate_tokens
from botticelli.budget.limits import model_scope, multiplied
from botticelli.errors import SettingsError
from botticelli.settings import Provider

SHIPPED = Provider.model_validate(
    {
        "default_tier": "free",
        "tiers": {"free": {"rpm": 10, "tpm": 1000, "models": {"large": {"rpm": 2}}}, "paid": {"rpm": 100}},
    }
)


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


def test_a_tier_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match=r"providers.p.*no tier 'fre'.*free"):
        model_scope("p", "m", shipped=SHIPPED, configured=Provider(default_tier="fre"))


def test_multipliers_apply_to_minutes_and_days() -> None:
    scope = Scope("s", (Window("requests", 10, 60), Window("tokens", 1, 60), Window("tokens", 10, 2)))
    smaller = multiplied(scope, {"rpm_multiplier": 0.55, "tpm_multiplier": 0.1, "rpd_multiplier": None})
    assert [window.limit for window in smaller.windows] == [5, 1, 10]


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("word word word word", 5), ("1234567890", 10), ("{}{}{}", 4), ("日本", 2)]
)
def test_estimates_count_by_class_of_character(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
