"""The exceptions that mean Postgres or Redis is away; interrupted work is repeated later, from its rows."""

from __future__ import annotations

from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from botticelli.errors import ServiceUnavailable

SERVER_ERRORS = (OperationalError, InterfaceError, PoolTimeout, RedisError, ServiceUnavailable)
