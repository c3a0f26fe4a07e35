"""Secrets out of files and commands: read as they are now, and each mistake is one line without the secret."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from botticelli.drivers.anthropic import AnthropicDriver
from botticelli.errors import SettingsError
from botticelli.notices.send_web import variable
from botticelli.settings import load_settings
from botticelli.settings.network import header_fault, secret
from botticelli.settings.sources.secret_command import run_secret_command, split_command
from botticelli.settings.sources.secret_values import read_secret
from botticelli.telemetry.masking import masked

CANARY = "sk-canary-of-a-file-0123456789"
DATABASE = "postgresql://user:pw-of-a-file-01234@db.internal/botticelli"


def test_secret_of_a_file_is_read_stripped_and_masked(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("zq81-secret-of-no-known-kind\n")
    assert read_secret({"K_FILE": str(file)}, "K") == "zq81-secret-of-no-known-kind"
    assert masked("it said zq81-secret-of-no-known-kind") == "it said ***"
    file.write_text("another-one-of-no-known-kind\r\n")
    assert secret({"K_FILE": str(file), "K": ""}, "K") == "another-one-of-no-known-kind"


def test_secret_of_a_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "long").write_text(CANARY * 5000)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" + CANARY.encode())
    os.mkfifo(tmp_path / "pipe")
    wrong = {
        "nothing": "can't be read: No such file or directory",
        "empty": "is empty",
        "long": "holds more than 65,536 bytes",
        "bytes": "is not UTF-8 text",
        "pipe": "is not a regular file",
        ".": "is not a regular file",
        "a\0b": "this is not a file name",
    }
    for name, problem in wrong.items():
        with pytest.raises(SettingsError) as caught:
            read_secret({"API_KEY_FILE": str(tmp_path / name)}, "API_KEY")
        line = str(caught.value)
        assert line.startswith("environment variable API_KEY_FILE: its file") and problem in line, line
        assert "\n" not in line and CANARY not in line
        fault = header_fault({"API_KEY_FILE": str(tmp_path / name)}, ["API_KEY"])
        assert fault is not None and problem in str(fault)
    with pytest.raises(SettingsError, match="API_KEY is set, too; unset one of the two"):
        read_secret({"API_KEY": CANARY, "API_KEY_FILE": "/run/key"}, "API_KEY")


def test_key_that_was_written_in_place_of_a_file_name_is_not_shown() -> None:
    for key in (CANARY, "no-known-kind-of-key-at-all"):
        with pytest.raises(SettingsError) as caught:
            read_secret({"API_KEY_FILE": key}, "API_KEY")
        assert key not in str(caught.value)


def test_urls_of_servers_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db").write_text(DATABASE + "\n")
    for name in ("DATABASE_URL_FILE", "BOTTICELLI_DATABASE_URL_FILE", "BOTTICELLI_DATABASE__URL_FILE"):
        settings = load_settings(environ={name: str(tmp_path / "db")}, cwd=tmp_path)
        assert settings.database.url is not None
        assert settings.database.url.get_secret_value().endswith("pw-of-a-file-01234@db.internal/botticelli")
        assert settings.where("database", "url") == f"environment variable {name}"
    assert masked("pw-of-a-file-01234") == "***" and masked("postgresql and botticelli") == "postgresql and botticelli"
    with pytest.raises(SettingsError, match=r"REDIS_URL_FILE: its file /nowhere can't be read: No such file"):
        load_settings(environ={"REDIS_URL_FILE": "/nowhere"}, cwd=tmp_path)
    assert load_settings(environ={"REDIS_URL_FILE": ""}, cwd=tmp_path).redis.url is None
    monkeypatch.setenv("NOTIFY_SECRET_FILE", str(tmp_path / "db"))
    assert variable("NOTIFY_SECRET") == DATABASE


def test_command_is_run_without_a_shell(tmp_path: Path) -> None:
    python, made = shlex.quote(sys.executable), shlex.quote(str(tmp_path / "made"))
    words = split_command(f"{python} -c 'import sys; print(sys.argv[1:4])' '$HOME' ; touch {made}")
    assert run_secret_command(words, "here") == "['$HOME', ';', 'touch']"
    assert not (tmp_path / "made").exists()
    for wrong in ("", "  ", "op 'read"):
        with pytest.raises(ValueError, match="must be a command"):
            split_command(wrong)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (f"import sys; print('{CANARY}'); sys.stderr.write('{CANARY}'); sys.exit(3)", "ended with exit code 3"),
        ("print()", "the command's output is empty"),
        (f"print('{CANARY}' * 5000)", "holds more than 65,536 bytes"),
        (f"import os\nwhile True: os.write(1, b'{CANARY}')", "holds more than 65,536 bytes"),
    ],
)
def test_command_that_fails_is_one_line_without_its_output(code: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        run_secret_command((sys.executable, "-c", code), "drivers.openai.api_key_command")
    line = str(caught.value)
    assert line.startswith("drivers.openai.api_key_command: ") and problem in line
    assert "canary" not in line and "\n" not in line and code not in line


def test_command_that_hangs_is_ended_with_its_children() -> None:
    began = time.monotonic()
    with pytest.raises(SettingsError, match=r"took longer than 0.3 s and was ended"):
        run_secret_command(("sh", "-c", "sleep 60 & sleep 60"), "here", timeout_seconds=0.3)
    assert time.monotonic() - began < 50
    with pytest.raises(SettingsError, match="can't be started: No such file"):
        run_secret_command(("no-such-program",), "here")


def test_settings_of_a_command_are_checked_before_it_runs() -> None:
    assert AnthropicDriver({"api_key_command": "no-such-program"}).readiness().has_key
    assert "can't be started" in (AnthropicDriver({"api_key_command": ["no-such-program"]}).key_fault() or "")
    with pytest.raises(SettingsError, match=r"drivers.anthropic.api_key_command: must be a command"):
        AnthropicDriver({"api_key_command": "op 'read"})
    with pytest.raises(SettingsError, match="api_key_env and api_key_command are both set"):
        AnthropicDriver({"api_key_command": "op", "api_key_env": "A"})
