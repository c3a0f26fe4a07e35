"""Prepares and flushes the standard streams, which may be closed, full, or without a reader."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def open_streams() -> None:
    """Open closed streams (`>&-`) on the null device; else the first socket gets their number and receives output."""
    for number, name, mode in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  (for the rest of the process)
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for terminals that lack a character


def flush_streams() -> bool:
    """Flush stdout and stderr; return False when one of them can't be written to.

    Such a stream is redirected to the null device, so that Python doesn't report it again at exit.
    """
    return all([_flushed(stream) for stream in (sys.stdout, sys.stderr)])


def _flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        return False
    return True
