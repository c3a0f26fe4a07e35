"""Says where the files of the embedded services are, with their sockets and URLs. Starts nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from botticelli.settings.home import folder_error, make_home

POSTGRES_PORT = 5432  # only part of the socket's name: nothing listens on TCP
ROLE = DATABASE = "botticelli"
_LONGEST_SOCKET_BYTES = 103  # macOS; Linux allows 107
_URL_SAFE = re.compile(r"[A-Za-z0-9/._-]+")
_LOG_BYTES = 1 << 20
_PRIVATE = 0o700

Crew = Literal["services", "model"]
"""Servers that start and stop together: Postgres and Redis, or the language model, which few runs need."""


@dataclass(frozen=True)
class Paths:
    """The files of one crew of servers below one data directory `home`.

    Two spellings of a directory (symlinks, `..`) are one home.
    """

    home: Path
    crew: Crew = "services"

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(self.home).expanduser().resolve())

    @property
    def root(self) -> Path:
        """The private folder of the crew."""
        return self.home / self.crew

    @property
    def users(self) -> Path:
        """File locked shared by every process that uses the services; exclusively by the process that stops them."""
        return self.root / "users.lock"

    @property
    def keeper(self) -> Path:
        """File locked exclusively by the keeper; holds its process id."""
        return self.root / "keeper.lock"

    @property
    def pin(self) -> Path:
        """File that keeps the services up without users while it exists."""
        return self.root / "pinned"

    def lifeline(self, name: str) -> Path:
        """File locked exclusively by the server `name` and its children: free only when all of them are gone."""
        return self.root / f"{name}.lock"

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def data(self, name: str) -> Path:
        return self.root / name

    @property
    def sockets(self) -> Path:
        """The folder of the sockets.

        `run` beside the data; a short folder in /tmp where that path is too long for a socket, or unfit for a URL.
        """
        near = self.root / "run"
        longest = near / f".s.PGSQL.{POSTGRES_PORT}"
        if _URL_SAFE.fullmatch(str(near)) and len(os.fsencode(longest)) <= _LONGEST_SOCKET_BYTES:
            return near
        named = self.home if self.crew == "services" else self.root
        digest = hashlib.sha256(os.fsencode(named)).hexdigest()[:12]
        return Path(f"/tmp/botticelli-{os.geteuid()}-{digest}")  # noqa: S108 (made with mode 0700, and checked to be ours)

    @property
    def postgres_socket(self) -> Path:
        return self.sockets / f".s.PGSQL.{POSTGRES_PORT}"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def model_socket(self) -> Path:
        return self.sockets / "model.sock"

    @property
    def database_url(self) -> str:
        """URL for SQLAlchemy. Names the port, because PGPORT in the environment would otherwise change the socket."""
        return f"postgresql+psycopg2://{ROLE}@/{DATABASE}?host={self.sockets}&port={POSTGRES_PORT}"

    @property
    def redis_url(self) -> str:
        """URL for redis-py."""
        return f"unix://{self.redis_socket}"

    @property
    def broker_url(self) -> str:
        """URL for Celery (kombu), which spells the same socket differently."""
        return f"redis+socket://{self.redis_socket}"

    def make_root(self) -> None:
        """Make the private folder. Raises SettingsError when it can't be made or belongs to another user."""
        make_home(self.home)
        make_private(self.root)

    def make_sockets(self) -> None:
        make_private(self.sockets)

    def remove_sockets(self) -> None:
        """Leave nothing in /tmp, not even the socket of a killed server. Call it only when no server is alive."""
        shutil.rmtree(self.sockets, ignore_errors=True)


def make_private(folder: Path) -> None:
    """Make `folder` (its parent exists), accessible to its owner only; refuse a folder that another user owns."""
    try:
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise folder_error(folder, f"can't make this folder: {error.strerror}", error) from error
    if not stat.S_ISDIR(status.st_mode):
        raise folder_error(folder, "is not a folder")
    if status.st_uid != os.geteuid():
        raise folder_error(folder, f"belongs to user {status.st_uid}, and this process runs as user {os.geteuid()}")
    if stat.S_IMODE(status.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def open_log(path: Path) -> int:
    """Open a log for appending and return its descriptor. A log beyond 1 MiB is first renamed to `NAME.log.1`."""
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_lines(path: Path, lines: int) -> list[str]:
    """Return the last `lines` lines of a log, oldest first, without line ends; [] when there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
    except FileNotFoundError:
        return []


def last_line(path: Path) -> str:
    return next(iter(last_lines(path, 1)), "nothing was logged")
