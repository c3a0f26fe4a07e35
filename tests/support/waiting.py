"""Waits for a condition with a deadline, the only way in which a test lets time pass, and judges speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
TRIES = 4


def wait_until(condition: Callable[[], T | None], what: str, timeout_seconds: float = 180) -> T:
    """Return the first true value of `condition`; raise AssertionError that names `what` after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout_seconds:g} s in vain for {what}"
        threading.Event().wait(POLL_SECONDS)


def at_best(is_fast: Callable[[], bool], *, seconds: float = 0) -> bool:
    """Return whether one of a few tries is as fast as promised.

    Tries go on for `seconds` at least: a machine may be busy now and then, but a slow program is always slow.
    """
    begun, tries = time.monotonic(), 0
    while tries < TRIES or time.monotonic() - begun < seconds:
        if is_fast():
            return True
        tries += 1
    return False
