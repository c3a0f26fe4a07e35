"""Checks on each new connection of the Budget whether the server is still the one that knows what was spent.

A restarted server, or a replica that took over, may have the epoch and lack the last charges. It has another run id (INFO
server). A connection never moves to another process, so one check for each new connection is enough.

Packs the EVALSHA commands that it sends from parts that stay the same from call to call: redis-py packs each word of each
command anew, which is a good part of the client's time for a call.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botticelli.budget.redis import scripts
from botticelli.errors import InvalidInput, ServiceUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

DataId = Callable[[], str | None]
"""Returns an id that the server shares with those before it of which it has all data; None when unknown."""


def packed(words: Iterable[str | int]) -> bytes:
    """Return the words of a command in the protocol of Redis, as UTF-8."""
    encoded = [str(word).encode() for word in words]
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])


class Lasting(NamedTuple):
    """The constant part of a call: the keys, and the limits as first argument, packed together with their number."""

    keys: tuple[str, ...]
    limits: str
    words: bytes

    @classmethod
    def of(cls, keys: tuple[str, ...], limits: str) -> Lasting:
        return cls(keys, limits, packed([len(keys), *keys, limits]))


Prepared = tuple[Lasting, Sequence[str | int]]
"""The arguments of a script: the constant part, and the others."""


def evalsha(sha: str, lasting: Lasting, arguments: Sequence[str | int]) -> bytes:
    """Return the whole command: name, script, constant part and other arguments."""
    words = 4 + len(lasting.keys) + len(arguments)
    head = b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % (words, sha.encode())
    return b"".join((head, lasting.words, packed(arguments)))


class Connections:
    """The connection pool of one Budget, with the options of the pool of `client`."""

    def __init__(
        self,
        client: Redis,
        keys: tuple[str, str],
        data_id: DataId | None = None,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        """Build the pool. `keys` are those of the epoch and of the server; `clock_ms` is for tests."""
        from redis import Redis, exceptions

        if not hasattr(client, "connection_pool"):
            raise InvalidInput(
                f"a budget can't use a {type(client).__name__}",
                where="RedisBudget",
                do="give it a Redis client of one server, or of a Sentinel's master",
            )
        self._errors = exceptions
        self._keys = keys
        self._data_id = data_id
        self._clock_ms = clock_ms
        self._pool = copy.copy(client.connection_pool)
        self._pool.connection_class = _asking(client.connection_pool.connection_class, self._ask)
        self._pool.reset()
        self.client: Redis = Redis.from_pool(self._pool)

    def open_epoch(self) -> None:
        """Open an epoch on a server that lost it while its connections stayed open."""
        connection = self._pool.get_connection()
        try:
            self._ask(connection)
        finally:
            self._pool.release(connection)

    def run_all(self, calls: Sequence[tuple[Script, Prepared]]) -> list[Any]:
        """Return the reply to each call of a script, in one round trip.

        Loads scripts again that the server has lost, and makes the calls from the first of these on once more. Disconnects
        from a server that has become a replica: when it is a primary again, it may have another server's data.
        """
        try:
            replies = self._replies(calls)
            missing = next((at for at, reply in enumerate(replies) if isinstance(reply, Exception)), len(calls))
            if missing < len(calls):
                for script in {script.sha: script for script, _ in calls}.values():
                    script.sha = self.client.script_load(script.script)
                replies[missing:] = self._replies(calls[missing:])
        except self._errors.ReadOnlyError:
            self._pool.disconnect()
            raise
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _replies(self, calls: Sequence[tuple[Script, Prepared]]) -> list[Any]:
        """Send calls and read their replies, with the retries of the client. A lost script's reply is the error.

        Skips the bookkeeping of redis-py, which takes longer than everything else here.
        """
        connection: Any = self._pool.get_connection()
        commands = [evalsha(script.sha, *call) for script, call in calls]

        def read() -> Any:
            try:
                return connection.read_response()
            except self._errors.NoScriptError as error:
                return error

        def send_and_read() -> list[Any]:
            connection.send_packed_command(commands)
            return [read() for _ in commands]

        try:
            return list(connection.retry.call_with_retry(send_and_read, lambda _: connection.disconnect()))
        except BaseException:
            if len(commands) > 1:  # other answers are still to come
                connection.disconnect()
            raise
        finally:
            self._pool.release(connection)

    def _ask(self, connection: Any) -> None:
        memory = (self._data_id() if self._data_id else None) or _run_id(connection)
        time = [] if self._clock_ms is None else [str(self._clock_ms())]
        _command(connection, "EVAL", scripts.source(scripts.SERVER), 2, *self._keys, memory, *time)


def _asking(plain: type[Any], ask: Callable[[Any], None]) -> type[Any]:
    """Return a connection class that calls `ask` after each connect."""

    class Asking(plain):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.register_connect_callback(self._ask)

        def _ask(self, connection: Any) -> None:
            try:
                ask(connection)
            except BaseException:
                connection.disconnect()
                raise

    return Asking


def _command(connection: Any, *words: Any) -> Any:
    connection.send_command(*words, check_health=False)
    return connection.read_response()


def _run_id(connection: Any) -> str:
    """Return the run id of the server; '' for an imitation of Redis in memory, which has none."""
    from redis.exceptions import NoPermissionError, ResponseError

    try:
        reply = _command(connection, "INFO", "server")
    except NoPermissionError:
        raise ServiceUnavailable(
            "this user of Redis may not ask for INFO, which tells one server from the next",
            where="redis.url",
            do="allow it: ACL SETUSER ... +info",
        ) from None
    except ResponseError:
        return ""
    text = reply.decode() if isinstance(reply, bytes) else str(reply)
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return lines.get("run_id", "")
