"""A worker process of one's own: started with these settings, logging to a file, ended again. Watches nothing."""

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

KEPT_LOGS = 20
_TETHER = Path(__file__).with_name("parent_death.py")


class WorkerProcess:
    """Runs from the moment it is made. It has a session of its own, so that Ctrl-C in the terminal doesn't reach it."""

    def __init__(self, invocation: Invocation) -> None:
        settings = invocation.settings
        folder = settings.home / "logs"
        make_home(settings.home)
        folder.mkdir(mode=0o700, exist_ok=True)
        _keep_newest(folder)
        command = [*_tethered(folder), *_celery(settings.worker.threads)]
        self._child = _start(command, invocation.environment())
        self.pid = self._child.pid
        self.log = folder / f"worker-{self.pid}.log"

    def ended(self) -> str | None:
        """How it ended (`signal 9`, `exit code 1`); None while it runs."""
        code = self._child.poll()
        if code is None:
            return None
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def last_lines(self, lines: int) -> list[str]:
        """Of its log, oldest first, without the empty ones."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log.read_text(encoding="utf-8", errors="replace")
            return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
        return []

    def ask_to_end(self) -> None:
        """It ends once the iterations that it performs have ended, or its time is over; asked again, it hands back now."""
        self._child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """At once; what it performed is given to another worker when its lease runs out."""
        self._child.kill()
        self._child.wait()


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (a command of our own, without a shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _tethered(folder: Path) -> list[str]:
    return [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(folder)]


def _celery(threads: int) -> list[str]:
    """Its name differs from those of other workers."""
    node = f"run-{os.getpid()}@%h"
    options = ["--loglevel", "WARNING", "--concurrency", str(threads), "--hostname", node]
    return [sys.executable, "-P", "-m", "celery", "-A", "botticelli", "worker", *options]


def _keep_newest(folder: Path) -> None:
    logs = sorted(folder.glob("worker-*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[:-KEPT_LOGS]:
        log.unlink(missing_ok=True)
