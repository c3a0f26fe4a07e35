"""Waits for a condition with a deadline, the only way in which a test lets time pass, and judges speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05
TRIES = 4
SAMPLE_SECONDS = 0.05


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


def slowness() -> float:
    """Return how many times longer than its processor time work takes at this moment: 1 when the machine is idle.

    A duration that is promised for an idle machine is multiplied by this.
    """
    began, used = time.perf_counter(), time.thread_time()
    while time.thread_time() - used < SAMPLE_SECONDS:
        pass
    return max(1.0, (time.perf_counter() - began) / (time.thread_time() - used))
