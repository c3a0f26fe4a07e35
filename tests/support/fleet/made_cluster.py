"""Makes one small data directory of Postgres with a migrated database for a whole test run; every test gets a copy."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import psycopg2
from sqlalchemy.engine import make_url

from botticelli import services
from botticelli.services.files.paths import Paths
from botticelli.services.servers import binaries, non_root
from tests.support.fleet.command_server import command_folder
from tests.support.waiting import wait_until

DATABASE_OF_NOBODY = "postgres"
TEMPLATES = ("1", "4")
"""Folders of template1 and template0. Their rows are frozen and nobody connects to them: no server writes into their files."""
WAL_SEGMENT_MB = 1


@cache
def made_cluster() -> Path:
    """Return an unused data directory of Postgres; all processes of one run of pytest-xdist share it.

    Its server waits for no disk: tests kill processes, but cut no power. It ends with the folder of the command server, or,
    where there is none, with this process.
    """
    folder = command_folder()
    if not sys.platform.startswith("linux"):
        folder = Path(tempfile.mkdtemp(prefix="cluster-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = folder / "cluster"
    with (folder / "making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not made.exists():
            _make(Path(tempfile.mkdtemp(prefix="home-", dir=folder))).rename(made)
    return made


def copy_cluster(home: Path) -> None:
    """Give the data directory `home` a migrated database, as if its services had made one."""
    shutil.copytree(made_cluster(), Paths(home).data("postgres"), copy_function=_copy)
    for folder in (home, Paths(home).root):
        folder.chmod(0o700)


def _copy(source: str, target: str) -> None:
    """Copy a file without its times, or link it if nobody will write into it."""
    file = Path(source)
    if file.parent.name in TEMPLATES and file.parent.parent.name == "base":
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)


def _make(home: Path) -> Path:
    data = Paths(home).data("postgres")
    with services.join(home, deadline_seconds=300) as membership:
        _execute(membership.database_url, "alter system set fsync = off", "select pg_reload_conf()")
        environ = os.environ | {"BOTTICELLI_HOME": str(home), "HOME": str(home)}
        command = [str(command_folder() / "botticelli"), "db", "upgrade"]
        subprocess.run(command, cwd=home, env=environ, stdout=subprocess.DEVNULL, check=True)
        _execute(membership.database_url, f"drop database {DATABASE_OF_NOBODY}")
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
