"""A settings file of the founding system stops nothing: what means the same is read, the rest is named and rewritten."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from botticelli.errors import SettingsError
from botticelli.settings import Settings, convert_settings, load_settings

FILE = """# Limits of providers.
[context]
path = "prompts" # beside

[budget]
rpm_multiplier = 0.8 # a margin

[providers.gemini]
default_tier = "paid"

[providers.gemini.tiers.paid]
name = "Paid"
rpm = 100
cost_per_million_input_tokens = 0.5 # dollars
cost_per_million_output_tokens = 2
daily_quota_usd = 1.5

[providers.gemini.tiers.paid.models."gemini-2.5-pro"]
rpm = 2

[providers.ollama.tiers.local]
name = "Local"
rpm = null
rpd = null # no limit
max_concurrent = 4

[inference]
backend = "local"

[bot_server]
enabled = false

[bot_server.posting]
channel_id = "1234567890"

[telemetry_sinks]
x = 1
"""


def loaded(folder: Path, text: str) -> Settings:
    (folder / "botticelli.toml").write_text(text)
    return load_settings(environ={}, cwd=folder)


def test_founding_setting_with_the_same_meaning_is_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FILE)
    paid = settings.providers["gemini"].tiers["paid"]
    assert (paid.rpm, paid.usd_per_million_input, paid.usd_per_million_output) == (100, Decimal("0.5"), 2)
    (quota,) = paid.windows
    assert (quota.metric, quota.limit, quota.period_seconds) == ("cost_microusd", 1_500_000, 86_400)
    assert paid.models["gemini-2.5-pro"].rpm == 2
    local = settings.providers["ollama"].tiers["local"]
    assert (local.rpm, local.rpd, local.max_concurrent) == (None, None, 4)
    assert settings.budget.rpm_multiplier == 0.8
    assert settings.context.path == ("prompts",)


def test_founding_setting_without_effect_is_named_once(tmp_path: Path) -> None:
    assert loaded(tmp_path, FILE).left_out == ("inference", "bot_server", "telemetry_sinks")


@pytest.mark.parametrize(
    "text",
    [
        'name = "x"\n',
        "cost_per_million_input_tokens = 1\n",
        "daily_quota_usd = 5\n",
        "[budget]\ndaily_quota_usd = 5\n",
        "[providers.gemini]\ncost_per_million_input_tokens = 1\n",
        "[providers.gemini.tiers.free]\ndaily_quota_usd = 0\n",
        "[inference]\nbackend = 'local'\n[worker]\nzzz = 1\n",
        "[bot_server]\nenabled = true\n",
    ],
)
def test_any_of_its_keys_stops_nothing_and_is_named(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).left_out


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[providrs.gemini]\n", "1:2"),
        ("[inference]\nx = 1\n[worker]\nthreds = 2\n", "4:1"),
        ("[inference]\nx = 1\n[worker]\nthreads = 'many'\n", "4:1"),
        ("[zzz]\nx = 1\n", "1:2"),
        ("[worker]\nthreads = null\n", "line 2"),
    ],
)
def test_mistakes_are_errors_as_in_any_file(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert where in str(caught.value)


def test_flags_and_environment_stay_strict(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text(FILE)
    with pytest.raises(SettingsError, match="zzz"):
        load_settings({"zzz": "1"}, environ={}, cwd=tmp_path)


def test_converted_file_means_the_same_without_a_warning(tmp_path: Path) -> None:
    before = loaded(tmp_path, FILE)
    after = convert_settings(tmp_path / "botticelli.toml")
    settings = loaded(tmp_path, after)
    assert settings.left_out == ()
    assert settings.model_copy(update={"left_out": before.left_out}) == before
    assert convert_settings(tmp_path / "botticelli.toml") == after
    for comment in (
        "# Limits of providers.",
        "# beside",
        "# a margin",
        "# dollars",
        "# no limit",
        "# [bot_server.posting]",
    ):
        assert comment in after
    assert "usd_per_million_input = 0.5 # dollars" in after
