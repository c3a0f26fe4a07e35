"""Settings: the order of the four sources, what is wrong and where, and secrets that stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.drivers import Drivers
from botticelli.drivers.echo import EchoOptions
from botticelli.errors import SettingsError
from botticelli.settings import find_home, load_settings


def test_the_order_is_defaults_file_environment_flags(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text("[worker]\nthreads = 2\nmax_attempts = 2\nlease_seconds = 2\n")
    environ = {"BOTTICELLI_WORKER__MAX_ATTEMPTS": "3", "BOTTICELLI_WORKER__LEASE_SECONDS": "3"}
    worker = load_settings({"worker.lease_seconds": "4"}, environ=environ, cwd=tmp_path).worker
    assert worker.sweep_interval_seconds == 1
    assert (worker.threads, worker.max_attempts, worker.lease_seconds) == (2, 3, 4)


def test_tables_of_several_sources_are_merged_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text("[drivers.echo]\nlatency_seconds = 1\noutput_tokens = 7\n")
    environ = {"BOTTICELLI_DRIVERS__ECHO__LATENCY_SECONDS": "2", "BOTTICELLI_DRIVERS__ECHO__ERRORS": '["ok", "500"]'}
    echo = load_settings(environ=environ, cwd=tmp_path).drivers["echo"]
    assert echo == {"latency_seconds": "2", "output_tokens": 7, "errors": ["ok", "500"]}


def test_our_own_url_wins_over_the_general_name(tmp_path: Path) -> None:
    environ = {
        "DATABASE_URL": "postgresql://general/x",
        "BOTTICELLI_DATABASE_URL": "postgres://own/x",
        "REDIS_URL": "redis://r:1/0",
    }
    settings = load_settings(environ=environ, cwd=tmp_path)
    assert settings.database.url is not None and settings.redis.url is not None
    assert settings.database.url.get_secret_value() == "postgresql+psycopg2://own/x"
    assert settings.redis.url.get_secret_value() == "redis://r:1/0"


def test_a_url_shows_in_no_representation(tmp_path: Path) -> None:
    environ = {"BOTTICELLI_DATABASE_URL": "postgresql://u:hunter2@h/d", "BOTTICELLI_REDIS_URL": "redis://:hunter2@h/0"}
    settings = load_settings(environ=environ, cwd=tmp_path)
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_tier_is_named_by_settings_environment_or_flag(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text('[providers.gemini]\ndefault_tier = "file"\n')
    environ = {"GEMINI_TIER": "general", "OPENAI_COMPATIBLE_TIER": "local", "MY_OWN_TIER": "t", "ANTHROPIC_TIER": ""}
    key = "providers.gemini.default_tier"
    named = "BOTTICELLI_PROVIDERS__GEMINI__DEFAULT_TIER"

    def tier(environ: dict[str, str], flags: dict[str, str]) -> str | None:
        return load_settings(flags, environ=environ, cwd=tmp_path).providers["gemini"].default_tier

    assert tier({}, {}) == "file"
    assert tier(environ, {}) == "general"
    assert tier(environ | {named: "ours"}, {}) == "ours"
    assert tier(environ, {key: "flag"}) == "flag"
    providers = load_settings(environ=environ, cwd=tmp_path).providers
    assert {name: provider.default_tier for name, provider in providers.items()} == {
        "gemini": "general",
        "openai-compatible": "local",
        "my_own": "t",
    }


@pytest.mark.parametrize(
    ("file", "environ", "flags", "said"),
    [
        ("[worker]\nthreds = 2\n", {}, {}, ["botticelli.toml:2:1", "worker.threds", "did you mean threads?"]),
        ('[worker]\nthreads = "many"\n', {}, {}, ["botticelli.toml:2:1", "worker.threads"]),
        ("[worker\n", {}, {}, ["botticelli.toml", "is not valid TOML"]),
        ("x = 1\n", {}, {}, ["botticelli.toml:1:1", "unknown setting x"]),
        ("[providers.echo.tiers.t]\ndefault_tier = 't'\n", {}, {}, ["botticelli.toml:2:1", "default_tier"]),
        ("", {"BOTTICELLI_WORKER__THREDS": "2"}, {}, ["BOTTICELLI_WORKER__THREDS", "did you mean threads?"]),
        ("", {"BOTTICELLI_DATABASE_URL": "mysql://u:hunter2@h"}, {}, ["BOTTICELLI_DATABASE_URL", "postgresql://"]),
        ("", {}, {"worker.threads": "0"}, ["--set worker.threads"]),
    ],
)
def test_wrong_setting_is_named_with_its_place(
    tmp_path: Path, file: str, environ: dict[str, str], flags: dict[str, str], said: list[str]
) -> None:
    (tmp_path / "botticelli.toml").write_text(file)
    with pytest.raises(SettingsError) as caught:
        load_settings(flags, environ=environ, cwd=tmp_path)
    for words in said:
        assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_nearest_file_above_is_read_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text('default_model = "echo/x"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    settings = load_settings(environ={}, cwd=below)
    assert (settings.default_model, settings.base) == ("echo/x", tmp_path)


def test_a_file_that_is_named_but_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(environ={}, cwd=tmp_path, config=Path("none.toml"))


def test_the_data_directory_is_named_found_or_the_user_s(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / ".botticelli").mkdir()
    assert find_home({"BOTTICELLI_HOME": "/x"}, below) == Path("/x")
    assert find_home({}, below) == tmp_path / ".botticelli"


def test_with_a_home_that_can_not_be_written_the_data_is_kept_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert find_home({}, tmp_path) == tmp_path / ".botticelli"


def test_drivers_are_set_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "BOTTICELLI_DRIVERS__GEMINI__BASE_URL": "http://127.0.0.1:1",
        "BOTTICELLI_DRIVERS__GEMINI__API_VERSION": "v1",
        "BOTTICELLI_DRIVERS__OPENAI_COMPATIBLE__TIMEOUT_SECONDS": "3.5",
        "BOTTICELLI_DRIVERS__ANTHROPIC__LEGACY_TEMPERATURE": "true",
    }
    drivers = load_settings(environ=environ, cwd=tmp_path).drivers
    assert drivers == {
        "gemini": {"base_url": "http://127.0.0.1:1", "api_version": "v1"},
        "openai-compatible": {"timeout_seconds": "3.5"},
        "anthropic": {"legacy_temperature": "true"},
    }
    made = Drivers(drivers)
    assert all(made.get(name).name == name for name in drivers)


def test_durations_are_numbers_of_seconds_or_texts_in_every_source(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text(
        '[fetch]\ntimeout_seconds = "1m30s"\n[tables]\ntimeout_seconds = 3\n[drivers.echo]\ntimeout_seconds = "2m"\n'
        '[providers.echo.tiers.t]\nwindows = [{ metric = "tokens", limit = 9, period_seconds = "1h" }]\n'
        '[providers.echo.ramp]\nrpm = 1\ngrowth = 2\nidle_seconds = "15m"\n',
        encoding="utf-8",
    )
    environ = {"BOTTICELLI_WORKER__LEASE_SECONDS": "20s", "BOTTICELLI_WORKER__SHUTDOWN_GRACE_SECONDS": "0"}
    settings = load_settings({"database.statement_timeout_seconds": "1.5h"}, environ=environ, cwd=tmp_path)
    echo = settings.providers["echo"]
    assert echo.ramp is not None
    durations = (
        settings.fetch.timeout_seconds,
        settings.tables.timeout_seconds,
        settings.worker.lease_seconds,
        settings.worker.shutdown_grace_seconds,
        settings.database.statement_timeout_seconds,
        echo.tiers["t"].windows[0].period_seconds,
        echo.ramp.idle_seconds,
        EchoOptions.model_validate(settings.drivers["echo"]).timeout_seconds,
    )
    assert durations == (90, 3, 20, 0, 5400, 3600, 900, 120)
