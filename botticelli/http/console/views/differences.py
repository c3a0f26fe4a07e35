"""Shows what an edit changes, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botticelli.http.console.views.effect_cards import argument_of

MAX_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    kind: Literal["gone", "come", "same"]
    text: str


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Return the lines of all arguments that differ; lines that stay only next to those that change."""
    names = dict.fromkeys([*before, *after])
    return [line for name in names for line in _of(name, before.get(name), after.get(name))][:MAX_LINES]


def _of(name: str, before: Any, after: Any) -> Iterator[Line]:
    if before == after:
        return
    old, new = _lines(name, before), _lines(name, after)
    for line in [*difflib.unified_diff(old, new, lineterm="", n=1)][2:]:
        if line.startswith("@@"):
            continue
        yield Line("gone" if line[0] == "-" else "come" if line[0] == "+" else "same", line[1:])


def _lines(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    lines = argument_of(name, value).text.splitlines() or [""]
    return [f"{name}: {lines[0]}", *lines[1:]]
