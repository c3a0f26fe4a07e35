"""`botticelli runs rows`: list the rows of a run with what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number, one_line
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import COUNT, json_option, run_argument

if TYPE_CHECKING:
    from botticelli.monitoring.row_lines import Line

STATUSES = ("pending", "queued", "running", "succeeded", "failed", "cancelled", "bad")
HEAD = ("row", "key", "line", "iteration", "status", "error")
NUMBERS = ("row", "line", "iteration")
PAGE = 1000
ERROR_CHARACTERS = 80


@click.command("rows", short_help="List the rows of a run.")
@run_argument
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only rows with this status; repeatable."
)
@click.option("--key", metavar="KEY", help="Only the row with this key.")
@click.option("--limit", type=COUNT, metavar="N", help="Print at most N rows.")
@json_option
@pass_invocation
def list_rows(
    invocation: Invocation, *, run_id: str, statuses: tuple[str, ...], key: str | None, limit: int | None, as_json: bool
) -> None:
    """List the rows of a run, in order, with their keys, statuses and errors.

    `pending` are rows whose iteration has not been admitted; `bad` are rows that --skip-bad left out. JSON is one line
    for each row, with its columns.
    """
    from botticelli.monitoring.row_lines import row_lines, run_with_rows

    with invocation.runtime.store.transaction() as tx:
        run = run_with_rows(tx.runs.get(tx.runs.resolve(run_id)))
    lines = islice(row_lines(invocation.runtime.store, run, statuses, key), limit)
    if as_json:
        for line in lines:
            print_json(line)
        return
    is_empty = True
    for page in _pages(lines):
        is_empty = False
        click.echo("\n".join(table(HEAD, map(_cells, page), right=NUMBERS, wraps=("key", "error"))))
    if is_empty:
        click.echo("there are no such rows")


def _cells(line: Line) -> tuple[str, ...]:
    numbers = ("-" if line[name] is None else number(line[name]) for name in ("row", "line", "iteration"))
    row, source_line, iteration = numbers
    error = one_line(line["error"], ERROR_CHARACTERS) if line["error"] else ""
    return row, line["key"] or "-", source_line, iteration, line["status"], error


def _pages(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while page := list(islice(lines, PAGE)):
        yield page
