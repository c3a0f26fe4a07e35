"""Refuses a Redis that would lose the queue. Changes nothing on the server."""

from __future__ import annotations

import redis

from botticelli.errors import RedisUnfit, ServiceUnavailable

OLDEST = (6, 2)


def require_fit(client: redis.Redis) -> None:
    """RedisUnfit when the server evicts keys or is older than 6.2; ServiceUnavailable when it doesn't answer."""
    try:
        info = client.info()
    except redis.RedisError as error:
        raise ServiceUnavailable(
            f"Redis can't be reached ({type(error).__name__})", where="redis.url", do="check BOTTICELLI_REDIS_URL"
        ) from None
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise RedisUnfit(f"the server is Redis {version}", where="redis.url", do="use Redis 6.2 or newer, or Valkey")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise RedisUnfit(
            f"the server's maxmemory-policy is {policy}, which would delete queued tasks",
            where="redis.url",
            do="run CONFIG SET maxmemory-policy noeviction, or use another server",
        )
