"""Tests the choice of the model for acts that name none: by settings, else by keys, else the echo."""

from __future__ import annotations

import pytest

from botticelli.drivers import Drivers
from botticelli.runtime.default_model import AUTO, PROVIDERS, choose_default_model

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def test_configured_model_wins_over_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    chosen = choose_default_model(Drivers({}), "gemini/gemini-4-argon")
    assert (chosen.model, chosen.note) == ("gemini/gemini-4-argon", None)


@pytest.mark.parametrize(
    ("variable", "model"),
    [
        ("ANTHROPIC_API_KEY", "anthropic/claude-haiku-5-5"),
        ("OPENAI_API_KEY", "openai/gpt-6-luna"),
        ("GEMINI_API_KEY", "gemini/gemini-3.5-flash-lite"),
        ("GOOGLE_API_KEY", "gemini/gemini-3.5-flash-lite"),
    ],
)
def test_single_key_chooses_the_recommended_model_of_its_provider(
    monkeypatch: pytest.MonkeyPatch, variable: str, model: str
) -> None:
    monkeypatch.setenv(variable, "k")
    chosen = choose_default_model(Drivers({}), AUTO)
    assert (chosen.model, chosen.note) == (model, f"model {model}: {variable} is set")


def test_several_keys_choose_the_first_provider_and_name_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    chosen = choose_default_model(Drivers({}), AUTO)
    assert chosen.model == "openai/gpt-6-luna"
    assert chosen.note is not None
    assert "so are keys of gemini" in chosen.note
    assert "--model" in chosen.note


@pytest.mark.parametrize("blank", ["", "  "])
def test_no_usable_key_chooses_the_echo_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", blank)
    chosen = choose_default_model(Drivers({}), AUTO)
    assert chosen.model == "echo/echo"
    assert chosen.note is not None
    assert "set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY" in chosen.note


def test_key_under_a_configured_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", "k")
    chosen = choose_default_model(Drivers({"anthropic": {"api_key_env": "TEAM_KEY"}}), AUTO)
    assert chosen.model == "anthropic/claude-haiku-5-5"
    assert chosen.note == "model anthropic/claude-haiku-5-5: TEAM_KEY is set"


def test_preferred_providers_are_installed() -> None:
    assert set(PROVIDERS) <= set(Drivers({}).names())
