"""The keeper: one process per data directory that keeps a crew of servers up while somebody uses it, then stops it.

Started by membership.py as `python -m botticelli.services.supervisor HOME CREW LOCK`, with the exclusive lock on
keeper.lock as
the open descriptor LOCK: so there is never a moment with two keepers. Rule of stopping: only while holding users.lock
exclusively (nobody is there, nobody can come), on SIGTERM, or when the data directory has been removed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from botticelli.errors import BotticelliError
from botticelli.services.child_process import Supervised
from botticelli.services.files.locks import EXCLUSIVE, give_back, open_lock, take
from botticelli.services.files.paths import Crew, Paths
from botticelli.services.membership import servers_of
from botticelli.services.servers.server import lives

TICK_SECONDS = 0.1
LINGER_SECONDS = 1.0  # commands typed one after the other find the servers still up

_log = logging.getLogger(__name__)


class Keeper:
    def __init__(self, paths: Paths, keeper_lock: int) -> None:
        self._paths = paths
        self._keeper_lock = keeper_lock
        self._users_lock = open_lock(paths.users)
        self._empty_since: float | None = None
        self._told_to_stop = threading.Event()
        self._servers = list(map(Supervised, servers_of(paths)))

    def run(self) -> None:
        """Returns when the servers are stopped; the locks go with the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told_to_stop.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.pwrite(self._keeper_lock, b"%d\n" % os.getpid(), 0)
        _log.info("keeping %s", self._paths.root)
        while not self._told_to_stop.is_set() and self._has_its_home() and not self._is_deserted():
            for server in self._servers:
                server.tend()
            self._told_to_stop.wait(TICK_SECONDS)
        for server in self._servers:
            server.stop()
        if not any(map(lives, servers_of(self._paths))):
            self._paths.remove_sockets()
        _log.info("done")

    def _is_deserted(self) -> bool:
        """Whether nobody has used the services for a while and nothing pins them. If so, users.lock is ours to the end.

        The pin is looked for under the exclusive lock: it is set by a user, so it was there before that user left.
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

    def _has_its_home(self) -> bool:
        """False when the data directory was removed (and perhaps made anew): its successor has locks of its own."""
        try:
            return os.path.samestat(self._paths.keeper.stat(), os.fstat(self._keeper_lock))
        except FileNotFoundError:
            return False


def main(home: str, crew: Crew, lock: str) -> int:
    """Leaves a keeper and returns 0; 1, with one line in the log, when the servers can never run here."""
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
    if os.fork() == 0:  # the parent ends: nobody who started a keeper has to wait for its end
        Keeper(paths, keeper_lock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "model" if sys.argv[2] == "model" else "services", sys.argv[3]))
