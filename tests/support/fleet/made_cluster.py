"""Makes one small data directory of Postgres with a migrated database for a whole test run; every test gets a copy."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg2
from sqlalchemy.engine import make_url

from botticelli import services
from botticelli.services.files.locks import EXCLUSIVE, SHARED, open_lock, take
from botticelli.services.files.paths import Paths
from botticelli.services.servers import binaries, non_root
from botticelli.store.connection.database import make_engine, upgrade
from tests.support.waiting import wait_until

UNUSED_DATABASES = ("postgres", "template1", "template0")
"""Two thirds of the files, and of what a copy takes. Nobody connects to them, or makes a database out of one."""
WAL_SEGMENT_MB = 1
STATEMENT_SECONDS = 120.0


@cache
def made_cluster() -> Path:
    """Return an unused data directory of Postgres; all processes of one run of pytest-xdist share it.

    Its server waits for no disk: tests kill processes, but cut no power. The last of those processes removes it.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = Path(tempfile.gettempdir(), f"cluster-{run}") if run else Path(tempfile.mkdtemp(prefix="cluster-"))
    atexit.register(_leave, os.getpid(), folder, _join(folder))
    made = folder / "cluster"
    with (folder / "making").open("w") as making:
        fcntl.flock(making, EXCLUSIVE)
        if not made.exists():
            _make(Path(tempfile.mkdtemp(prefix="home-", dir=folder))).rename(made)
    return made


def _join(folder: Path) -> int:
    """Make the folder if there is none, and return the lock that keeps it."""
    users = folder / "users"
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            lock = open_lock(users)
            fcntl.flock(lock, SHARED)
            with suppress(FileNotFoundError):
                if os.path.samestat(users.stat(), os.fstat(lock)):
                    return lock
            os.close(lock)


def _leave(owner: int, folder: Path, users: int) -> None:
    """Remove the folder unless another process still has its lock; a fork of its owner leaves nothing."""
    if os.getpid() == owner and take(users, EXCLUSIVE):
        shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}-gone")), ignore_errors=True)


def copy_cluster(home: Path) -> None:
    """Give the data directory `home` a migrated database, as if its services had made one."""
    shutil.copytree(made_cluster(), Paths(home).data("postgres"), copy_function=shutil.copyfile)
    for folder in (home, Paths(home).root):
        folder.chmod(0o700)


def _make(home: Path) -> Path:
    data = Paths(home).data("postgres")
    with services.join(home, deadline_seconds=300) as membership:
        _execute(membership.database_url, "alter system set fsync = off", "select pg_reload_conf()")
        engine = make_engine(membership.database_url, pool_size=1, statement_timeout_seconds=STATEMENT_SECONDS)
        upgrade(engine)
        engine.dispose()
        for name in UNUSED_DATABASES:
            _execute(membership.database_url, f"alter database {name} is_template false", f"drop database {name}")
    wait_until(lambda: services.down(home) is None, "the servers to stop")
    programs = binaries.postgres_folder(data)
    prefix = non_root.identity(programs / "postgres", home).prefix
    shrink = ("pg_resetwal", f"--wal-segsize={WAL_SEGMENT_MB}", "-D", str(data))
    subprocess.run([*prefix, str(programs / shrink[0]), *shrink[1:]], stdout=subprocess.DEVNULL, check=True)
    return data


def _execute(url: str, *statements: str) -> None:
    """Execute statements outside of transactions."""
    session = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    session.autocommit = True
    with session.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    session.close()
