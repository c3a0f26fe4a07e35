"""A key in the environment and nothing else: `botticelli run FILE` calls that provider's recommended model and says so."""

from __future__ import annotations

import re
from typing import Literal

import pytest

from botticelli.testing.providers import FakeProvider
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text

BASE_URLS = {"anthropic": "ANTHROPIC_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL", "openai": "OPENAI_BASE_URL"}
RECOMMENDED = {"anthropic": "claude-haiku-5-5", "gemini": "gemini-3.5-flash-lite", "openai": "gpt-6-luna"}
KEY = "sk-first-answer"
Wire = Literal["anthropic", "gemini", "openai"]


def models_of(server: FakeProvider) -> list[str]:
    """Return the models of the calls that the server received."""
    in_path = [re.search(r"models/([^:]+):", call.path) for call in server.received]
    return [match[1] if match else call.body["model"] for match, call in zip(in_path, server.received, strict=True)]


@pytest.mark.parametrize("wire", sorted(BASE_URLS))
def test_single_key_answers_with_the_recommended_model_and_says_so(
    house: House, wire: Literal["anthropic", "gemini", "openai"]
) -> None:
    with FakeProvider(wire) as server:
        house.settings |= {f"{wire.upper()}_API_KEY": KEY, BASE_URLS[wire]: server.url}
        house.write("first.toml", narrative_text(1))
        done = house.run("run", "first.toml")
    assert done.returncode == 0, done.stderr
    assert f"botticelli: model {wire}/{RECOMMENDED[wire]}: {wire.upper()}_API_KEY is set" in done.stderr
    assert models_of(server) == [RECOMMENDED[wire]]
    assert KEY not in done.stdout + done.stderr


def test_model_option_overrides_the_choice_and_the_models_of_the_narrative(house: House) -> None:
    with FakeProvider("openai") as server:
        house.settings |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}
        house.write("first.toml", narrative_text(1).replace('"test"', '"test"\nmodel = "echo/echo"'))
        done = house.run("run", "first.toml", "--model", "openai/gpt-6.2-sol")
    assert done.returncode == 0, done.stderr
    assert models_of(server) == ["gpt-6.2-sol"]
    assert "_API_KEY is set" not in done.stderr


def test_run_without_any_key_is_answered_by_the_echo_and_says_what_to_set(house: House) -> None:
    house.write("first.toml", narrative_text(1))
    done = house.run("run", "first.toml")
    assert done.returncode == 0, done.stderr
    assert "no API key is set: the offline echo answers" in done.stderr
    assert "set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY" in done.stderr


def test_unusable_model_option_is_one_line_with_exit_code_2(house: House) -> None:
    house.write("first.toml", narrative_text(1))
    for model in ("nobody/x", "no-such-model", " ", "openai/"):
        done = house.run("run", "first.toml", "--model", model)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr
