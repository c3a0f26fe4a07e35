"""`botticelli settings convert`: convert a settings file of the founding system to the current format."""

from __future__ import annotations

from pathlib import Path

import click

from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option
from botticelli.cli.narrative.narrative_write import OUTPUT, write

FILE = "botticelli.toml"


@click.group()
def settings() -> None:
    """Convert a settings file of the founding system."""


@settings.command(short_help="Convert a settings file of the founding system.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=FILE)
@click.option("--in-place", is_flag=True, help="Replace FILE itself.")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Write to this file.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def convert(*, file: Path, in_place: bool, output: Path | None, force: bool, as_json: bool) -> None:
    """Convert FILE (default: botticelli.toml) to the current format, with its comments, and print it.

    Keys without effect become comments; converting it again changes nothing.
    """
    from botticelli.drivers import Drivers
    from botticelli.settings import convert_settings

    if in_place and output:
        raise click.UsageError("--in-place and --output exclude each other", click.get_current_context())
    after = convert_settings(file, drivers=Drivers({}).names())
    is_changed = after != file.read_text(encoding="utf-8-sig")
    target = file if in_place else output
    if target is not None and (output or is_changed):
        write(target, after, force=in_place or force)
    if target is None and not as_json:
        click.echo(after, nl=False)
        return
    data = {"file": str(target or file), "changed": is_changed, **({} if target else {"text": after})}
    emit(data, safe(f"{target} is {'converted' if is_changed else 'already in the current format'}"), as_json=as_json)
