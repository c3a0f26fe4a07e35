"""Starts and stops a worker process with the settings of this invocation, logging to a file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from botticelli.cli.base.context import Invocation
from botticelli.settings.home import make_home

MAX_LOGS = 20
_PARENT_DEATH = Path(__file__).with_name("parent_death.py")


class WorkerProcess:
    """Runs a worker from construction on, in a session of its own, so that Ctrl-C in the terminal doesn't reach it."""

    def __init__(self, invocation: Invocation) -> None:
        settings = invocation.settings
        folder = settings.home / "logs"
        make_home(settings.home)
        folder.mkdir(mode=0o700, exist_ok=True)
        _keep_newest(folder)
        command = [*_ending_with_parent(folder), *_celery(settings.worker.threads)]
        self._child = _start(command, invocation.environment())
        self.pid = self._child.pid
        self.log = folder / f"worker-{self.pid}.log"

    def ended(self) -> str | None:
        """Return how it ended (`signal 9`, `exit code 1`); None while it runs."""
        code = self._child.poll()
        if code is None:
            return None
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def last_lines(self, lines: int) -> list[str]:
        """Return the last lines of its log, oldest first, without empty ones."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log.read_text(encoding="utf-8", errors="replace")
            return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
        return []

    def ask_to_end(self) -> None:
        """Ask it to finish its iterations within its time limit; when repeated, to hand them back at once."""
        self._child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once; another worker takes over its iterations when their leases expire."""
        self._child.kill()
        self._child.wait()


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (a fixed command, without a shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _ending_with_parent(folder: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(_PARENT_DEATH), str(os.getpid()), str(folder)]


def _celery(threads: int) -> list[str]:
    """Return the worker command, with a node name that no other worker has."""
    node = f"run-{os.getpid()}@%h"
    options = ["--loglevel", "WARNING", "--concurrency", str(threads), "--hostname", node]
    return [sys.executable, "-P", "-m", "celery", "-A", "botticelli", "worker", *options]


def _keep_newest(folder: Path) -> None:
    logs = sorted(folder.glob("worker-*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[:-MAX_LOGS]:
        log.unlink(missing_ok=True)
