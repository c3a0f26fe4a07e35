"""Collects what the inputs of an act bring in: text and media for the model, and data for an act without one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers import Media
from botticelli.untrusted.storable import is_blank
from workers.context.history import Piece

EMPTY_TEXTS = ("[]", "{}", "null", "(no rows)")
"""How data without a row or a value is written in a text that quotes it."""


@dataclass(slots=True)
class GivenInputs:
    """The data that the inputs of an act bring in.

    `data` is the result of the last command, query or narrative, `output` its text.
    """

    pieces: list[Piece] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    data: Any = None
    output: str = ""
    is_empty: bool = True
    """True while inputs brought only blanks, or data without a row or a value."""

    def bring(self, data: Any, piece: Piece, output: str | None = None) -> None:
        self.pieces.append(piece)
        self.data = data
        self.output = as_output(data) if output is None else output
        self.is_empty = self.is_empty and has_no_content(data)


def has_no_content(data: Any) -> bool:
    """Whether a text or the data of an input has no content."""
    if isinstance(data, str):
        return is_blank(data) or data.strip() in EMPTY_TEXTS
    return data is None or data in ([], {})


def as_output(data: Any) -> str:
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
