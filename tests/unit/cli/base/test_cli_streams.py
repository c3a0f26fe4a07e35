"""Standard streams that are closed, full or left by their reader: never a traceback, and the right exit code."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "--help": 0,
    "--version": 0,
    "completion zsh": 0,
    "run --help": 0,
    "narrative check none.toml": 2,
    "nonsense": 2,
    "runs show": 2,
    "runs show --json": 2,
    "services": 0,
    "services --json": 0,
    "narrative list": 0,
}
CLOSED = [">&-", "2>&-", "<&-", "<&- >&- 2>&-"]


def shell(home: Path, command: str, streams: str) -> subprocess.CompletedProcess[str]:
    program = f"{shlex.quote(sys.executable)} -c 'from botticelli.cli.main import main; main()' {command}"
    return subprocess.run(
        ["bash", "-c", f"{program} {streams}"], cwd=home.parent, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("command", ["--help", "runs show --json", "services"])
def test_closed_stream_changes_no_exit_code_and_shows_no_traceback(home: Path, command: str, streams: str) -> None:
    done = shell(home, command, streams)
    assert done.returncode == COMMANDS[command]
    assert "Traceback" not in done.stderr + done.stdout and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_output_is_quiet_for_every_command(home: Path, command: str) -> None:
    done = shell(home, command, ">&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (COMMANDS[command], "", "")


@pytest.mark.parametrize("command", ["--help", "completion zsh", "services --json"])
def test_full_device_is_one_line_and_exit_code_1(home: Path, command: str) -> None:
    done = shell(home, command, "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == "botticelli: error: No space left on device\n"


@pytest.mark.parametrize("command", ["nonsense", "runs show --json"])
@pytest.mark.parametrize("streams", ["2> /dev/full", "> /dev/full 2> /dev/full"])
def test_error_that_can_not_be_written_keeps_its_exit_code(home: Path, command: str, streams: str) -> None:
    done = shell(home, command, streams)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["completion zsh", "runs show --json"])
@pytest.mark.parametrize("streams", ["| true", "2>&1 | true", "2>&1 >/dev/null | true", "| head -1"])
def test_reader_that_leaves_sees_no_traceback(home: Path, command: str, streams: str) -> None:
    done = shell(home, command, streams)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
