"""Lists content tables, and lists, reviews, exports and deletes their rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from botticelli.errors import InvalidInput, NotFound
from botticelli.http.access.doors import Admin, Approver, Door, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.cursors import decoded
from botticelli.http.wire.views import OPEN, STRICT, Body, Cursor, Limit, page, page_by_name, page_of, shown
from botticelli.statuses import ReviewStatus
from botticelli.store.user_data.content_rows import ContentRows
from botticelli.telemetry.plain_values import jsonable_row

router = APIRouter(route_class=CheckedRoute, tags=["content"])
TableName = Annotated[str, Path(max_length=63, description="The name of a content table.")]
RowId = Annotated[int, Path(ge=1, lt=2**63)]


class ContentTableView(BaseModel):
    """A content table: its columns, and how many rows it has by review status."""

    model_config = STRICT
    name: str
    columns: dict[str, str]
    template: str | None
    narrative: str
    created_at: str
    rows: dict[str, int]


ContentTablePage = page_of(ContentTableView)


class ContentRow(BaseModel):
    """A row: its own columns, and where it comes from."""

    model_config = OPEN
    id: int
    review_status: str


ContentPage = page_of(ContentRow)


class ReviewBody(Body):
    """A person's decision about a row."""

    status: Annotated[ReviewStatus | None, Field(examples=["approved"])] = None
    rating: Annotated[int | None, Field(ge=1, le=5)] = None
    tags: list[Annotated[str, Field(min_length=1, max_length=200)]] = []


class DeleteBody(Body):
    """Which rows are deleted: some by their ids, all of a status, or the table with all its rows."""

    ids: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]] | None, Field(min_length=1, max_length=10_000)] = None
    status: ReviewStatus | None = None
    table: bool = False


class Deleted(BaseModel):
    """How many rows were deleted."""

    model_config = STRICT
    deleted: int


@router.get("/v1/content", response_model=ContentTablePage)
def list_tables(door: Reader, limit: Limit = 50, cursor: Cursor = None) -> Any:
    """List content tables. A tenant's token sees those that have rows of its runs."""
    with door.runtime.store.transaction() as tx:
        counted = [{**shown(table), "rows": ContentRows(tx.connection, table).count()} for table in tx.content.tables()]
    if door.identity.tenant is not None:
        counted = [table for table in counted if table["rows"]]
    return page_by_name(counted, limit, cursor, lambda table: str(table["name"]))


@router.get("/v1/content/{table}", response_model=ContentPage)
def list_content(
    table: TableName, door: Reader, *, status: ReviewStatus | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Any:
    """List rows, newest first; those of rehearsals only with `status=rehearsed`."""
    before = decoded(cursor, int)[0] if cursor else None
    with _rows(door, table) as rows:
        newest = [jsonable_row(row) for row in rows.newest(status=status, limit=limit + 1, before=before)]
    return page(newest, limit, lambda row: [row["id"]])


@router.get("/v1/content/{table}/{row_id}", response_model=ContentRow)
def show_content(table: TableName, row_id: RowId, door: Reader) -> Any:
    """Show all columns of a row."""
    with _rows(door, table) as rows:
        row = rows.get(row_id)
    return jsonable_row(_existing(row, table, row_id))


@router.post("/v1/content/{table}/{row_id}:review", response_model=ContentRow)
def review_content(table: TableName, row_id: RowId, door: Approver, body: ReviewBody) -> Any:
    """Set the review status or the rating of a row, or add tags."""
    if body.status is None and body.rating is None and not body.tags:
        raise InvalidInput("nothing is said of the row", do="give status, rating or tags")
    with _rows(door, table) as rows:
        _existing(rows.get(row_id), table, row_id)
        reviewed = rows.review(row_id, status=body.status, rating=body.rating, tags=body.tags)
    return jsonable_row(_existing(reviewed, table, row_id))


@router.post("/v1/content/{table}:delete", response_model=Deleted)
def delete_content(table: TableName, door: Admin, body: DeleteBody) -> Any:
    """Delete rows by their ids or their status, or the table with all its rows."""
    if [body.ids is not None, body.status is not None, body.table].count(True) != 1:
        raise InvalidInput("say what is deleted", do="give one of ids, status and table")
    with _rows(door, table, drops=body.table) as rows:
        if body.table:
            deleted = sum(rows.count().values())
        else:
            deleted = rows.delete(body.ids) if body.ids else rows.delete_with_status(body.status or "pending")
    return {"deleted": deleted}


@contextmanager
def _rows(door: Door, name: str, *, drops: bool = False) -> Iterator[ContentRows]:
    """Open a transaction on the rows of a content table. NotFound, for a tenant also where it has none in it."""
    with door.runtime.store.transaction() as tx:
        table = tx.content.get(name)
        rows = ContentRows(tx.connection, table) if table is not None else None
        if rows is None or table is None or (door.identity.tenant is not None and not rows.count()):
            raise NotFound(f"there is no content table {name!r}", do="see /v1/content")
        yield rows
        if drops:
            tx.content.drop(name)


def _existing(row: dict[str, Any] | None, table: str, row_id: int) -> dict[str, Any]:
    if row is None:
        raise NotFound(f"{table} has no row {row_id}", do=f"see /v1/content/{table}")
    return row
