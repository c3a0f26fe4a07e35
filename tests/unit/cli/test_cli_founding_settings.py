"""Commands beside a settings file of the founding system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

FILE = '[inference]\nbackend = "x"\n[providers.ollama.tiers.local]\nname = "Local"\nrpm = null\n'
NARRATIVE = '[narrative]\nname = "n"\n[acts]\nonly = "hello"\n'


@pytest.fixture
def beside(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "botticelli.toml").write_text(FILE)
    (tmp_path / "n.toml").write_text(NARRATIVE)
    return tmp_path


def test_command_warns_of_provider_without_driver_and_goes_on(beside: Path, call: Callable[..., Result]) -> None:
    done = call("narrative", "check", "n.toml")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("providers.ollama") == 1
    assert "botticelli.toml:3:12: providers.ollama has no effect: there is no driver 'ollama'" in done.stderr


def test_convert_makes_comment_of_provider_without_driver(beside: Path, call: Callable[..., Result]) -> None:
    done = call("settings", "convert", "--in-place")
    assert done.exit_code == 0, done.stderr
    assert "# [providers.ollama.tiers.local]" in (beside / "botticelli.toml").read_text()
    after = call("narrative", "check", "n.toml")
    assert (after.exit_code, after.stderr) == (0, "")
