"""`botticelli runs export`: write the rows of a run, with what came of them, as CSV, JSON lines or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import number
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option, run_argument
from botticelli.errors import InvalidInput

if TYPE_CHECKING:
    from botticelli.monitoring.export.run_export import Format

FORMATS = ("csv", "jsonl", "parquet")
STANDARD_OUTPUT = "-"


@click.command("export", short_help="Write the rows of a run with their results.")
@run_argument
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Default: by the name of --output, else csv.")
@click.option(
    "--columns",
    metavar="NAMES",
    help="Columns with commas: key, row.NAME, act.NAME.output, act.NAME.output.FIELD, status, error, cost_usd, ...",
)
@click.option("--output", metavar="FILE", default=STANDARD_OUTPUT, help="The file to write; - for standard output.")
@click.option("--succeeded", is_flag=True, help="Only rows that have succeeded.")
@click.option("--follow", is_flag=True, help="Write each row when it has ended, until the run ends.")
@json_option
@pass_invocation
def export(
    invocation: Invocation,
    *,
    run_id: str,
    format_: Format | None,
    columns: str | None,
    output: str,
    succeeded: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Write a line for each row of a run, in row order; for each iteration of a run without rows.

    Without --columns: the key, the columns of the row, the output of each act, status, error and cost. Text that a
    spreadsheet would run as a formula gets an apostrophe before it in CSV. A file appears when it is whole. With --json,
    standard output has the rows as JSON lines, or what was written to --output.
    """
    from botticelli.monitoring.export.run_export import run_export, write_file, write_text

    chosen = format_ or ("jsonl" if as_json and output == STANDARD_OUTPUT else _format_of(output))
    if as_json and output == STANDARD_OUTPUT and chosen != "jsonl":
        raise InvalidInput(
            f"--json writes no {chosen}", where="--format", do="leave one of the two out, or name a file"
        )
    if chosen == "parquet" and (follow or output == STANDARD_OUTPUT):
        problem = "can't be followed" if follow else "can't be written to standard output"
        raise InvalidInput(f"a Parquet file {problem}", where="--format", do="use csv or jsonl, or name a file")
    with invocation.runtime.store.transaction() as tx:
        full_id = tx.runs.resolve(run_id)
    planned = run_export(invocation.runtime.store, full_id, columns, succeeded=succeeded)
    if output == STANDARD_OUTPUT:
        with click.open_file(STANDARD_OUTPUT, "w", encoding="utf-8") as stream:
            write_text(planned, chosen, stream, follow=follow)
        return
    count = write_file(planned, chosen, Path(output), follow=follow)
    written = {"run_id": full_id, "output": output, "format": chosen, "rows": count}
    if as_json:
        print_json(written)
    else:
        click.echo(f"{number(count)} {'row' if count == 1 else 'rows'} written to {output}", err=True)


def _format_of(output: str) -> Format:
    suffix = Path(output).suffix.lower().lstrip(".")
    formats: dict[str, Format] = {"csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet"}
    return formats.get(suffix, "csv")
