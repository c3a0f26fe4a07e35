"""Creates clients of the configured Redis, and rejects a server that could lose the queue. Changes nothing on it."""

from __future__ import annotations

import socket
from urllib.parse import parse_qsl, urlsplit

import redis
from redis.driver_info import DriverInfo

from botticelli.errors import RedisUnfit, ServiceUnavailable, SettingsError
from botticelli.runtime.redis_permissions import missing_permissions, permission_in
from botticelli.settings.network import Fault, certificates_fault, file_fault

OLDEST = (6, 2)
_FILES = {"ssl_ca_certs": certificates_fault, "ssl_certfile": file_fault, "ssl_keyfile": file_fault}
SOCKET_TIMEOUT_SECONDS = 15
_DRIVER = DriverInfo()
"""The library's name and version: each new connection would look them up among the installed packages."""


def make_redis(url: str, origin: str) -> redis.Redis:
    """Create a client for `url`, which does not connect yet. `origin` is its source: a variable, a flag, a line of a file.

    Raises SettingsError for parameters that the client can't use, without quoting their values.
    """
    fault = _parameter_fault(url)
    if fault is not None:
        raise SettingsError(f"redis.url: {fault.where}: {fault.what}", where=origin, do=f"correct {fault.where}")
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=5,
            health_check_interval=30,
            driver_info=_DRIVER,
            **(
                {}
                if url.startswith("unix://")
                else {"socket_keepalive": True, "socket_keepalive_options": _keepalive()}
            ),
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, redis.RedisError):
        problem = "redis.url: a query parameter is unknown to the client or has an invalid value"
        raise SettingsError(problem, where=origin, do="see the options of redis-py's connections") from None
    return client


def _keepalive() -> dict[int, int]:
    """Return the socket options that detect a dead server within about 15 s, as far as the system has them."""
    options = {"TCP_KEEPIDLE": 6, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 15_000}
    return {getattr(socket, name): value for name, value in options.items() if hasattr(socket, name)}


def _parameter_fault(url: str) -> Fault | None:
    """Return the fault of the first certificate file in the URL's query that can't be used, else None."""
    for name, value in parse_qsl(urlsplit(url).query):
        fault = _FILES[name](name, value) if name in _FILES else None
        if fault is not None:
            return fault
    return None


def require_fit(client: redis.Redis, origin: str = "redis.url", prefix: str = "botticelli") -> None:
    """Check that the Redis server can be used.

    Raises RedisUnfit when it evicts keys, is older than 6.2 or denies this user a command, and ServiceUnavailable when it
    does not answer.
    """
    info = _info(client, origin)
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise RedisUnfit(f"the server is Redis {version}", where=origin, do="use Redis 6.2 or newer, or Valkey")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise RedisUnfit(
            f"the server's maxmemory-policy is {policy}, which would delete queued tasks",
            where=origin,
            do="run CONFIG SET maxmemory-policy noeviction, or use another server",
        )
    _require_permissions(client, origin, prefix)


def _require_permissions(client: redis.Redis, origin: str, prefix: str) -> None:
    missing = missing_permissions(client, prefix)
    if missing:
        raise _permission_error(missing, origin)


def _permission_error(missing: list[str], origin: str) -> RedisUnfit:
    problem = f"this user of Redis lacks permissions: {' '.join(missing)}"
    return RedisUnfit(problem, where=origin, do=f"run ACL SETUSER <its name> {' '.join(missing)}")


def _info(client: redis.Redis, origin: str) -> dict[str, object]:
    try:
        return dict(client.info())
    except redis.exceptions.NoPermissionError as error:
        raise _permission_error([permission_in(error)], origin) from None
    except redis.AuthenticationError:
        raise ServiceUnavailable(
            "Redis rejected the user or the password", where=origin, do="correct the login in the URL"
        ) from None
    except redis.RedisError as error:
        raise ServiceUnavailable(
            f"Redis can't be reached ({type(error).__name__})",
            where=origin,
            do="check that it runs and that the URL names it",
        ) from None
