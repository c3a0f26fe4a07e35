"""Reads rows of content tables for pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from botticelli.errors import NotFound
from botticelli.statuses import ReviewStatus
from botticelli.store import ContentTable, Transaction
from botticelli.store.user_data.content_rows import ContentRows
from botticelli.store.user_data.content_tables import BOOKKEEPING

IN_INBOX = 20


@dataclass(frozen=True, slots=True)
class RowCard:
    """A row of a content table: what was generated, and how it stands."""

    table: str
    id: int
    values: Mapping[str, str]
    status: str
    rating: int | None
    tags: tuple[str, ...]
    run: str
    generated_at: Any


def table_named(tx: Transaction, name: str) -> ContentTable:
    """Return a content table. NotFound."""
    table = tx.content.get(name)
    if table is None:
        raise NotFound(f"there is no content table {name[:80]!r}", do="narratives make them; see the page Content")
    return table


def rows_of(tx: Transaction, table: ContentTable, status: ReviewStatus | None, limit: int) -> list[RowCard]:
    """Return the newest rows."""
    rows = ContentRows(tx.connection, table).newest(status=status, limit=limit)
    return [card_of(table.name, row) for row in rows]


def rows_for_review(tx: Transaction, limit: int = IN_INBOX) -> list[RowCard]:
    """Return the newest rows that no gate accepted, of all tables."""
    cards = (card for table in tx.content.tables() for card in rows_of(tx, table, "flagged", limit))
    return list(islice(cards, limit))


def card_of(table: str, row: Mapping[str, Any]) -> RowCard:
    values = {name: _text(value) for name, value in row.items() if name not in BOOKKEEPING and value is not None}
    return RowCard(
        table=table,
        id=row["id"],
        values=values,
        status=row["review_status"],
        rating=row.get("rating"),
        tags=tuple(map(str, row.get("tags") or ())),
        run=str(row.get("source_run") or row.get("run_id") or ""),
        generated_at=row.get("generated_at"),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
