"""What Postgres refuses in one line; a server that is away stays what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from botticelli.errors import InvalidInput


@contextmanager
def in_plain_words(table: str, do: str) -> Iterator[None]:
    """InvalidInput for a value, a type or a right that is wrong; the transaction is of no use afterwards."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or not getattr(error.orig, "pgcode", None):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise InvalidInput(reason, where=f"table {table}", do=do) from None
