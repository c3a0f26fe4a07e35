"""Splits a body into the JSON objects that it carries: one object, a list, or the events of a stream.

Knows no provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

END_MARK = "[DONE]"

_FIELD = re.compile(r"(event|data|id|retry) ?:|:")
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `name` is its name, "" for most. `data` is its JSON; None when it is broken, and `text` holds it."""

    name: str
    data: Any
    text: str = ""


def events_in(body: str) -> Iterator[Event]:
    """Yield the events of a whole body. A broken last event is returned as it is."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        parser = EventParser()
        yield from parser.feed(body)
        yield from parser.close()
        return
    for item in whole if isinstance(whole, list) else [whole]:
        yield Event("", item)


class EventParser:
    """Parses server-sent events as they arrive, and bare JSON between them, which errors use."""

    def __init__(self) -> None:
        self._rest = ""
        self._name = ""
        self._data: list[str] = []
        self._bare: list[str] = []

    def feed(self, text: str) -> list[Event]:
        """Return the events that are now complete."""
        self._rest += text
        held = "\r" if self._rest.endswith("\r") else ""
        *lines, self._rest = _LINE_END.split(self._rest.removesuffix(held))
        self._rest += held
        return [event for line in lines for event in self._line(line)]

    def close(self) -> list[Event]:
        """Return the event that the end of the body leaves open."""
        last, self._rest = self._rest.removesuffix("\r"), ""
        return [event for line in (last, "") for event in self._line(line)]

    def _line(self, line: str) -> list[Event]:
        if not line.strip():
            return self._dispatch()
        field = _FIELD.match(line)
        if field is None:
            self._bare.append(line)
            return []
        value = line[field.end() :].removeprefix(" ")
        if field[1] == "data":
            self._data.append(value)
        elif field[1] == "event":
            self._name = value.strip()
        return []

    def _dispatch(self) -> list[Event]:
        data, bare = self._data, self._bare
        name, self._name, self._data, self._bare = self._name, "", [], []
        return [*_events(name, data), *_events(name, bare)]


def _events(name: str, lines: list[str]) -> list[Event]:
    """Return one event for all lines; one for each line when only single lines are JSON."""
    lines = [line for line in lines if line.strip() not in ("", END_MARK)]
    whole = _event(name, "\n".join(lines))
    if whole.data is None and len(lines) > 1:
        events = [_event(name, line) for line in lines]
        if any(event.data is not None for event in events):
            return events
    return [whole] if lines else []


def _event(name: str, text: str) -> Event:
    try:
        return Event(name, json.loads(text), text)
    except (ValueError, RecursionError):
        return Event(name, None, text)
