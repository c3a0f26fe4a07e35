"""Keeps the texts that gates accepted as unique, and reads the earlier texts that a new one is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Text, cast, delete, func, insert, or_, select

from botticelli.store.schema.tables import accepted_texts, iterations
from botticelli.store.user_data.content_tables import REHEARSED, Content, table_of

REHEARSAL = "rehearsal:"
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Says where a text is from: one turn of one act of one iteration."""

    run_id: str
    number: int
    position: int
    turn: int


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of a content table whose texts are to differ. In a rehearsal, rehearsed texts count too."""

    table: str
    column: str
    is_rehearsal: bool = False

    @property
    def key(self) -> str:
        return f"{REHEARSAL if self.is_rehearsal else ''}{self.table}.{self.column}"


class AcceptedTexts:
    """Reads and writes accepted texts within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, column: TextColumn) -> None:
        """Wait until no other transaction accepts texts of this column, and keep others waiting until the commit."""
        key = func.hashtextextended(f"unique.{column.key}", 0)
        self._connection.execute(select(func.pg_advisory_xact_lock(key)))

    def earlier(self, column: TextColumn, own: TextPlace, within_seconds: float | None) -> Iterator[str]:
        """Stream the texts of the column and those that gates accepted for it, except a turn's own, newest first.

        Texts of iterations that failed or were cancelled don't count.
        """
        yield from self._accepted(column, own, within_seconds)
        yield from self._stored(column, within_seconds)

    def add(self, column: TextColumn, own: TextPlace, texts: Sequence[str]) -> None:
        """Accept the texts of a turn."""
        place = {name: getattr(own, name) for name in TextPlace.__slots__}
        rows = [{**place, "item": item, "column_key": column.key, "text": text} for item, text in enumerate(texts)]
        if rows:
            self._connection.execute(insert(accepted_texts), rows)

    def forget(self, run_id: str, number: int, positions: range) -> None:
        """Delete the texts of acts whose answers were rejected after all."""
        own = accepted_texts.c
        places = (own.run_id == run_id, own.number == number, own.position.in_(positions))
        self._connection.execute(delete(accepted_texts).where(*places))

    def _accepted(self, column: TextColumn, own: TextPlace, within_seconds: float | None) -> Iterator[str]:
        texts = accepted_texts.c
        is_other = or_(*(texts[name] != getattr(own, name) for name in TextPlace.__slots__))
        join = accepted_texts.join(
            iterations, (iterations.c.run_id == texts.run_id) & (iterations.c.number == texts.number)
        )
        query = select(texts.text).select_from(join).order_by(texts.accepted_at.desc())
        query = query.where(
            texts.column_key == column.key, is_other, iterations.c.status.not_in(("failed", "cancelled"))
        )
        yield from self._stream(query, texts.accepted_at, within_seconds)

    def _stored(self, column: TextColumn, within_seconds: float | None) -> Iterator[str]:
        known = Content(self._connection).get(column.table)
        if known is None or column.column not in known.columns:
            return
        rows = table_of(known.name, known.columns).c
        query = select(cast(rows[column.column], Text)).where(rows[column.column].is_not(None)).order_by(rows.id.desc())
        if not column.is_rehearsal:
            query = query.where(rows.review_status != REHEARSED)
        yield from self._stream(query, rows.generated_at, within_seconds)

    def _stream(self, query: Any, at: Any, within_seconds: float | None) -> Iterator[str]:
        if within_seconds is not None:
            query = query.where(at > func.now() - timedelta(seconds=within_seconds))
        with self._connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as result:
            yield from result.scalars()
