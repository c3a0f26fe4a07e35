"""`botticelli content`: show, review, export and delete rows that narratives have generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from botticelli.cli.base.completions import complete_tables
from botticelli.cli.base.confirmation import confirm
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, number, one_line, safe
from botticelli.cli.base.json_output import as_json as json_line
from botticelli.cli.base.json_output import emit, plain
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.errors import NotFound
from botticelli.statuses import REVIEW_STATUSES, ReviewStatus
from botticelli.telemetry.plain_values import jsonable_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botticelli.store import ContentTable
    from botticelli.store.user_data.content_rows import ContentRows

Command = TypeVar("Command", bound=Callable[..., Any])

STATUSES: tuple[ReviewStatus, ...] = get_args(ReviewStatus)
SHOWN_CHARACTERS = 60
SHOWN_COLUMNS = 3
MANY = 1_000_000


def status_option(command: Command) -> Command:
    return click.option("--status", type=click.Choice(STATUSES), help="Only rows with this review status.")(command)


@click.group(cls=NounGroup, bare="tables", short_help="Review and export generated content.")
def content() -> None:
    """Show, review, export and delete rows of content tables. Without a command: `tables`."""


@content.command("tables", short_help="List content tables.")
@json_option
@pass_invocation
def tables(invocation: Invocation, as_json: bool) -> None:
    """List content tables, with the numbers of rows by review status; rows of rehearsals are counted apart."""
    from botticelli.store.user_data.content_rows import ContentRows

    with invocation.runtime.store.transaction() as tx:
        counted = [(entry, ContentRows(tx.connection, entry).count()) for entry in tx.content.tables()]
    data = [plain(entry) | {"rows": counts} for entry, counts in counted]
    emit(data, lambda: _tables(counted), as_json=as_json, empty="there are no content tables yet")


def _tables(counted: Sequence[tuple[ContentTable, Mapping[str, int]]]) -> list[str]:
    shown = [
        status for status in STATUSES if status in REVIEW_STATUSES or any(counts.get(status) for _, counts in counted)
    ]
    rows = [
        (entry.name, *(number(counts.get(status, 0)) for status in shown), entry.narrative, ", ".join(entry.columns))
        for entry, counts in counted
    ]
    return table(
        ("table", *shown, "narrative", "columns"),
        rows,
        right=shown,
        drops=("columns",),
        wraps=("table", "narrative", "columns"),
    )


@content.command("list", short_help="List rows of a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@status_option
@click.option("--limit", type=click.IntRange(1, MANY), default=20, show_default=True, help="Maximum number of rows.")
@json_option
@pass_invocation
def list_rows(invocation: Invocation, name: str, status: ReviewStatus | None, limit: int, as_json: bool) -> None:
    """List rows of TABLE, newest first; rows of rehearsals only with --status rehearsed."""
    with _rows(invocation, name) as rows:
        newest = list(rows.newest(status=status, limit=limit))
    data = [jsonable_row(row) for row in newest]
    emit(data, lambda: _rows_table(newest), as_json=as_json, empty="there are no such rows")


@content.command("show", short_help="Show a row in full.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_id", metavar="ID", type=int)
@json_option
@pass_invocation
def show(invocation: Invocation, name: str, row_id: int, as_json: bool) -> None:
    """Show all columns of row ID of TABLE. Exit code 2 when there is no such row."""
    with _rows(invocation, name) as rows:
        row = rows.get(row_id)
    data = jsonable_row(_existing(row, name, row_id))
    emit(data, lambda: _full(data), as_json=as_json)


@content.command("review", short_help="Approve, reject, rate and tag a row.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_id", metavar="ID", type=int)
@click.option("--approve", "status", flag_value="approved", help="Approve the row.")
@click.option("--reject", "status", flag_value="rejected", help="Reject the row.")
@click.option("--rating", type=click.IntRange(1, 5), help="Rate it from 1 to 5.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add this tag; repeatable.")
@json_option
@pass_invocation
def review(
    invocation: Invocation,
    *,
    name: str,
    row_id: int,
    status: ReviewStatus | None,
    rating: int | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Set the review status, rating or tags of row ID of TABLE. Exit code 2 when there is no such row."""
    if status is None and rating is None and not tags:
        context = click.get_current_context()
        raise click.UsageError("give --approve, --reject, --rating or --tag", context)
    with _rows(invocation, name) as rows:
        reviewed = rows.review(row_id, status=status, rating=rating, tags=tags)
    row = _existing(reviewed, name, row_id)
    rated = f", rated {row['rating']}" if row["rating"] is not None else ""
    tagged = f", tagged {', '.join(row['tags'])}" if row["tags"] else ""
    outcome = f"row {row_id} of {name} is {row['review_status']}{rated}{tagged}"
    emit(jsonable_row(row), safe(outcome), as_json=as_json)


