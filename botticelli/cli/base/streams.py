"""The three standard streams as a command finds them: closed, full, or with a reader that has left. Says nothing itself."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def open_streams() -> None:
    """Open what the caller closed (`>&-`) on the null device: else the first socket takes its number, and is written to."""
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
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that lacks a letter


def flush_streams() -> bool:
    """Write what is left in the streams.

    Returns False when a stream takes nothing more; it is led to the null device, or Python would complain when it ends.
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
