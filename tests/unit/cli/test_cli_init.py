"""Tests `botticelli init`: what it writes, what it asks, and that it replaces nothing by itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def written(folder: Path = Path()) -> dict[str, object]:
    return tomllib.loads((folder / "botticelli.toml").read_text(encoding="utf-8"))


def test_flags_choose_provider_tier_model_and_cap(call: Call) -> None:
    result = call("init", "--provider", "openai", "--model", "gpt-6.2-sol", "--usd-per-month", "7.50")
    assert result.exit_code == 0, result.stderr
    settings = written()
    assert settings["default_model"] == "openai/gpt-6.2-sol"
    (tier,) = settings["providers"]["openai"]["tiers"].values()  # type: ignore[index]
    assert tier == {"usd_per_month": 7.5}
    assert "export OPENAI_API_KEY=..." in result.stdout


def test_key_that_is_set_chooses_the_provider(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "secret-key")
    result = call("init")
    assert written()["default_model"] == "gemini/gemini-3.5-flash-lite"
    assert "export" not in result.stdout
    assert "secret-key" not in Path("botticelli.toml").read_text(encoding="utf-8")


def test_model_with_its_provider_chooses_the_provider(call: Call) -> None:
    assert call("init", "--model", "gemini/gemini-4-argon").exit_code == 0
    assert written()["default_model"] == "gemini/gemini-4-argon"


def test_first_narrative_is_valid_and_has_a_cap(call: Call) -> None:
    call("init", "--provider", "echo")
    result = call("narrative", "check", "narratives/first.toml")
    assert (result.exit_code, "max_cost_usd" in Path("narratives/first.toml").read_text(encoding="utf-8")) == (0, True)


def test_settings_of_the_echo_are_loaded(call: Call) -> None:
    call("init", "--provider", "echo")
    assert call("narrative", "check", "narratives/first.toml").exit_code == 0
    assert written() == {"default_model": "echo/echo"}


@pytest.mark.parametrize("existing", ["botticelli.toml", "narratives/first.toml"])
def test_existing_file_stops_everything_unless_forced(call: Call, existing: str) -> None:
    Path("narratives").mkdir()
    Path(existing).write_text("# mine\n")
    refused = call("init", "--provider", "echo")
    assert (refused.exit_code, Path(existing).read_text()) == (2, "# mine\n")
    assert [str(file) for file in Path().rglob("*.toml")] == [existing]
    assert call("init", "--provider", "echo", "--force").exit_code == 0
    assert Path(existing).read_text() != "# mine\n"


def test_folder_is_made(call: Call) -> None:
    assert call("init", "shop/night", "--provider", "echo").exit_code == 0
    assert written(Path("shop/night"))["default_model"] == "echo/echo"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--provider", "openai", "--tier", "nope"], "openai has no tier 'nope'"),
        (["--provider", "echo", "--tier", "free"], "echo has no tiers"),
        (["--provider", "openai", "--model", "gemini/gemini-4-argon"], "is not a model of openai"),
        (["--model", "nobody/x"], "nobody"),
        (["--usd-per-month", "lots"], "'lots' is not an amount in dollars"),
        (["--usd-per-month", "0"], "'0' is not an amount in dollars"),
        (["--usd-per-month", "-1"], "is not an amount in dollars"),
        (["--usd-per-month", "nan"], "'nan' is not an amount in dollars"),
        (["--usd-per-month", "1e9"], "'1e9' is not an amount in dollars"),
    ],
)
def test_wrong_choice_is_one_line_and_writes_nothing(call: Call, arguments: list[str], problem: str) -> None:
    result = call("init", *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not [*Path().rglob("*.toml")]
