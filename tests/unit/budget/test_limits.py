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
from botticelli.settings import Provider, load_settings

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
    scopes = {runtime.scopes.of(runtime.drivers.resolve(f"gemini/{name}")) for name in ("gemini-x", "models/GEMINI-x")}
    assert [(scope.name, scope.windows[0].limit) for scope in scopes] == [("gemini/gemini-x@t", 7)]
