"""Ctrl-C, SIGTERM and SIGHUP as a number that somebody looks at, instead of the end of this process."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """Counts them as long as its block lasts. A SIGHUP that is ignored already (`nohup`) stays ignored."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def add(self) -> None:
        self.count += 1

    def __enter__(self) -> Interruptions:
        for one in _SIGNALS:
            if one is signal.SIGHUP and signal.getsignal(one) is signal.SIG_IGN:
                continue
            self._before[one] = signal.signal(one, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.add()
