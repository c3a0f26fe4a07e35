"""Raises our own error where a library says that Redis or Postgres is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botticelli.errors import ServiceUnavailable

if TYPE_CHECKING:
    from botticelli.settings import Settings


@contextmanager
def service_errors(settings: Settings) -> Iterator[None]:
    """Raise ServiceUnavailable in place of an error of kombu, redis-py, SQLAlchemy or a socket."""
    try:
        yield
    except Exception as error:
        unavailable = as_unavailable(error, settings)
        if unavailable is None:
            raise
        raise unavailable from None


def as_unavailable(error: Exception, settings: Settings) -> ServiceUnavailable | None:
    """Return the error that names the server; None for an error that has nothing to do with one, or is ours already."""
    from kombu.exceptions import OperationalError as QueueError
    from redis.exceptions import RedisError
    from sqlalchemy.exc import InterfaceError, OperationalError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    if isinstance(error, QueueError | RedisError | ConnectionError | TimeoutError):
        server, section = "Redis", "redis"
    elif isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        server, section = "Postgres", "database"
    else:
        return None
    return ServiceUnavailable(
        f"{server} is not available ({type(error).__name__})",
        where=settings.where(section, "url"),
        do=f"check that it runs and that {section}.url names it",
    )
