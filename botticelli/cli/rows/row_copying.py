"""Copies the rows of a run in the background while the command follows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botticelli.errors import BotticelliError

if TYPE_CHECKING:
    from botticelli.carousel.enqueuing.row_copy import RowCopy
    from botticelli.cli.base.signals import SignalCounter
    from botticelli.cli.follow.view import View

POLL_SECONDS = 0.2
LEAVES = 2
"""The user leaves at once with this many times Ctrl-C."""


@contextmanager
def copying(row_copy: RowCopy | None, view: View, signals: SignalCounter) -> Iterator[None]:
    """Copy the rows that are left while the block runs, and wait for the end of it, unless the user leaves at once."""
    if row_copy is None:
        yield
        return
    thread = threading.Thread(target=_copy, args=(row_copy, view), name="row-copy", daemon=True)
    thread.start()
    try:
        yield
    finally:
        while thread.is_alive() and signals.count < LEAVES:
            thread.join(POLL_SECONDS)


def _copy(row_copy: RowCopy, view: View) -> None:
    try:
        row_copy.run()
    except BotticelliError as error:
        view.note(f"the rows were not all copied: {error}")
