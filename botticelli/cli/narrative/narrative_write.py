"""`botticelli narrative new`, `convert` and `schema`: write files for authors.

An existing file is replaced only where an option says so.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option
from botticelli.errors import BotticelliError, InvalidInput

FORMS = ("table", "list", "several")
KINDS = ("text", "carousel", "discord", "media")
OUTPUT = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Create a narrative.")
@click.argument("name", default="my_narrative")
@click.option("--output", type=OUTPUT, metavar="FILE", help="File to write; default: NAME.toml; `-`: standard output.")
@click.option("--form", type=click.Choice(FORMS), default="table", help="How acts are written; default: table.")
@click.option("--kind", type=click.Choice(KINDS), default="text", help="What it shows; default: text.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def new(*, name: str, output: Path | None, form: str, kind: str, force: bool, as_json: bool) -> None:
    """Create a commented narrative called NAME that runs as it is.

    An existing file is replaced only with --force.
    """
    from botticelli.narrative.authoring.starters import starter
    from botticelli.narrative.language.value_rules import IDENTIFIER

    if not IDENTIFIER.accepts(name):
        raise InvalidInput(f"{name!r} is not a valid name for a narrative", do=f"choose {IDENTIFIER.words}")
    file = output or Path(f"{name}.toml")
    text = starter(name, kind=kind, form=form)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    write(file, text, force=force)
    emit({"file": str(file), "name": name, "kind": kind, "form": form}, safe(f"wrote {file}"), as_json=as_json)


@click.command(short_help="Convert a narrative to the table form.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--in-place", is_flag=True, help="Replace FILE itself.")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Write to this file.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def convert(*, file: Path, in_place: bool, output: Path | None, force: bool, as_json: bool) -> None:
    """Convert FILE to the table form, with its comments, and print it.

    The result is checked to mean the same; converting it again changes nothing.
    """
    from botticelli.narrative.assembly.load import read_narrative
    from botticelli.narrative.authoring.convert import convert as converted

    if in_place and output:
        raise click.UsageError("--in-place and --output exclude each other", click.get_current_context())
    text = read_narrative(file)
    after = converted(text, source=str(file), folder=file.parent)
    target = file if in_place else output
    if target is not None and (output or after != text):
        write(target, after, force=in_place or force)
    if target is None and not as_json:
        click.echo(after, nl=False)
        return
    changed = {"file": str(target or file), "changed": after != text, **({} if target else {"text": after})}
    emit(changed, safe(f"{target} is {'converted' if after != text else 'already in the table form'}"), as_json=as_json)


@click.command(short_help="Print the JSON Schema of narrative files.")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Write to this file; an existing one is replaced.")
@json_option
def schema(output: Path | None, as_json: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of narrative files.

    Editors use it to complete and check: start a file with `#:schema PATH`.
    """
    from botticelli.narrative.authoring.schema import narrative_schema

    schema_ = narrative_schema()
    text = json.dumps(schema_, indent=2)
    if output is None:
        emit(schema_, text, as_json=as_json)
        return
    write(output, f"{text}\n", force=True)
    emit({"file": str(output)}, safe(f"wrote {output}"), as_json=as_json)


def write(file: Path, text: str, *, force: bool) -> None:
    """Write a file atomically. InvalidInput when it exists and `force` is not given."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.chmod(temporary, mode_of(file))
            if force:
                os.replace(temporary, file)
            else:
                os.link(temporary, file)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError:
        raise InvalidInput("the file already exists", where=str(file), do="give --force, or another --output") from None
    except OSError as error:
        raise BotticelliError(f"can't be written: {error.strerror or error}", where=str(file)) from None


def mode_of(file: Path) -> int:
    """Return the permissions of an existing file, or those the umask leaves for a new one."""
    if file.exists():
        return file.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
