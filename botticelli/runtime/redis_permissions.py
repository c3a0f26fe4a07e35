"""Finds the permissions that a Redis user lacks, before work depends on them. Runs none of the commands it checks."""

from __future__ import annotations

import re
from typing import Any

import redis
from redis.exceptions import NoPermissionError

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("INFO", "server"),
    ("PING",),
    ("CLIENT", "SETNAME", "botticelli"),
    ("TIME",),
    ("EVAL", "return 0", "0"),
    ("EVALSHA", "0" * 40, "0"),
    ("SCRIPT", "LOAD", "return 0"),
    ("GET", "{key}"),
    ("MGET", "{key}"),
    ("SET", "{key}", "1"),
    ("DEL", "{key}"),
    ("EXISTS", "{key}"),
    ("EXPIRE", "{key}", "1"),
    ("PEXPIRE", "{key}", "1"),
    ("SCAN", "0"),
    ("HSET", "{key}", "a", "1"),
    ("HSETNX", "{key}", "a", "1"),
    ("HGET", "{key}", "a"),
    ("HMGET", "{key}", "a"),
    ("HGETALL", "{key}"),
    ("HDEL", "{key}", "a"),
    ("HEXISTS", "{key}", "a"),
    ("HINCRBY", "{key}", "a", "1"),
    ("LPUSH", "{key}", "a"),
    ("RPUSH", "{key}", "a"),
    ("RPOP", "{key}"),
    ("BRPOP", "{key}", "1"),
    ("LLEN", "{key}"),
    ("LINDEX", "{key}", "0"),
    ("LRANGE", "{key}", "0", "1"),
    ("SADD", "{key}", "a"),
    ("SREM", "{key}", "a"),
    ("SMEMBERS", "{key}"),
    ("ZADD", "{key}", "1", "a"),
    ("ZREM", "{key}", "a"),
    ("ZCARD", "{key}"),
    ("ZRANGE", "{key}", "0", "1"),
    ("ZRANGEBYSCORE", "{key}", "0", "1"),
    ("ZREVRANGEBYSCORE", "{key}", "1", "0"),
    ("XADD", "{key}", "*", "a", "1"),
    ("XRANGE", "{key}", "-", "+"),
    ("PUBLISH", "{key}", "a"),
)
"""The commands that Botticelli, its scripts and Celery's transport send, with valid arguments. Left out are those that can't
be queued in a transaction: EXEC, WATCH and the subscriptions."""
_COMMAND = re.compile(r"'([a-z|_-]+)' command", re.IGNORECASE)


def missing_permissions(client: redis.Redis, prefix: str) -> list[str]:
    """List the permissions that this Redis user lacks.

    They are written as ACL SETUSER takes them (`+eval`, `~PREFIX:*`). The commands are queued in a transaction that is
    discarded, so that the server judges each and runs none.
    """
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_command("MULTI")
        connection.read_response()
        commands = [[part.format(key=f"{prefix}:permission") for part in command] for command in COMMANDS]
        connection.send_packed_command(connection.pack_commands([*commands, ["DISCARD"]]))
        missing = [_missing_permission(connection, prefix) for _ in (*commands, "DISCARD")]
    except NoPermissionError as error:
        return [permission_in(error, prefix)]
    finally:
        connection.disconnect()  # whatever is left of the transaction ends with it
        pool.release(connection)
    return list(dict.fromkeys(permission for permission in missing if permission))


def permission_in(error: Exception, prefix: str = "PREFIX") -> str:
    """Return the permission that an error of the server says is missing, as ACL SETUSER takes it."""
    text = str(error)
    match = _COMMAND.search(text)
    if match is not None:
        return f"+{match[1].lower()}"
    return f"&{prefix}*" if "channel" in text else f"~{prefix}*"


def _missing_permission(connection: Any, prefix: str) -> str | None:
    """Read one response of the server, and return the permission that it says is missing, else None."""
    try:
        connection.read_response()
    except NoPermissionError as error:
        return permission_in(error, prefix)
    except redis.ResponseError:
        return None
    return None
