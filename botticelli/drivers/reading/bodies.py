"""Reads the body of an answer with status 200 to its end: the response, or why there is none. Never raises."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from botticelli.drivers.interface.protocol import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.reading.error_bodies import ErrorBody, is_markup, read_error_body
from botticelli.drivers.reading.finish import ERROR, REFUSED, STOP, TOOLS
from botticelli.drivers.reading.gathered import Gathered
from botticelli.drivers.reading.json_events import Event, EventParser, events_in
from botticelli.drivers.reading.parts import Parts
from botticelli.drivers.reading.thinking import ThinkingFilter, split_thinking, tags_in
from botticelli.drivers.reading.usage import check_usage
from botticelli.drivers.reading.wires import Wire
from botticelli.pricing import SERVICES, STANDARD
from botticelli.telemetry.log import log
from botticelli.untrusted.storable import storable

SHOWN_CHARACTERS = 200
ANSWER = frozenset(("choices", "candidates", "delta", "content", "content_block"))
"""Fields of an event that carries a part of an answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A response with status 200 that holds no usable answer.

    `refused`: the provider says so in `error`. `broken`: the body ends too early, so the tokens served are unknown.
    `usage` is what the begun answer used, None when none had begun.
    """

    kind: Literal["refused", "broken"]
    error: ErrorBody
    usage: Usage | None = None


def read_answer(
    wire: Wire, request: GenerateRequest, body: bytes, *, streamed: bool = False, accepted: tuple[str, ...] = ()
) -> GenerateResponse | Failure:
    """Read the body of an answer. `accepted` are further finish reasons that count as complete."""
    text = body.decode("utf-8-sig", "replace")
    events = list(events_in(text))
    gathered = Gathered()
    for event in events:
        take(wire, gathered, event)
    failure = _failure(request, gathered, text, events, streamed)
    return failure or _response(request, gathered, accepted)


def take(wire: Wire, gathered: Gathered, event: Event) -> str:
    """Return the new text of one event. A defect of ours costs this event and not the answer."""
    if event.data is None and event.text.strip() != "null":
        gathered.is_damaged = gathered.is_damaged or bool(event.text)
    try:
        return wire.take(gathered, event.name, event.data)
    except Exception as error:
        gathered.is_damaged = True
        log("answer_part_unreadable", level=logging.ERROR, wire=type(wire).__name__, error=type(error).__name__)
        return ""


class Preview:
    """Shows the text of a streamed body while its bytes arrive.

    The settled answer is read from the whole body afterwards.
    """

    def __init__(self, wire: Wire, request: GenerateRequest, on_text: Callable[[str], None]) -> None:
        self._wire = wire
        self._on_text = on_text
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._events = EventParser()
        self._filter = ThinkingFilter(tags_in(request))
        self._gathered = Gathered()
        self.has_shown = False

    def feed(self, chunk: bytes) -> None:
        for event in self._events.feed(self._bytes.decode(chunk)):
            self._show(self._filter.feed(take(self._wire, self._gathered, event)))

    def finish(self, response: GenerateResponse) -> None:
        """Show the rest of the text; all of it when the body was no stream."""
        for event in self._events.close():
            self._show(self._filter.feed(take(self._wire, self._gathered, event)))
        self._show(self._filter.finish())
        if not self.has_shown:
            self._show(response.text)

    def _show(self, piece: str) -> None:
        if piece:
            self.has_shown = True
            self._on_text(storable(piece))


def _failure(
    request: GenerateRequest, gathered: Gathered, text: str, events: list[Event], streamed: bool
) -> Failure | None:
    parts = gathered.joined()
    is_whole = gathered.finish == STOP and bool(parts.text.strip())
    if gathered.error is not None and not is_whole:
        return Failure("refused", gathered.error, _served(request, gathered, parts))
    if gathered.finish == ERROR:
        error = ErrorBody(f"the answer ended with an error (finish reason: {gathered.reason})")
        return Failure("refused", error, _served(request, gathered, parts))
    broken = next((event for event in events if event.data is None and event.text[:1] in ("{", "[")), None)
    if gathered.is_begun:
        is_open = not gathered.finish and (streamed or len(events) > 1)
        unnamed = next(filter(None, map(_unnamed_error, events)), None) if is_open else None
        if unnamed is not None:
            return Failure("refused", unnamed, _served(request, gathered, parts))
        return Failure("broken", ErrorBody("the answer broke off: it ended without a reason")) if is_open else None
    if broken is not None:
        return Failure("broken", ErrorBody("the answer broke off: its JSON is incomplete"))
    return Failure("refused", _nothing(gathered, text, events), _served(request, gathered, parts))


def _served(request: GenerateRequest, gathered: Gathered, parts: Parts) -> Usage | None:
    """Return the usage of a failed answer: the counts so far, at least an estimate of its text."""
    written = parts.text + parts.reasoning + parts.refusal
    if not written and not gathered.counts.output_tokens and not gathered.counts.input_tokens:
        return None
    return check_usage(request, written, gathered.counts).usage


def _unnamed_error(event: Event) -> ErrorBody | None:
    """Return the error in an event that is not marked as one: it has a message and no part of an answer."""
    data = event.data
    if not isinstance(data, Mapping) or data.keys() & ANSWER or isinstance(data.get("message"), Mapping):
        return None
    error = read_error_body(data)
    return error if error.message else None


def _nothing(gathered: Gathered, text: str, events: list[Event]) -> ErrorBody:  # noqa: ARG001 (called as its peers are)
    """Explain why a body holds no answer, in its own words if it has any."""
    if not text.strip():
        return ErrorBody("the body of the answer is empty")
    error = next((read for event in events if (read := read_error_body(event.data)).message or read.status), None)
    if error is not None:
        return error
    if any(event.data is not None for event in events) or text.strip() in ("null", "[]"):
        return ErrorBody("the answer holds no text and no reason")
    kind = "a web page" if is_markup(text) else "a text"
    shown = read_error_body(text).message[:SHOWN_CHARACTERS]
    return ErrorBody(f"the answer is {kind} and not JSON: {shown}")


def _response(request: GenerateRequest, gathered: Gathered, accepted: tuple[str, ...]) -> GenerateResponse:
    parts = gathered.joined()
    text, thinking = split_thinking(parts.text, tags_in(request))
    reasoning = "\n\n".join(filter(None, (parts.reasoning.strip(), thinking)))
    checked = check_usage(request, parts.text + parts.reasoning + parts.refusal, gathered.counts)
    finish, warnings = _finish(gathered, parts, accepted)
    return GenerateResponse(
        text=text,
        usage=checked.usage,
        finish_reason=finish,
        warnings=(*checked.doubts, *map(storable, warnings), *_left_out(gathered, parts)),
        usage_doubtful=bool(checked.doubts) or gathered.is_damaged,
        reasoning=reasoning,
        service=gathered.service if gathered.service.partition("+")[0] in SERVICES else STANDARD,
    )


def _finish(gathered: Gathered, parts: Parts, accepted: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    finish = gathered.finish
    if parts.refusal.strip() and finish in ("", STOP, REFUSED):
        return REFUSED, (f"the model refused: {' '.join(parts.refusal.split())[:SHOWN_CHARACTERS]}",)
    if finish == REFUSED:
        return REFUSED, (f"the provider's reason: {gathered.reason}",)
    if parts.has_tools and finish in ("", STOP):
        finish = TOOLS
    if finish in {word.lower() for word in accepted}:
        return STOP, (f"the answer ended with {finish}, which accepted_finish_reasons counts as complete",)
    return (finish, ()) if finish else (STOP, ("the provider didn't say why the answer ended",))


def _left_out(gathered: Gathered, parts: Parts) -> list[str]:
    warnings = [f"parts of the answer without text were left out: {', '.join(parts.left_out)}"]
    lines = warnings if parts.left_out else []
    if gathered.error is not None:
        lines.append(f"the answer came with an error: {gathered.error.message[:SHOWN_CHARACTERS]}")
    return lines + (["a part of the answer can't be read and was left out"] if gathered.is_damaged else [])
