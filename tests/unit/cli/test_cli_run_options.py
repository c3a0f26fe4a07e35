"""`--tier` and `--tenant`: what is wrong with them is one line and exit code 2, before any service is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tier", "gemini"], "'gemini' is not PROVIDER=TIER"),
        (["--tier", "gemini="], "'gemini=' is not PROVIDER=TIER"),
        (["--tier", "gemini=free", "--tier", "gemini=payasyougo"], "gemini has two tiers, free and payasyougo"),
        (["--tier", "gemni=free"], "--tier: there is no provider 'gemni'; providers: gemini"),
        (["--tier", "gemini=fre"], "--tier gemini: there is no tier 'fre'; tiers of gemini: free"),
        (["--tenant", ""], "tenant: this can't be the name of a tenant; 1 to 200 characters that can be printed"),
    ],
)
def test_wrong_option_is_reported_in_one_line(call: Call, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "hello.toml").write_text('[acts]\none = "Hello"\n')
    result = call("plan", "hello.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "hello.toml", "--iterations"),
        ("plan", "hello.toml", "--limit"),
        ("runs", "list", "--limit"),
        ("runs", "rows", "latest", "--limit"),
        ("effects", "list", "--limit"),
        ("schedules", "create", "hello", "--max-runs"),
    ],
    ids=" ".join,
)
def test_count_that_no_column_holds_is_invalid_input(call: Call, arguments: tuple[str, ...]) -> None:
    result = call(*arguments, "99999999999999999999")
    assert result.exit_code == 2
    assert "99999999999999999999 is larger than 1,000,000,000" in result.stderr


def test_the_flag_comes_before_the_environment(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_TIER", "free")
    (tmp_path / "hello.toml").write_text('[acts]\none = { prompt = "Hello", model = "gemini/gemini-3.8-flash" }\n')
    result = call("plan", "hello.toml", "--iterations", "40", "--tier", "gemini=payasyougo")
    assert result.exit_code == 0, result.output
    assert "gemini/gemini-3.8-flash@free" in call("plan", "hello.toml", "--iterations", "40").stdout
    assert "@free" not in result.stdout
