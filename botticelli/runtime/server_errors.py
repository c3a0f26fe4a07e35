"""Which exceptions mean that Postgres or Redis is away: whatever was being done is done again later, by the rows."""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from botticelli.errors import ServiceUnavailable

SERVERS_AWAY = (OperationalError, InterfaceError, PoolTimeout, RedisError, ServiceUnavailable)
