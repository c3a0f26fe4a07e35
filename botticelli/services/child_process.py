"""Keeps one server alive: starts it, adopts one that outlived its keeper, restarts it when it dies, stops it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

from botticelli.errors import BotticelliError
from botticelli.services.files.locks import EXCLUSIVE, open_lock, take
from botticelli.services.files.paths import last_line, open_log
from botticelli.services.servers.server import Server, lives, recorded_pid

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 5.0
_STEADY_SECONDS = 10.0
_GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.01

_log = logging.getLogger(__name__)


class ServerProcess:
    """The process of one server. Used only by the keeper of its data directory, from one thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._exit_code: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._adopted_pid: int | None = None
        self._started_at = 0.0
        self._delay_seconds = _FIRST_DELAY_SECONDS
        self._next_start_at = 0.0

    def ensure_running(self) -> None:
        """Ensure that the server runs; call it several times a second. Failures are logged and retried."""
        if self._runs():
            return
        now = time.monotonic()
        if now < self._next_start_at:
            return
        try:
            self._start_or_adopt()
        except (BotticelliError, OSError, subprocess.SubprocessError) as error:
            _log.error("%s can't start: %s", self._server.name, error)
            self._delay_next_start(now)

    def stop(self) -> None:
        """Stop the server with ever stronger signals.

        Returns when none of its processes is left, or when no signal helps.
        """
        self._exit_code = None
        for stop_signal in self._server.stop_signals:
            if self._ended():
                break
            if not self._runs():
                self._adopt()
            self._signal(stop_signal)
            deadline = time.monotonic() + _GRACE_SECONDS
            while not self._ended() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        _log.info("%s %s", self._server.name, "stopped" if self._ended() else "did not stop")
        if self._exit_code == 0 and self._ended():
            try:
                self._server.stopped()
            except OSError as error:
                _log.warning("can't record the end of %s: %s", self._server.name, error)

    def _runs(self) -> bool:
        if self._child is not None:
            if self._child.poll() is None:
                return True
            level = logging.WARNING if self._child.returncode else logging.INFO
            details = (self._server.name, self._child.pid, self._child.returncode, last_line(self._log_path))
            _log.log(level, "%s (process %d) ended with %d: %s", *details)
            self._exit_code = self._child.returncode
            self._child = None
            self._reset_delay()
        if self._adopted_pid is not None:
            if _exists(self._adopted_pid) and lives(self._server):
                return True
            _log.warning("%s (process %d, adopted) ended", self._server.name, self._adopted_pid)
            self._adopted_pid = None
            self._reset_delay()
        return False

    def _reset_delay(self) -> None:
        """Reset the restart delay of a server that ran steadily; one that keeps dying waits longer each time."""
        now = time.monotonic()
        if now - self._started_at >= _STEADY_SECONDS:
            self._delay_seconds, self._next_start_at = _FIRST_DELAY_SECONDS, now

    def _ended(self) -> bool:
        return not self._runs() and not lives(self._server)

    def _start_or_adopt(self) -> None:
        """Start the server, or adopt it when its lifeline is taken: then an earlier server or its child is alive."""
        lifeline = open_lock(self._server.paths.lifeline(self._server.name))
        try:
            if take(lifeline, EXCLUSIVE):
                self._start(lifeline)
            else:
                self._adopt()
        finally:
            os.close(lifeline)

    def _start(self, lifeline: int) -> None:
        command = self._server.prepare(lifeline)
        log = open_log(self._log_path)
        try:
            self._child = subprocess.Popen(  # noqa: S603 (a command of our own, without a shell)
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._server.paths.data(self._server.name),
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._started_at = time.monotonic()
        self._delay_next_start(self._started_at)
        _log.info("%s started as process %d", self._server.name, self._child.pid)

    def _adopt(self) -> None:
        """Adopt the recorded process.

        Without a known pid (it starts, or its last children end) the next call looks again.
        """
        pid = recorded_pid(self._server)
        if pid is not None and _exists(pid):
            self._adopted_pid = pid
            _log.info("%s adopted as process %d", self._server.name, pid)

    def _delay_next_start(self, now: float) -> None:
        self._next_start_at = now + self._delay_seconds
        self._delay_seconds = min(self._delay_seconds * 2, _LONGEST_DELAY_SECONDS)

    def _signal(self, stop_signal: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(stop_signal)
        elif self._adopted_pid is not None:
            with contextlib.suppress(ProcessLookupError):  # already gone
                os.kill(self._adopted_pid, stop_signal)

    @property
    def _log_path(self) -> Path:
        return self._server.paths.log(self._server.name)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's process: it can't be signalled, and the lifeline decides
    return True
