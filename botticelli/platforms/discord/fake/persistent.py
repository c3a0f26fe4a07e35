"""Keeps the fake Discord in a file for all processes of a data directory; each request is one transaction."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path

from botticelli.platforms.discord.fake.guild_data import Data
from botticelli.platforms.discord.fake.router import World
from botticelli.platforms.discord.rest.api import Reply, Request
from botticelli.settings.home import make_home

FILE = "rehearsal.sqlite"
BUSY_SECONDS = 30


class PersistentFake:
    """Answers requests as a transport. Without `home`, the data lives as long as this object."""

    def __init__(self, home: Path | None) -> None:
        self._file = None if home is None else home / FILE
        self._lock = threading.Lock()
        self._world = World(Data(lenient=True))

    def send(self, request: Request) -> Reply:
        with self._lock:
            if self._file is None:
                return self._answer(self._world, request)
            return self._in_file(self._file, request)

    def _in_file(self, file: Path, request: Request) -> Reply:
        make_home(file.parent)
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("create table if not exists world (id integer primary key, data text not null)")
            connection.execute("begin immediate")
            row = connection.execute("select data from world where id = 1").fetchone()
            world = World(Data(**json.loads(row[0])) if row else Data(lenient=True))
            reply = self._answer(world, request)
            if request.writes or row is None or reply.status == 200:
                connection.execute("insert or replace into world values (1, ?)", (json.dumps(world.to_json()),))
            connection.execute("commit")
        finally:
            connection.close()
        return reply

    @staticmethod
    def _answer(world: World, request: Request) -> Reply:
        return world.answer(request.method, request.path, request.query, request.body, request.reason)
