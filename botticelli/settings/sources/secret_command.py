"""Runs the command that prints a secret, such as `op read op://vault/item/key`. No shell takes part.

The command's output appears in no message, and neither do its arguments: both may be secret.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import IO

from botticelli.errors import SettingsError
from botticelli.settings.sources.secret_values import MAX_BYTES, secret_text
from botticelli.telemetry.masking import remember

TIMEOUT_SECONDS = 30.0


def split_command(text: str) -> tuple[str, ...]:
    """Split a command at its blanks; quotes keep them, and no other character has a meaning. Raises ValueError."""
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise ValueError("must be a command: a quote in it is not closed") from None
    if not words or "\0" in text:
        raise ValueError("must be a command with its arguments")
    return words


def run_secret_command(words: Sequence[str], where: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """Return what the command prints, without white space around it. Raises SettingsError in one line."""
    do = "run it by hand as this user, with its program on the PATH"
    try:
        process = subprocess.Popen(  # noqa: S603 (the operator's own command, without a shell)
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise SettingsError(f"the command can't be started: {error.strerror}", where=where, do=do) from None
    with process:
        try:
            raw = _output_of(process, time.monotonic() + timeout_seconds)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children, too: they share its session
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            problem = f"the command took longer than {timeout_seconds:g} s and was ended"
            raise SettingsError(problem, where=where, do=do) from None
    if process.returncode != 0 and len(raw) <= MAX_BYTES:
        raise SettingsError(f"the command ended with exit code {process.returncode}", where=where, do=do)
    secret = secret_text(raw, "the command's output", where)
    remember(secret)
    return secret


def _output_of(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Read what the command prints until it ends, or a little more than is allowed. Raises TimeoutExpired."""
    output = process.stdout
    assert output is not None
    raw = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while len(raw) <= MAX_BYTES and (piece := _piece(selector, output, deadline)):
            raw += piece
    output.close()  # a command that prints on ends by SIGPIPE
    process.wait(max(0.0, deadline - time.monotonic()))
    return raw


def _piece(selector: selectors.BaseSelector, output: IO[bytes], deadline: float) -> bytes:
    seconds = deadline - time.monotonic()
    if seconds <= 0 or not selector.select(seconds):
        raise subprocess.TimeoutExpired("", 0)
    return os.read(output.fileno(), MAX_BYTES)
