"""Content: the rows that narratives have written; review and export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from botticelli.errors import InvalidInput, NotFound
from botticelli.http.access.doors import Approver, Reader
from botticelli.http.console.page_route import Fields, PageRoute
from botticelli.http.console.pages.content_cards import card_of, rows_of, table_named
from botticelli.http.console.rendering import notice, page
from botticelli.runtime.process import Runtime
from botticelli.statuses import REVIEW_STATUSES, ReviewStatus
from botticelli.store.user_data.content_rows import ContentRows

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN_ROWS = 50
STATUSES: tuple[ReviewStatus, ...] = ("pending", "flagged", "approved", "rejected", "rehearsed")
Name = Annotated[str, Path(max_length=200)]


@router.get("/content")
def list_tables(request: Request, door: Reader) -> Response:
    """Show all content tables."""
    with door.runtime.store.transaction() as tx:
        tables = [(table, ContentRows(tx.connection, table).count()) for table in tx.content.tables()]
    return page(request, door, "pages/content.html", section="content", tables=tables)


@router.get("/content/{name}")
def show_table(request: Request, name: Name, door: Reader, status: str = "") -> Response:
    """Show the newest rows of a table."""
    with door.runtime.store.transaction() as tx:
        table = table_named(tx, name)
        counts = ContentRows(tx.connection, table).count()
        rows = rows_of(tx, table, _status(status), SHOWN_ROWS)
    return page(
        request,
        door,
        "pages/table.html",
        section="content",
        table=table,
        counts=counts,
        rows=rows,
        status=status,
        statuses=STATUSES,
        shown=SHOWN_ROWS,
    )


@router.get("/content/{name}/export")
def export(name: Name, door: Reader, status: str = "") -> Response:
    """Give all rows as JSON lines."""
    chosen = _status(status)
    with door.runtime.store.transaction() as tx:
        table_named(tx, name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.jsonl"', "Cache-Control": "no-store"}
    return StreamingResponse(_lines(door.runtime, name, chosen), media_type="application/x-ndjson", headers=headers)


@router.post("/content/{name}/{row_id}/review")
def review(name: Name, row_id: int, door: Approver, fields: Fields) -> Response:
    """Approve, reject or rate a row."""
    status = fields.get("status") or None
    chosen = next((known for known in REVIEW_STATUSES if known == status), None)
    if status is not None and chosen is None:
        raise InvalidInput(f"{status[:40]!r} is not a review", do=f"write {', '.join(REVIEW_STATUSES)}")
    rating = fields.get("rating", "")
    if rating and rating not in ("1", "2", "3", "4", "5"):
        raise InvalidInput("the rating must be 1 to 5", do="choose one")
    tags = [tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()]
    with door.runtime.store.transaction() as tx:
        rows = ContentRows(tx.connection, table_named(tx, name))
        row = rows.review(row_id, status=chosen, rating=int(rating) if rating else None, tags=tags)
    if row is None:
        raise NotFound(f"{name} has no row {row_id}", do="it may have been deleted")
    return notice(f"Row {row_id} of {name} is {card_of(name, row).status}.")


def _status(text: str) -> ReviewStatus | None:
    if text and text not in STATUSES:
        raise InvalidInput(f"{text[:40]!r} is not a review status", do=f"statuses: {', '.join(STATUSES)}")
    return next((status for status in STATUSES if status == text), None)


def _lines(runtime: Runtime, name: str, status: ReviewStatus | None) -> Iterator[str]:
    with runtime.store.transaction() as tx:
        for row in ContentRows(tx.connection, table_named(tx, name)).newest(status=status, limit=None):
            yield json.dumps(row, ensure_ascii=False, default=str) + "\n"
