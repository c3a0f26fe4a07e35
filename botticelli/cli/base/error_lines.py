"""Prints an error: one line per problem on stderr, and with --json one object on stdout; never a traceback."""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.errors import BotticelliError, NarrativeError
from botticelli.telemetry.masking import masked

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells report it."""
_OURS = ("botticelli", "workers", "tasks")
_PLUG_INS = ("botticelli.drivers", "botticelli.platforms")
_SERVICES = ("redis", "sqlalchemy", "psycopg2", "kombu", "celery", "alembic")


def exit_code_of(error: BaseException, *, as_json: bool) -> int:
    """Print the problems of an error and return its exit code; closed streams are ignored."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        problems, code = [{"message": "interrupted"}], INTERRUPTED
    else:
        problems, code = problems_of(error), _code(error)
    with suppress(OSError, ValueError):  # stderr is closed or full
        for problem in problems:
            click.echo(f"botticelli: error: {safe(problem['message'])}", err=True)
    with suppress(OSError, ValueError):
        if as_json:
            print_json({"event": "error", "exit_code": code, "problems": problems})
    return code


def _code(error: BaseException) -> int:
    return error.exit_code if isinstance(error, BotticelliError | click.ClickException) else 1


def problems_of(error: BaseException) -> list[dict[str, Any]]:
    """Return an object for each problem: `message` is the whole line, the other fields are its parts."""
    if isinstance(error, NarrativeError):
        return [{**asdict(problem), "what": problem.message, "message": str(problem)} for problem in error.problems]
    if isinstance(error, BotticelliError):
        return [{"message": str(error), "what": error.what, "where": error.where, "do": error.do}]
    if isinstance(error, click.ClickException):
        return [{"message": _usage(error)}]
    hint = "; run `botticelli doctor`" if _is_of_a_service(error) else ""
    return [{"message": described(error) + hint}]


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else None
    return f"{message}; see `{command} --help`" if command else message


def described(error: BaseException) -> str:
    """Describe an error of foreign code, such as a plug-in's, in one line without secrets.

    Takes the first line of the text only: in errors of SQLAlchemy the statement and its values follow.
    """
    return masked(_described(error))


def _described(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    origin = getattr(error, "orig", None) or error
    text = next(iter(str(origin).strip().splitlines()), "") or type(origin).__name__
    if isinstance(error, OSError) or _is_of_a_service(error):
        return f"{type(error).__name__}: {text}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"this is a defect in {_owner(error)}: {type(error).__name__}: {text} ({Path(place.filename).name}:{place.lineno})"


def _owner(error: BaseException) -> str:
    """Whose code raised an error: that of the innermost frame that is of Botticelli or of a plug-in, and of no library."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root in _OURS:
            break
        if root in (names := _plug_ins()):
            return f"the plug-in {names[root]}"
    return "Botticelli"


def _plug_ins() -> dict[str, str]:
    """Return the names of installed plug-ins by their modules."""
    plug_ins = (entry for group in _PLUG_INS for entry in entry_points(group=group))
    return {root: entry.name for entry in plug_ins if (root := entry.module.partition(".")[0]) not in _OURS}


def _is_of_a_service(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _SERVICES
