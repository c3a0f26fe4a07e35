"""Rows of content tables as people look at them: list, show, review, delete. Makes no table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, update

from botticelli.errors import InvalidInput
from botticelli.store.user_data.content_tables import BOOKKEEPING, REHEARSED, ContentTable, table_of
from botticelli.untrusted.storable import storable

REVIEW = ("pending", "approved", "rejected")


class ContentRows:
    """The rows of one content table, within one transaction."""

    def __init__(self, connection: Connection, table: ContentTable) -> None:
        self._connection = connection
        self._table: Table = table_of(table.name, table.columns)

    def count(self) -> dict[str, int]:
        """By review status."""
        status = self._table.c.review_status
        rows = self._connection.execute(select(status, func.count()).group_by(status))
        return {row[0]: row[1] for row in rows}

    def newest(self, *, status: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
        """The newest first; all of them without a limit. Those of rehearsals only where their status is named."""
        query = select(*self._columns()).order_by(self._table.c.id.desc()).limit(limit)
        reviewed = self._table.c.review_status
        query = query.where(reviewed == status if status is not None else reviewed != REHEARSED)
        return (dict(row) for row in self._connection.execute(query).mappings())

    def get(self, row_id: int) -> dict[str, Any] | None:
        query = select(*self._columns()).where(self._table.c.id == row_id)
        row = self._connection.execute(query).mappings().first()
        return dict(row) if row else None

    def review(
        self, row_id: int, *, status: str | None, rating: int | None, tags: Sequence[str]
    ) -> dict[str, Any] | None:
        """Review a row, and return it as it is then.

        The row as it is then; tags are added to those it has. None when there is no such row. InvalidInput for the
        status of a row that a rehearsal has generated.
        """
        own = self._table.c
        values: dict[Any, Any] = {}
        if status is not None:
            before = self.get(row_id)
            if before is not None and before["review_status"] == REHEARSED:
                raise InvalidInput(
                    "it was generated in a rehearsal and is not to be reviewed",
                    where=f"row {row_id} of {self._table.name}",
                    do="run the narrative without --rehearse",
                )
            values[own.review_status] = status
        if rating is not None:
            values[own.rating] = rating
        if tags:
            tags_before = self._connection.execute(select(own.tags).where(own.id == row_id).with_for_update()).scalar()
            values[own.tags] = storable(list(dict.fromkeys([*(tags_before or ()), *tags])))
        if values:
            self._connection.execute(update(self._table).where(own.id == row_id).values(values))
        return self.get(row_id)

    def delete(self, row_ids: Sequence[int]) -> int:
        """How many there were."""
        return self._connection.execute(delete(self._table).where(self._table.c.id.in_(row_ids))).rowcount

    def delete_with_status(self, status: str) -> int:
        """How many there were."""
        return self._connection.execute(delete(self._table).where(self._table.c.review_status == status)).rowcount

    def _columns(self) -> list[Any]:
        """The id, the columns of the content, then the other bookkeeping ones."""
        own = [column for column in self._table.c if column.name not in BOOKKEEPING]
        return [self._table.c.id, *own, *(self._table.c[name] for name in BOOKKEEPING[1:])]
