"""Lets a process use the embedded services: join, ensure, leave. Starts the keeper, never a server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.locks import EXCLUSIVE, SHARED, open_lock, take
from botticelli.services.files.paths import Paths, last_line, open_log
from botticelli.services.servers import binaries
from botticelli.services.servers.postgres import Postgres
from botticelli.services.servers.server import Server, lives
from botticelli.services.servers.valkey_server import Valkey

DEADLINE_SECONDS = 20.0
_POLL_SECONDS = 0.02
_log = logging.getLogger(__name__)
# Variables that the keeper and the servers inherit: no provider key, no PG* variable, no locale.
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")

# Serialises forks with the start of a keeper: a child forked in between would hold the keeper's lock for life.
_launching = threading.RLock()
os.register_at_fork(before=_launching.acquire, after_in_parent=_launching.release, after_in_child=_launching.release)


class Membership:
    """The right to running servers, until `leave` or the end of this process (or a child forked from it).

    database_url: for SQLAlchemy; redis_url: for redis-py; broker_url: the same Redis for Celery.
    """

    def __init__(self, paths: Paths, users_lock: int) -> None:
        self._paths = paths
        self._users_lock = users_lock
        self.home = paths.home
        self.database_url = paths.database_url
        self.redis_url = paths.redis_url
        self.broker_url = paths.broker_url

    def leave(self) -> None:
        """Give the right back; safe to repeat. When nobody is left, the servers stop about a second later.

        Servers whose keeper was killed get a new one first, which stops them.
        """
        lock, self._users_lock = self._users_lock, -1
        if lock == -1:
            return
        try:
            if any(map(lives, servers_of(self._paths))):
                ensure_keeper(self._paths)
        except (ServiceUnavailable, OSError):
            _log.warning("no keeper could be started to stop the servers of %s", self.home, exc_info=True)
        finally:
            os.close(lock)

    def __enter__(self) -> Membership:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


def join(home: Path, *, deadline_seconds: float = DEADLINE_SECONDS) -> Membership:
    """Use the services of the data directory `home`; return when both servers have answered.

    Starts what is not running. Raises ServiceUnavailable when the servers can't run here (it says which URLs to set
    instead), or did not answer within `deadline_seconds` (it names the log and its last line).
    """
    binaries.require()
    return enter(Paths(home), deadline_seconds)


def enter(paths: Paths, deadline_seconds: float) -> Membership:
    """Become a user of a crew of servers, as `join` does."""
    paths.make_root()
    deadline = time.monotonic() + deadline_seconds
    membership = Membership(paths, open_lock(paths.users))
    try:
        _enter(membership._users_lock, paths, deadline)
        _await_answers(paths, deadline)
    except BaseException:
        membership.leave()
        raise
    return membership


def ensure(home: Path) -> None:
    """Start a keeper if there is none; members call this now and then. Takes microseconds when there is one.

    Raises ServiceUnavailable when a keeper can't be started.
    """
    ensure_keeper(Paths(home))


def ensure_keeper(paths: Paths) -> None:
    """Start a keeper for any crew, as `ensure` does."""
    with _launching:
        try:
            lock = open_lock(paths.keeper)
        except FileNotFoundError as error:
            raise ServiceUnavailable(
                "the data directory has been removed", where=str(paths.home), do="start this process again"
            ) from error
        try:
            if take(lock, EXCLUSIVE):
                _launch_keeper(paths, lock)
        finally:
            os.close(lock)


def servers_of(paths: Paths) -> tuple[Server, ...]:
    """Return the servers of a crew, in the order of starting."""
    if paths.crew == "model":
        from botticelli.services.language_model.model_server import LanguageModel  # and an HTTP client with it

        return (LanguageModel(paths),)
    return (Postgres(paths), Valkey(paths))


def _enter(users_lock: int, paths: Paths, deadline: float) -> None:
    """Become a user. Waits while another process holds the lock exclusively, because it is stopping the servers."""
    while not take(users_lock, SHARED):
        if time.monotonic() >= deadline:
            raise _late(paths, "the servers are still being stopped")
        time.sleep(_POLL_SECONDS)


def _await_answers(paths: Paths, deadline: float) -> None:
    for server in servers_of(paths):
        while True:
            ensure_keeper(paths)
            try:
                server.ask()
                break
            except ServiceUnavailable as error:
                if time.monotonic() >= deadline:
                    raise _late(paths, f"{server.name} does not answer ({error.what})") from error
            time.sleep(_POLL_SECONDS)


def _late(paths: Paths, problem: str) -> ServiceUnavailable:
    log = paths.log("keeper")
    return ServiceUnavailable(
        f"{problem}; {log} ends with: {last_line(log)}", where=str(paths.home), do="read this log"
    )


def _launch_keeper(paths: Paths, lock: int) -> None:
    """Pass the keeper's lock, which this process holds, to a new keeper.

    Its first process ends once the keeper is detached.
    """
    with open(open_log(paths.log("keeper")), "ab") as log:
        os.ftruncate(lock, 0)  # the pid of an earlier keeper
        code = _run_starter((str(paths.home), paths.crew), lock, log.fileno())
        if code > 0:  # negative: killed by a signal; the next call of `ensure` starts another
            raise _late(paths, "the keeper of the servers can't start")


def _run_starter(words: tuple[str, str], lock: int, log: int) -> int:
    """Run the first process of a keeper to its end; return its exit code."""
    command = [sys.executable, "-P", "-m", "botticelli.services.supervisor", *words, str(lock)]
    return subprocess.run(  # noqa: S603 (a command of our own, without a shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=_environment(),
        pass_fds=(lock,),
        start_new_session=True,
        check=False,
    ).returncode


def _environment() -> dict[str, str]:
    """Return a short environment in which the keeper imports the same botticelli as this process."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    parent = Path(__file__).resolve().parents[2]
    if parent.name not in ("site-packages", "dist-packages"):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (environment.get("PYTHONPATH"), str(parent))))
    return {**environment, "LC_ALL": "C", "PYTHONUTF8": "1"}
