"""Keeps a crew of servers up while a process uses it, then stops it: the keeper, one process per data directory.

membership.py starts it as `python -m botticelli.services.supervisor HOME CREW LOCK`. LOCK is the open descriptor of
keeper.lock, locked exclusively, so that there are never two keepers. It stops only while it holds users.lock
exclusively (no user is left and none can join), on SIGTERM, or when the data directory has been removed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import sys
import time
from pathlib import Path

from botticelli.errors import BotticelliError
from botticelli.services.child_process import ServerProcess
from botticelli.services.files.locks import EXCLUSIVE, give_back, open_lock, take
from botticelli.services.files.paths import Crew, Paths
from botticelli.services.membership import servers_of
from botticelli.services.servers.server import lives

TICK_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LINGER_SECONDS = 1.0  # successive commands find the servers still up

_log = logging.getLogger(__name__)


class StopRequest:
    """Made by a signal, which may come at any line; ends a wait at once.

    `threading.Event` has a lock that isn't re-entrant: a handler that sets it would wait for the wait that it interrupts.
    """

    def __init__(self) -> None:
        self.is_made = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def __enter__(self) -> StopRequest:
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._handlers_before = {number: signal.signal(number, self._make) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reading)
        os.close(self._writing)

    def _make(self, *_: object) -> None:
        self.is_made = True

    def wait(self, seconds: float) -> None:
        """Wait until the request is made, at most `seconds`."""
        select.select([self._reading], [], [], 0 if self.is_made else seconds)


class Keeper:
    def __init__(self, paths: Paths, keeper_lock: int) -> None:
        self._paths = paths
        self._keeper_lock = keeper_lock
        self._users_lock = open_lock(paths.users)
        self._empty_since: float | None = None
        self._servers = list(map(ServerProcess, servers_of(paths)))

    def run(self) -> None:
        """Run until the servers are stopped; the process releases the locks when it ends."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with StopRequest() as stop:
            os.pwrite(self._keeper_lock, b"%d\n" % os.getpid(), 0)
            _log.info("keeping the servers of %s running", self._paths.root)
            self._keep_running(stop)
            for server in self._servers:
                server.stop()
            if not any(map(lives, servers_of(self._paths))):
                self._paths.remove_sockets()
            _log.info("the keeper ended")

    def _keep_running(self, stop: StopRequest) -> None:
        while not stop.is_made and self._owns_home() and not self._is_unused():
            for server in self._servers:
                server.ensure_running()
            stop.wait(TICK_SECONDS)

    def _is_unused(self) -> bool:
        """Whether nobody has used the services for a while and nothing pins them.

        If so, users.lock stays taken to the end. Looks for the pin under the exclusive lock: a user sets it before
        leaving, so it is already there.
        """
        if not take(self._users_lock, EXCLUSIVE):
            self._empty_since = None
            return False
        now = time.monotonic()
        if self._empty_since is None or self._paths.pin.exists():
            self._empty_since = now
        if now - self._empty_since >= LINGER_SECONDS:
            return True
        give_back(self._users_lock)
        return False

    def _owns_home(self) -> bool:
        """Return False when the data directory was removed (and perhaps recreated): its successor has its own locks."""
        try:
            return os.path.samestat(self._paths.keeper.stat(), os.fstat(self._keeper_lock))
        except FileNotFoundError:
            return False


def main(home: str, crew: Crew, lock: str) -> int:
    """Leave a keeper running and return 0; return 1, with one line in the log, when the servers can never run here."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    keeper_lock = int(lock)
    fcntl.fcntl(keeper_lock, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.umask(0o077)
    paths = Paths(Path(home), crew)
    try:
        for server in servers_of(paths):
            server.check()
    except BotticelliError as error:
        _log.error("%s", error)
        return 1
    if os.fork() == 0:  # the parent ends, so that the starter need not wait for the keeper's end
        Keeper(paths, keeper_lock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "model" if sys.argv[2] == "model" else "services", sys.argv[3]))
