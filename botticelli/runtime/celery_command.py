"""The `celery` command line with our app: errors as one line and an exit code, and Flower on loopback. Starts nothing.

Celery prints a traceback for what an app raises while it is imported, and only logs what its signal handlers raise.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

import click

from botticelli.errors import BotticelliError, SettingsError
from botticelli.telemetry.masking import masked

FLOWER = "flower"
FLOWER_ADDRESS = "FLOWER_ADDRESS"
LOOPBACK = "127.0.0.1"
BROKER_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
"""Celery reads them before it looks at the settings of an app; `--broker` sets the first one."""


def command_name() -> str | None:
    """The subcommand of the `celery` that imports or configures our app; None in every other process."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or getattr(root.command.callback, "__module__", None) != "celery.bin.celery":
        return None
    return root.invoked_subcommand or ""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the `celery` command with one line where Botticelli refuses; in other processes the error goes on.

    The error of a plug-in is shown with its traceback, without secrets.
    """
    try:
        yield
    except BotticelliError as error:
        if command_name() is None:
            raise
        _end(error)
    except Exception as error:  # a plug-in's: Celery would print it as it is
        if command_name() is None:
            raise
        _show_masked(error)
        raise SystemExit(1) from None


def require_own_broker(url: str) -> None:
    """SettingsError when a variable of Celery's would send this process to another broker than ours."""
    for name in BROKER_VARIABLES:
        if os.environ.get(name, url) not in ("", url):
            do = f"unset {name} (`celery --broker` sets it too), and name the server in BOTTICELLI_REDIS_URL"
            raise SettingsError("names another broker than Botticelli's", where=f"environment variable {name}", do=do)


def prepare(name: str) -> None:
    """Make ready for a subcommand: late errors are one line as well, and Flower is for this machine unless told otherwise."""
    sys.excepthook = _one_line if name == FLOWER else _ours_in_one_line
    if name == FLOWER:
        os.environ.setdefault(FLOWER_ADDRESS, LOOPBACK)


def _end(error: BotticelliError) -> NoReturn:
    _say(str(error))
    raise SystemExit(error.exit_code) from None


def _say(text: str) -> None:
    for line in masked(text).splitlines():
        print(f"botticelli: error: {line}", file=sys.stderr, flush=True)


def _ours_in_one_line(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, BotticelliError):
        _say(str(error))
    else:
        _show_masked(error.with_traceback(trace))


def _show_masked(error: BaseException) -> None:
    print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr, flush=True)


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Of Flower, whose own errors are about its options: a port in use, an option that it doesn't know."""
    if not isinstance(error, Exception):
        _show_masked(error.with_traceback(trace))
    elif isinstance(error, OSError) and error.strerror:
        _say(f"Flower can't start: {error.strerror}; choose with --port and --address")
    else:
        text = next(iter(str(error).splitlines()), "")
        _say(f"Flower can't start: {kind.__name__}: {text}; see `celery -A botticelli flower --help`")
