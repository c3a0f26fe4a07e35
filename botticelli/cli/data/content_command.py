"""`botticelli content`: shows, reviews, exports and deletes what narratives have generated. Generates nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.completions import complete_tables
from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, number, one_line, safe
from botticelli.cli.base.json_output import as_json as json_line
from botticelli.cli.base.json_output import plain, print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import NounGroup, json_option
from botticelli.cli.data.db_command import confirm
from botticelli.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botticelli.store.user_data.content_rows import ContentRows

Command = TypeVar("Command", bound=Callable[..., Any])

REVIEW = ("pending", "approved", "rejected")
STATUSES = (*REVIEW, "rehearsed")
SHOWN_CHARACTERS = 60
SHOWN_COLUMNS = 3
MANY = 1_000_000


def status_option(command: Command) -> Command:
    return click.option("--status", type=click.Choice(STATUSES), help="Only rows in this state of review.")(command)


@click.group(cls=NounGroup, bare="tables", short_help="Review and export what narratives have generated.")
def content() -> None:
    """Show, review, export and delete rows of content tables. Without a command: `tables`."""


@content.command("tables", short_help="The content tables.")
@json_option
@pass_invocation
def tables(invocation: Invocation, as_json: bool) -> None:
    """The content tables, with how many rows wait for a review. Rows of rehearsals are counted apart."""
    from botticelli.store.user_data.content_rows import ContentRows

    with invocation.runtime.store.transaction() as tx:
        found = [(one, ContentRows(tx.connection, one).count()) for one in tx.content.tables()]
    if as_json:
        print_json([plain(one) | {"rows": counts} for one, counts in found])
        return
    shown = STATUSES if any(counts.get("rehearsed") for _, counts in found) else REVIEW
    rows = [
        (one.name, *(number(counts.get(status, 0)) for status in shown), one.narrative, ", ".join(one.columns))
        for one, counts in found
    ]
    lines = table(
        ("table", *shown, "narrative", "columns"),
        rows,
        right=shown,
        drops=("columns",),
        wraps=("table", "narrative", "columns"),
    )
    click.echo("\n".join(lines) if found else "there are no content tables yet", err=not found)


@content.command("list", short_help="Rows of a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@status_option
@click.option("--limit", type=click.IntRange(1, MANY), default=20, show_default=True, help="At most so many.")
@json_option
@pass_invocation
def list_rows(invocation: Invocation, name: str, status: str | None, limit: int, as_json: bool) -> None:
    """Rows of TABLE, the newest first; those of rehearsals only with --status rehearsed."""
    with _rows(invocation, name) as rows:
        found = list(rows.newest(status=status, limit=limit))
    if as_json:
        print_json([jsonable(row) for row in found])
        return
    lines = table(
        ("id", "review", "rating", "content", "generated"),
        map(_short, found),
        right=("id", "rating"),
        drops=("generated",),
        wraps=("content",),
    )
    click.echo("\n".join(lines) if found else "there are no such rows", err=not found)


@content.command("show", short_help="A row in full.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_id", metavar="ID", type=int)
@json_option
@pass_invocation
def show(invocation: Invocation, name: str, row_id: int, as_json: bool) -> None:
    """All columns of row ID of TABLE. Exit code 2 when there is no such row."""
    with _rows(invocation, name) as rows:
        found = rows.get(row_id)
    _say(_there(found, name, row_id), as_json)


@content.command("review", short_help="Approve, reject, rate and tag a row.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_id", metavar="ID", type=int)
@click.option("--approve", "status", flag_value="approved", help="It is good.")
@click.option("--reject", "status", flag_value="rejected", help="It is not.")
@click.option("--rating", type=click.IntRange(1, 5), help="From 1 to 5.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Add this tag; repeatable.")
@json_option
@pass_invocation
def review(
    invocation: Invocation,
    *,
    name: str,
    row_id: int,
    status: str | None,
    rating: int | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what row ID of TABLE is worth. Exit code 2 when there is no such row."""
    if status is None and rating is None and not tags:
        context = click.get_current_context()
        raise click.UsageError("say something: --approve, --reject, --rating or --tag", context)
    with _rows(invocation, name) as rows:
        found = rows.review(row_id, status=status, rating=rating, tags=tags)
    row = _there(found, name, row_id)
    if as_json:
        print_json(jsonable(row))
    else:
        rated = f", rated {row['rating']}" if row["rating"] is not None else ""
        tagged = f", tagged {', '.join(row['tags'])}" if row["tags"] else ""
        click.echo(safe(f"row {row_id} of {name} is {row['review_status']}{rated}{tagged}"))


