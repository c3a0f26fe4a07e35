"""A settings file of the founding system names providers that no driver here can call: nothing stops because of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import SettingsError
from botticelli.runtime.process import Runtime
from botticelli.runtime.settings_check import check_settings, providers_without_driver
from botticelli.settings import convert_settings, load_settings

FOUNDING = """[providers.gemini.tiers.free]
name = "Free"
rpm = 10

[providers.{provider}] # limits of a local server
default_tier = "local"

[providers.{provider}.tiers.local]
name = "Local"
rpm = null
"""
STRICT = "[providers.{provider}.tiers.local]\nrpm = 5\n"
FOREIGN = ("ollama", "huggingface", "groq", "perplexity", "azure_openai", "mistral")


def runtime_with(folder: Path, text: str) -> Runtime:
    (folder / "botticelli.toml").write_text(text)
    return Runtime(load_settings(environ={}, cwd=folder))


@pytest.mark.parametrize("provider", FOREIGN)
def test_foreign_provider_of_founding_file_has_no_effect_and_is_named(tmp_path: Path, provider: str) -> None:
    runtime = runtime_with(tmp_path, FOUNDING.format(provider=provider))
    check_settings(runtime)
    assert providers_without_driver(runtime) == [provider]


@pytest.mark.parametrize(("text", "provider"), [(FOUNDING, "gemni"), (FOUNDING, "anthropc"), (STRICT, "ollama")])
def test_misspelt_provider_and_strict_file_are_errors(tmp_path: Path, text: str, provider: str) -> None:
    runtime = runtime_with(tmp_path, text.format(provider=provider))
    with pytest.raises(SettingsError, match=f"there is no driver '{provider}'"):
        check_settings(runtime)


def test_default_model_of_foreign_provider_is_error(tmp_path: Path) -> None:
    runtime = runtime_with(tmp_path, 'default_model = "ollama/llama3"\n' + FOUNDING.format(provider="ollama"))
    with pytest.raises(SettingsError, match="default_model"):
        check_settings(runtime)


def test_converted_file_has_foreign_provider_as_comment_and_is_accepted(tmp_path: Path) -> None:
    runtime = runtime_with(tmp_path, FOUNDING.format(provider="ollama"))
    after = convert_settings(tmp_path / "botticelli.toml", drivers=runtime.drivers.names())
    assert "# [providers.ollama]" in after and "# [providers.ollama.tiers.local]" in after
    again = runtime_with(tmp_path, after)
    check_settings(again)
    assert providers_without_driver(again) == []
    assert again.settings.providers["gemini"].tiers["free"].rpm == 10
