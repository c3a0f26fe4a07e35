"""Collects the text of an answer while it streams, and shows it a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.2


class StreamedText:
    """Collects pieces of an answer; `show` is called with all text so far, at most five times a second."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._clock = clock
        self._text: list[str] = []
        self._next = 0.0

    def add(self, piece: str) -> None:
        self._text.append(piece)
        now = self._clock()
        if now >= self._next:
            self._next = now + INTERVAL_SECONDS
            self._show("".join(self._text))
