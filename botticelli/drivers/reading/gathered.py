"""Collects what has been read of one answer so far: text, reasoning, finish reason, counts, errors. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers.reading.error_bodies import ErrorBody, read_error_body
from botticelli.drivers.reading.finish import finish_word
from botticelli.drivers.reading.parts import Parts
from botticelli.drivers.reading.usage import NOTHING, Counts
from botticelli.untrusted.storable import storable


@dataclass(slots=True)
class Gathered:
    """Parts of an answer read so far.

    `is_begun`: some part of an answer has arrived. `reason` is the provider's finish reason.
    """

    parts: list[Parts] = field(default_factory=list)
    reason: str = ""
    finish: str = ""
    counts: Counts = NOTHING
    service: str = ""
    error: ErrorBody | None = None
    is_begun: bool = False
    is_damaged: bool = False

    def add(self, parts: Parts) -> str:
        """Add parts and return their new text."""
        self.is_begun = self.is_begun or parts != Parts()
        self.parts.append(parts)
        return parts.text

    def end(self, reason: Any) -> None:
        """Keep the last reason that is not empty."""
        word = finish_word(reason)
        if word:
            self.is_begun, self.finish, self.reason = True, word, storable(str(reason)[:60])

    def fail(self, body: Any) -> None:
        """Keep the first error."""
        self.error = self.error or read_error_body(body)

    def count(self, counts: Counts) -> None:
        self.counts = self.counts.largest(counts)

    def serve(self, service: str) -> None:
        """Keep the last service that is named."""
        self.service = service or self.service

    def joined(self) -> Parts:
        """Join all parts in order. Joins halves of a character that arrived in two pieces."""
        texts = (
            storable("".join(part.text for part in self.parts)),
            storable("".join(part.reasoning for part in self.parts)),
            storable("".join(part.refusal for part in self.parts)),
        )
        left_out = dict.fromkeys(kind for part in self.parts for kind in part.left_out)
        return Parts(*texts, any(part.has_tools for part in self.parts), tuple(map(storable, left_out)))


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list, or the object itself in a list."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, Mapping)]
