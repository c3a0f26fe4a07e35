"""Interrupts code by a SIGTERM at each of its lines, to find where a handler waits for what it has interrupted."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

SECONDS = 5.0
"""The timeout of what is interrupted."""


def give_up(*_: object) -> None:
    raise TimeoutError


def interrupt_at(line: int, reached: list[str]) -> Any:
    """To be traced with: a SIGTERM at this one of the lines of all that is called."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and next(lines) == line:
            reached.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            signal.raise_signal(signal.SIGTERM)
        return trace

    return trace


def is_interrupted_at(line: int, act: Callable[[], object]) -> bool:
    """False for a line that `act` doesn't have."""
    reached: list[str] = []
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    sys.settrace(interrupt_at(line, reached))
    try:
        act()
    except TimeoutError:
        pytest.fail(f"waits for itself when interrupted at {reached}")
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return bool(reached)


def everywhere(act: Callable[[int], bool]) -> int:
    """At how many lines it was interrupted."""
    return sum(1 for _ in itertools.takewhile(act, itertools.count(1)))
