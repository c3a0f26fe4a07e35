"""Write what authors begin with: `botticelli narrative new`, `convert` and `schema`.

`botticelli narrative new`, `convert` and `schema`: what is written for authors. A file that exists is kept, unless they
say otherwise.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option
from botticelli.errors import BotticelliError, InvalidInput

FORMS = ("table", "list", "several")
KINDS = ("text", "carousel", "discord", "media")
OUTPUT = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Begin a narrative.")
@click.argument("name", default="my_narrative")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Default: NAME.toml; `-` is standard output.")
@click.option("--form", type=click.Choice(FORMS), default="table", help="How acts are written; default: table.")
@click.option("--kind", type=click.Choice(KINDS), default="text", help="What it does; default: text.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@json_option
def new(*, name: str, output: Path | None, form: str, kind: str, force: bool, as_json: bool) -> None:
    """Write a commented narrative called NAME to begin with.

    It runs as it is; a file that exists is never replaced without --force.
    """
    from botticelli.narrative.authoring.starters import starter
    from botticelli.narrative.language.value_rules import IDENTIFIER

    if not IDENTIFIER.accepts(name):
        raise InvalidInput(f"{name!r} can't be the name of a narrative", do=f"choose {IDENTIFIER.words}")
    file = output or Path(f"{name}.toml")
    text = starter(name, kind=kind, form=form)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    write(file, text, force=force)
    say(as_json, {"file": str(file), "name": name, "kind": kind, "form": form}, f"{file} is written")


@click.command(short_help="Rewrite a narrative in the table form.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--in-place", is_flag=True, help="Replace FILE itself.")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Write here; a file that exists is not replaced.")
@json_option
def convert(*, file: Path, in_place: bool, output: Path | None, as_json: bool) -> None:
    """Rewrite FILE in the table form, with its comments, and print it.

    The narrative means the same, which is checked; to convert it again changes nothing.
    """
    from botticelli.narrative.assembly.load import read_narrative
    from botticelli.narrative.authoring.convert import convert as converted

    if in_place and output:
        raise click.UsageError("--in-place and --output exclude each other", click.get_current_context())
    text = read_narrative(file)
    after = converted(text, source=str(file), folder=file.parent)
    target = file if in_place else output
    if target is not None and (output or after != text):
        write(target, after, force=in_place)
    if target is None and not as_json:
        click.echo(after, nl=False)
        return
    changed = {"file": str(target or file), "changed": after != text, **({} if target else {"text": after})}
    say(as_json, changed, f"{target} is {'converted' if after != text else 'in the table form already'}")


@click.command(short_help="Print the JSON Schema of narrative files.")
@click.option("--output", type=OUTPUT, metavar="FILE", help="Write it here; a file that exists is replaced.")
@json_option
def schema(output: Path | None, as_json: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of narrative files.

    Editors complete and check by it: begin a file with `#:schema PATH`.
    """
    from botticelli.narrative.authoring.schema import narrative_schema

    found = narrative_schema()
    text = json.dumps(found, indent=2)
    if output is None:
        click.echo(json.dumps(found) if as_json else text)
        return
    write(output, f"{text}\n", force=True)
    say(as_json, {"file": str(output)}, f"{output} is written")


def write(file: Path, text: str, *, force: bool) -> None:
    """All of it or nothing. A file that exists is kept without `force`: exit code 2."""
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
        raise InvalidInput("it exists already", where=str(file), do="give --force, or another --output") from None
    except OSError as error:
        raise BotticelliError(f"can't be written: {error.strerror or error}", where=str(file)) from None


def mode_of(file: Path) -> int:
    """Of the file that is replaced; of a new one, what the umask leaves."""
    if file.exists():
        return file.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def say(as_json: bool, data: dict[str, object], text: str) -> None:
    if as_json:
        print_json(data)
    else:
        click.echo(safe(text))
