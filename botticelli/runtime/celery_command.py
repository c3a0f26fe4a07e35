"""Makes the `celery` command line report errors in one line with an exit code, and keeps Flower on loopback.

By itself Celery prints a traceback when importing an app fails, and only logs the errors of its signal handlers.
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
from botticelli.settings.sources.secret_values import read_secret
from botticelli.telemetry.masking import masked

FLOWER = "flower"
FLOWER_ADDRESS = "FLOWER_ADDRESS"
FLOWER_LOGIN = "FLOWER_BASIC_AUTH"
LOOPBACK = "127.0.0.1"
BROKER_VARIABLES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
"""The variables that take precedence over an app's broker setting in Celery; `--broker` sets the first one."""


def celery_subcommand() -> str | None:
    """Return the subcommand of the `celery` command that runs in this process; None in every other process."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or getattr(root.command.callback, "__module__", None) != "celery.bin.celery":
        return None
    return root.invoked_subcommand or ""


@contextmanager
def report_errors_in_one_line() -> Iterator[None]:
    """End the `celery` command with one line on an error of Botticelli; other processes get the exception.

    The error of a plug-in is shown with its traceback, with secrets masked.
    """
    try:
        yield
    except BotticelliError as error:
        if celery_subcommand() is None:
            raise
        _end(error)
    except Exception as error:  # a plug-in's: Celery would print it as it is
        if celery_subcommand() is None:
            raise
        _show_masked(error)
        raise SystemExit(1) from None


def require_own_broker(url: str) -> None:
    """Raise SettingsError when an environment variable of Celery would override the broker of the settings."""
    for name in BROKER_VARIABLES:
        if os.environ.get(name, url) not in ("", url):
            do = f"unset {name} (`celery --broker` sets it too), and name the server in BOTTICELLI_REDIS_URL"
            raise SettingsError("names a broker other than Botticelli's", where=f"environment variable {name}", do=do)


def prepare(name: str) -> None:
    """Prepare for a subcommand: late errors are one line, too.

    Flower listens on loopback unless configured otherwise, and takes its login from a file, too.
    """
    sys.excepthook = _show_flower_error if name == FLOWER else _show_error
    if name == FLOWER:
        os.environ.setdefault(FLOWER_ADDRESS, LOOPBACK)
        if login := read_secret(os.environ, FLOWER_LOGIN):
            os.environ[FLOWER_LOGIN] = login


def _end(error: BotticelliError) -> NoReturn:
    _print_error(str(error))
    raise SystemExit(error.exit_code) from None


def _print_error(text: str) -> None:
    for line in masked(text).splitlines():
        print(f"botticelli: error: {line}", file=sys.stderr, flush=True)


def _show_error(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error of Botticelli in one line, any other with its traceback."""
    if isinstance(error, BotticelliError):
        _print_error(str(error))
    else:
        _show_masked(error.with_traceback(trace))


def _show_masked(error: BaseException) -> None:
    print(masked("".join(traceback.format_exception(error))), end="", file=sys.stderr, flush=True)


def _show_flower_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print any error of Flower in one line: most are about its options, such as a port in use."""
    if not isinstance(error, Exception):
        _show_masked(error.with_traceback(trace))
    elif isinstance(error, OSError) and error.strerror:
        _print_error(f"Flower can't start: {error.strerror}; choose with --port and --address")
    else:
        text = next(iter(str(error).splitlines()), "")
        _print_error(f"Flower can't start: {kind.__name__}: {text}; see `celery -A botticelli flower --help`")