@content.command("export", short_help="Save the rows of a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@status_option
@json_option
@pass_invocation
def export(invocation: Invocation, name: str, file: str, status: str | None, as_json: bool) -> None:
    """Write the rows of TABLE to FILE, or to standard output: a line of JSON for each, the newest first.

    FILE is replaced when all of it is written, or stays as it was. --json says how many, unless they are printed.
    """
    count = 0
    with _rows(invocation, name) as rows, click.open_file(file, "w", encoding="utf-8", atomic=file != "-") as output:
        for row in rows.newest(status=status, limit=None):
            output.write(f"{json_line(jsonable(row))}\n")
            count += 1
    if file != "-":
        found = {"exported": count, "file": file}
        if as_json:
            print_json(found)
        else:
            click.echo(safe(f"exported {_count(count)} to {file}"))


@content.command("delete", short_help="Delete rows, or a table.")
@click.argument("name", metavar="TABLE", shell_complete=complete_tables)
@click.argument("row_ids", metavar="[ID]...", type=int, nargs=-1)
@status_option
@click.option("--table", "whole", is_flag=True, help="The table itself, with all its rows.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@pass_invocation
def delete(
    invocation: Invocation,
    *,
    name: str,
    row_ids: tuple[int, ...],
    status: str | None,
    whole: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete rows of TABLE by their IDs or by their state of review, or with --table all of it."""
    if [bool(row_ids), status is not None, whole].count(True) != 1:
        raise click.UsageError("say what to delete: IDs, --status or --table", click.get_current_context())
    if not row_ids:
        with _rows(invocation, name) as rows:
            counts = rows.count()
        doomed = sum(counts.values()) if whole else counts.get(str(status), 0)
        confirm(f"{_count(doomed)}{' and the table' if whole else ''} will be gone; go on?", yes)
    with _rows(invocation, name, drops=whole) as rows:
        deleted = 0 if whole else rows.delete(row_ids) if row_ids else rows.delete_with_status(str(status))
    if as_json:
        print_json({"table": name} if whole else {"deleted": deleted})
    else:
        click.echo(f"table {name} is deleted" if whole else f"deleted {_count(deleted)}")


@contextmanager
def _rows(invocation: Invocation, name: str, *, drops: bool = False) -> Iterator[ContentRows]:
    """The rows of a content table within one transaction. NotFound."""
    from botticelli.store.user_data.content_rows import ContentRows

    with invocation.runtime.store.transaction() as tx:
        found = tx.content.get(name)
        if found is None:
            offer = ", ".join(one.name for one in tx.content.tables()) or "none yet"
            raise NotFound(f"there is no content table {name!r}", do=f"content tables: {offer}")
        yield ContentRows(tx.connection, found)
        if drops:
            tx.content.drop(name)


def _there(row: dict[str, Any] | None, name: str, row_id: int) -> dict[str, Any]:
    if row is None:
        raise NotFound(f"{name} has no row {row_id}", do=f"see `botticelli content list {name}`")
    return row


def jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """With dates that JSON doesn't know as text."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else plain(value) for name, value in row.items()}


def _say(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(jsonable(row))
        return
    for name, value in jsonable(row).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown = "-" if value is None else safe(text, keep="\n\t")
        click.echo(f"{safe(name)}: {shown}")


def _short(row: dict[str, Any]) -> tuple[str, ...]:
    from botticelli.store.user_data.content_tables import BOOKKEEPING

    own = [name for name in row if name not in BOOKKEEPING]
    text = " | ".join(str(row[name]) for name in own[:SHOWN_COLUMNS] if row[name] is not None)
    rating = "-" if row["rating"] is None else str(row["rating"])
    return (str(row["id"]), row["review_status"], rating, one_line(text, SHOWN_CHARACTERS), moment(row["generated_at"]))


def _count(rows: int) -> str:
    return f"{number(rows)} row{'' if rows == 1 else 's'}"
