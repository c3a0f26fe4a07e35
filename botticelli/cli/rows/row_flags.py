"""Defines the options that name the rows of a run, and opens their file."""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.shared_options import COUNT

if TYPE_CHECKING:
    from botticelli.carousel.enqueuing.row_options import RowOptions

Command = TypeVar("Command", bound=Callable[..., Any])
STANDARD_INPUT = "-"
_NAMES = ("rows", "rows_format", "rows_encoding", "rows_delimiter", "row_key")
_CHOICES = ("skip_bad", "only_new", "limit", "sample", "seed")


def rows_options(command: Command) -> Command:
    """Add `--rows FILE` and what says how the file is written and which of its rows are taken."""
    options = [
        click.option("--rows", metavar="FILE", help="Perform the narrative for each row of this file; - reads stdin."),
        click.option(
            "--rows-format",
            type=click.Choice(["csv", "tsv", "jsonl", "parquet"]),
            help="Format of the rows, instead of what name and content show.",
        ),
        click.option("--rows-encoding", metavar="NAME", help="Encoding of the rows, such as cp1252; default: UTF-8."),
        click.option("--rows-delimiter", metavar="CHAR", help="Delimiter of the fields, instead of the detected one."),
        click.option("--row-key", multiple=True, metavar="COLUMN", help="Column that names a row; repeatable."),
        click.option("--skip-bad", is_flag=True, help="Leave out rows that can't be used, instead of refusing all."),
        click.option(
            "--only-new", is_flag=True, help="Leave out rows that succeeded in an earlier run, by their keys."
        ),
        click.option("--limit", type=COUNT, metavar="N", help="Take the first N rows only."),
        click.option("--sample", type=COUNT, metavar="N", help="Take N random rows, for a try."),
        click.option(
            "--seed", type=int, default=0, metavar="N", help="Draw another sample; the same seed draws the same."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def take_row_options(chosen: MutableMapping[str, Any]) -> RowOptions:
    """Take the options of rows out of the parameters of a command, and open the file. InvalidInput."""
    from botticelli.carousel.enqueuing.row_options import RowOptions
    from botticelli.rows.files import STANDARD_INPUT as NAME
    from botticelli.rows.files import FileForm, from_stream, open_rows

    given = {name: chosen.pop(name) for name in _NAMES}
    choices = {name: chosen.pop(name) for name in _CHOICES}
    form = FileForm(given["rows_format"], given["rows_encoding"], _delimiter(given["rows_delimiter"]))
    source = None
    if given["rows"] == STANDARD_INPUT:
        source = from_stream(sys.stdin.buffer, NAME, form)
    elif given["rows"] is not None:
        source = open_rows(Path(given["rows"]), form)
    return RowOptions(source, tuple(given["row_key"]), **choices)


def _delimiter(text: str | None) -> str | None:
    if text in ("\\t", "tab"):
        return "\t"
    if text is not None and (len(text) != 1 or text in '\r\n"'):
        raise click.BadParameter(f"{text!r} is not one character", param_hint="--rows-delimiter")
    return text
