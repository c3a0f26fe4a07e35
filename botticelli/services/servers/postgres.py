"""Creates, starts and queries the embedded Postgres. Holds no process; knows no tables."""

from __future__ import annotations

import contextlib
import functools
import importlib
import shutil
import signal
import subprocess
from pathlib import Path

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.disk import real_reason, require_room
from botticelli.services.files.paths import DATABASE, POSTGRES_PORT, ROLE, Paths, open_log
from botticelli.services.servers import binaries, non_root
from botticelli.services.servers.server import ServerFacts

# Little memory, few log lines, full durability: fsync and synchronous_commit keep their default, on.
_CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(POSTGRES_PORT),
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "botticelli",
}
_QUESTION = """SELECT current_setting('server_version'),
                      extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8"""


CLUSTER_MB = 100
"""Free space required: a new cluster takes half of it, and the rest is for data."""


class Postgres:
    name = "postgres"
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)  # "fast", "immediate"

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.url = paths.database_url
        self.data = paths.data(self.name)
        self.pid_file = self.data / "postmaster.pid"

    @functools.cached_property
    def _folder(self) -> Path:
        return binaries.postgres_folder(self.data)

    @functools.cached_property
    def _identity(self) -> non_root.Identity:
        return non_root.identity(self._folder / "postgres", self.paths.root)

    def check(self) -> None:
        non_root.identity(self._folder / "postgres", self.paths.root)
        if not self.data.exists():
            require_room(self.data, CLUSTER_MB, "a new embedded Postgres")

    def prepare(self, lifeline: int) -> list[str]:
        if not self.data.exists():
            self._make_cluster(lifeline)
        non_root.give_files(self.data, self._identity.owner)
        self.paths.make_sockets()
        socket = self.paths.postgres_socket
        for stale in (self.pid_file, socket, socket.with_name(f"{socket.name}.lock")):
            stale.unlink(missing_ok=True)
        settings = {**_CONFIGURATION, "unix_socket_directories": str(self.paths.sockets)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return self._command("postgres", "-D", str(self.data), *options)

    def _make_cluster(self, lifeline: int) -> None:
        """Create the cluster under another name and rename it, so that the final data directory is always complete."""
        unfinished = self.paths.root / "postgres.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
        self._run(lifeline, "", "initdb", "-D", str(unfinished), "-U", ROLE, *options)
        single = ("--single", "-D", str(unfinished), "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres")
        self._run(lifeline, f"CREATE DATABASE {DATABASE}\n", "postgres", *single)
        unfinished.rename(self.data)

    def _run(self, lifeline: int, text: str, *words: str) -> None:
        log = self.paths.log(self.name)
        done = subprocess.run(  # noqa: S603 (a command of our own, without a shell)
            self._command(*words),
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.paths.root,
            pass_fds=(lifeline,),
            check=False,
        )
        with contextlib.suppress(OSError), open(open_log(log), "ab") as errors:  # a full disk accepts no log either
            errors.write(done.stderr)
        if done.returncode != 0:
            reason = real_reason(done.stderr.decode("utf-8", "replace"))
            raise ServiceUnavailable(
                f"{words[0]} ended with {done.returncode}: {reason}", where=str(log), do="read this log"
            )

    def _command(self, program: str, *words: str) -> list[str]:
        return [*self._identity.prefix, str(self._folder / program), *words]

    def ask(self) -> ServerFacts:
        driver = importlib.import_module("psycopg2")
        try:
            connection = driver.connect(
                host=str(self.paths.sockets), port=POSTGRES_PORT, user=ROLE, dbname=DATABASE, connect_timeout=2
            )
            try:
                with connection.cursor() as cursor:
                    cursor.execute(_QUESTION)
                    return ServerFacts(*cursor.fetchone())
            finally:
                connection.close()
        except driver.Error as error:
            reason = " ".join(str(error).split())
            raise ServiceUnavailable(reason, where=self.url, do="see its log") from error

    def stopped(self) -> None:
        pass  # commits survive any kind of end