@content.command("export", short_help="Export the rows of a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@status_option
@json_option
@pass_invocation
def export(invocation: Invocation, name: str, file: str, status: ReviewStatus | None, as_json: bool) -> None:
    """Write the rows of TABLE to FILE, or to standard output: one line of JSON each, newest first.

    FILE is replaced atomically. With FILE, --json prints how many rows were written.
    """
    count = 0
    with _rows(invocation, name) as rows, click.open_file(file, "w", encoding="utf-8", atomic=file != "-") as output:
        for row in rows.newest(status=status, limit=None):
            output.write(f"{json_line(jsonable_row(row))}\n")
            count += 1
    if file != "-":
        emit({"exported": count, "file": file}, lambda: safe(f"exported {_count(count)} to {file}"), as_json=as_json)


@content.command("delete", short_help="Delete rows, or a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_ids", metavar="[ID]...", type=int, nargs=-1)
@status_option
@click.option("--table", "whole", is_flag=True, help="Delete the table with all its rows.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def delete(
    invocation: Invocation,
    *,
    name: str,
    row_ids: tuple[int, ...],
    status: ReviewStatus | None,
    whole: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete rows of TABLE by their IDs or review status, or with --table the whole table."""
    if [bool(row_ids), status is not None, whole].count(True) != 1:
        raise click.UsageError("give one of IDs, --status and --table", click.get_current_context())
    if not row_ids:
        with _rows(invocation, name) as rows:
            counts = rows.count()
        selected = sum(counts.values()) if whole else counts.get(str(status), 0)
        confirm(f"delete {_count(selected)}{' and the table' if whole else ''}?", yes)
    with _rows(invocation, name, drops=whole) as rows:
        deleted = 0 if whole else rows.delete(row_ids) if row_ids else rows.delete_with_status(status) if status else 0
    if whole:
        emit({"table": name}, f"deleted table {name}", as_json=as_json)
    else:
        emit({"deleted": deleted}, f"deleted {_count(deleted)}", as_json=as_json)


@contextmanager
def _rows(invocation: Invocation, name: str, *, drops: bool = False) -> Iterator[ContentRows]:
    """Open a transaction on the rows of a content table; with `drops` delete the table at its end. NotFound."""
    from botticelli.store.user_data.content_rows import ContentRows

    with invocation.runtime.store.transaction() as tx:
        content_table = tx.content.get(name)
        if content_table is None:
            offer = ", ".join(entry.name for entry in tx.content.tables()) or "none yet"
            raise NotFound(f"there is no content table {name!r}", do=f"content tables: {offer}")
        yield ContentRows(tx.connection, content_table)
        if drops:
            tx.content.drop(name)


def _existing(row: dict[str, Any] | None, name: str, row_id: int) -> dict[str, Any]:
    if row is None:
        raise NotFound(f"{name} has no row {row_id}", do=f"see `botticelli content list {name}`")
    return row


def _full(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each column."""
    for name, value in row.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown = "-" if value is None else safe(text, keep="\n\t")
        yield f"{safe(name)}: {shown}"


def _rows_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    return table(
        ("id", "review", "rating", "content", "generated"),
        map(_short, rows),
        right=("id", "rating"),
        drops=("generated",),
        wraps=("content",),
    )


def _short(row: dict[str, Any]) -> tuple[str, ...]:
    from botticelli.store.user_data.content_tables import BOOKKEEPING

    own = [name for name in row if name not in BOOKKEEPING]
    text = " | ".join(str(row[name]) for name in own[:SHOWN_COLUMNS] if row[name] is not None)
    rating = "-" if row["rating"] is None else str(row["rating"])
    return (str(row["id"]), row["review_status"], rating, one_line(text, SHOWN_CHARACTERS), moment(row["generated_at"]))


def _count(rows: int) -> str:
    return f"{number(rows)} row{'' if rows == 1 else 's'}"
