"""Counts the threads that run a task, and keeps an exception of a task from occupying its thread for ever.

Celery's lists name the tasks it has handed out, even when its bookkeeping failed and no thread works on them.
"""

from __future__ import annotations

import threading
from typing import Any

from celery import Task

from botticelli.errors import BotticelliError


class Slots:
    """Counts the threads of this process that are within a task."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._performing = 0

    @property
    def performing(self) -> int:
        return self._performing

    def __enter__(self) -> None:
        with self._lock:
            self._performing += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._performing -= 1


slots = Slots()


class CountedTask(Task):  # type: ignore[misc]
    """The base of all tasks; raises what Celery's thread pool would swallow as an error that it reports."""

    abstract = True

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        with slots:
            try:
                return self.run(*args, **kwargs)
            except MemoryError:
                raise BotticelliError("out of memory", do="give the worker more memory or fewer threads") from None
            except SystemExit:
                if threading.current_thread() is threading.main_thread():
                    raise
                raise BotticelliError("a task tried to exit its thread", do="report it") from None
