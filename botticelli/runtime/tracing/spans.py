"""Defines the spans that workers open. These ones do nothing: they serve processes whose traces are off.

The trace of a run has the run's id. Spans of runs and iterations have ids that follow from their keys, so that any process can
be a parent's child, whatever broker or crash lies between, and may report the parent later.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Literal, NamedTuple

Attribute = str | int | float | bool | tuple[str, ...] | None
"""A value of a span; one that is None is left out."""
Attributes = Mapping[str, Attribute]
Kind = Literal["internal", "client", "consumer"]


class SpanKey(NamedTuple):
    """Identifies the span of a run (number 0), or of one attempt of an iteration."""

    run_id: str
    number: int = 0
    attempt: int = 0

    @property
    def run(self) -> SpanKey:
        return SpanKey(self.run_id)

    @property
    def trace_id(self) -> int:
        """The run's id as a number, which is the trace id; that of a run with another kind of id is a hash."""
        try:
            return uuid.UUID(self.run_id).int
        except ValueError:
            return int.from_bytes(hashlib.sha256(self.run_id.encode()).digest()[:16], "big")

    @property
    def span_id(self) -> int:
        digest = hashlib.sha256(f"{self.run_id}:{self.number}:{self.attempt}".encode()).digest()
        return int.from_bytes(digest[:8], "big") or 1


class OpenSpan:
    """A span that has begun. This one does nothing."""

    def set(self, attributes: Attributes) -> None:
        """Add values."""

    def fail(self, error: str, kind: str) -> None:
        """Mark the span as failed: `error` is one line without secrets, `kind` the error's class."""

    def end(self) -> None:
        """End the span."""


NO_SPAN = OpenSpan()


class Spans:
    """Begins spans. These do nothing."""

    is_on = False
    keeps_messages = False
    """Whether spans of model calls carry prompts and answers."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        key: SpanKey | None = None,
        parent: SpanKey | None = None,
        attributes: Attributes | None = None,
    ) -> OpenSpan:
        """Begin a span, with the id of `key` if it has one. Without `parent` it belongs to the span that is current."""
        return NO_SPAN

    @contextmanager
    def current(self, span: OpenSpan) -> Iterator[None]:
        """Make a span the current one of this thread."""
        yield

    def record(
        self,
        name: str,
        key: SpanKey,
        times: tuple[datetime, datetime],
        attributes: Attributes,
        error: str | None = None,
    ) -> None:
        """Report a span of a run or an iteration that has ended, with the times of its beginning and end."""

    def flush(self) -> None:
        """Send what has ended; may take as long as the receiver."""

    def close(self) -> None:
        """Send what has ended, for a few seconds at most."""


NO_SPANS = Spans()
