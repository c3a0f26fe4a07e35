"""Builds the conversation that an act sees: what its inputs bring in, what earlier acts said, and what they fetched.

Long data is shortened here, without a model call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers import Media, Message
from botticelli.narrative.model import Act, NarrativeInput, Retention
from botticelli.store import ActRow
from botticelli.untrusted.storable import is_blank
from workers.context.iteration_context import IterationContext

LONG_CHARACTERS = 10_000
"""Fetched data longer than this is summarised for later acts, even with full history."""
SUMMARY_CHARACTERS = 600
SUMMARY_LINES = 8
LEFT_OUT = "[left out]"


@dataclass(frozen=True, slots=True)
class Piece:
    """The content that one input brought into an act. `kind` is its name in a summary."""

    text: str
    kind: str = "text"
    retention: Retention = "full"
    is_fetched: bool = False
    """True for content from a platform or a table, False for the author's own text."""


def history_text(pieces: Sequence[Piece]) -> str | None:
    """Return what later acts see of the pieces; None when they see all of them unchanged."""
    texts = [_remembered_text(piece) for piece in pieces]
    if all(text is piece.text for text, piece in zip(texts, pieces, strict=True)):
        return None
    return "\n\n".join(text for text in texts if text is not None)


def _remembered_text(piece: Piece) -> str | None:
    if piece.retention == "drop":
        return None
    is_long = piece.is_fetched and len(piece.text) > LONG_CHARACTERS
    return summary(piece) if piece.retention == "summary" or is_long else piece.text


def summary(piece: Piece) -> str:
    """Describe a piece by its kind, size and first lines."""
    begins = "\n".join(piece.text.splitlines()[:SUMMARY_LINES])[:SUMMARY_CHARACTERS]
    if len(begins) >= len(piece.text):
        return piece.text
    return f"[{piece.kind} of {len(piece.text):,} characters, which begins:]\n{begins}\n[...]"


def messages(stage: IterationContext, prompt: str, media: Sequence[Media] = ()) -> tuple[Message, ...]:
    """Build the conversation so far, with the prompt and its media at its end.

    It contains only acts of the same narrative that finished before this one. What acts without a model call brought is
    put in front of the next message.
    """
    conversation: list[Message] = []
    waiting: list[str] = []
    for prompt_text, answer in _exchanges(stage):
        if answer is None:
            waiting.append(prompt_text)
            continue
        conversation.append(Message("user", "\n\n".join((*waiting, prompt_text or LEFT_OUT))))
        conversation.append(Message("assistant", answer))
        waiting.clear()
    return (*conversation, Message("user", "\n\n".join((*waiting, prompt)), tuple(media)))


def _exchanges(stage: IterationContext) -> Iterator[tuple[str, str | None]]:
    """Yield the prompt and the answer of each earlier act; without an answer, the content that it brought."""
    if not stage.act.history:
        return
    for row in stage.earlier():
        act = stage.narrative.acts[row.position]
        if row.output is None:
            continue
        if row.prompt is not None:
            yield row.prompt if row.history_text is None else row.history_text, row.output
            continue
        exchange = _last_exchange(stage, act, row) if row.history_text is None else None
        brought = row.output if row.history_text is None else row.history_text
        if exchange is not None:
            yield exchange
        elif brought:
            yield f"{act.own_name}: {brought}", None


def _last_exchange(stage: IterationContext, act: Act, row: ActRow) -> tuple[str, str] | None:
    """Return the last exchange of the narrative that `act` performs; None when the act does something else."""
    performed = [input_ for input_ in act.inputs if isinstance(input_, NarrativeInput)]
    if not performed:
        return None
    positions = stage.turn_of(act, performed[-1], row.turn)
    for earlier in reversed(stage.rows()):
        if earlier.position in positions and earlier.prompt is not None and earlier.output is not None:
            return (
                earlier.prompt if earlier.history_text is None else earlier.history_text
            ) or LEFT_OUT, earlier.output
    return None


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
