"""Turns an SQL error into one line of bad input; a lost connection stays a DBAPIError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from botticelli.errors import InvalidInput


@contextmanager
def as_invalid_input(table: str, do: str) -> Iterator[None]:
    """Raise InvalidInput for a wrong value, type or permission; the transaction can't be used afterwards."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or not getattr(error.orig, "pgcode", None):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise InvalidInput(reason, where=f"table {table}", do=do) from None
