"""The age of published figures, and where it is said."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from botticelli.budget.figure_age import age_days, is_old
from botticelli.cli.system.limit_checks import old_figures
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

TODAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("as_of", "days"),
    [
        ("2026-11-29", 0),
        ("2026-08-31", 90),
        ("2026-08-30", 91),
        ("2026-10", 29),
        ("2025-01", 667),
        ("2025", 333),
        ("2026", 0),
        ("2027-01-01", 0),
        (" 2026-11-28 ", 1),
        ("2026-02-30", None),
        ("2026-13", None),
        ("0000", None),
        ("spring 2026", None),
        ("", None),
        (None, None),
    ],
)
def test_age_counts_from_the_last_day_that_a_date_names(as_of: str | None, days: int | None) -> None:
    assert age_days(as_of, TODAY) == days
    assert is_old(as_of, TODAY) == (days is not None and days > 90)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Runtime(load_settings({}, environ={"BOTTICELLI_HOME": str(tmp_path)}, cwd=tmp_path))


def test_figures_of_a_provider_that_is_set_up_are_said_to_be_old(runtime: Runtime) -> None:
    assert list(old_figures(runtime, date(2026, 11, 26))) == []
    [(detail, do)] = old_figures(runtime, date(2026, 11, 27))
    assert detail.startswith("limits of anthropic start are older than 90 days (since 2026-08-28): claude-haiku-4-5, ")
    assert "platform.claude.com" in do and "[providers.anthropic.tiers.start]" in do
    [(later, _)] = old_figures(runtime, TODAY + timedelta(days=400))
    assert "claude-fable-5" in later


def test_own_figures_with_a_new_date_are_not_old(tmp_path: Path, runtime: Runtime) -> None:
    own = {"claude-*": {"rpm": 5, "as_of": "2026-11-01"}}
    models = dict.fromkeys(
        ("claude-opus-4*", "claude-opus-5*", "claude-sonnet-4*", "claude-sonnet-5*"), own["claude-*"]
    )
    models["claude-haiku-4-5*"] = own["claude-*"]
    settings = runtime.settings.model_dump(include={"home", "base"})
    from botticelli.settings import Provider, Settings

    mine = Provider.model_validate({"tiers": {"start": {"models": models}}})
    changed = Runtime(Settings(**settings, providers={"anthropic": mine}))
    assert list(old_figures(changed, date(2026, 11, 29))) == []


def test_limits_of_the_machine_never_grow_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    runtime = Runtime(load_settings({}, environ={"BOTTICELLI_HOME": str(tmp_path)}, cwd=tmp_path))
    assert list(old_figures(runtime, date(2030, 1, 1))) == []
