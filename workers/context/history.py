"""What an act sees of the acts before it: their conversation, and what they fetched. Asks no model to sum anything up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from botticelli.drivers import Media, Message
from botticelli.narrative.model import Act, NarrativeInput, Retention
from botticelli.store import ActRow
from workers.context.iteration_context import Stage

LONG_CHARACTERS = 10_000
"""Fetched data that is longer is summed up for later acts, even when it is to be kept in full."""
SUMMARY_CHARACTERS = 600
SUMMARY_LINES = 8
LEFT_OUT = "[left out]"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one input brought into an act. `kind` is what a summary calls it."""

    text: str
    kind: str = "text"
    retention: Retention = "full"
    is_fetched: bool = False
    """Not the author's own text: it came from a platform or a table."""


def remembered(pieces: Sequence[Piece]) -> str | None:
    """What later acts see of the pieces; None when that is all of them, as they are."""
    kept = [_kept(piece) for piece in pieces]
    if all(one is piece.text for one, piece in zip(kept, pieces, strict=True)):
        return None
    return "\n\n".join(one for one in kept if one is not None)


def _kept(piece: Piece) -> str | None:
    if piece.retention == "drop":
        return None
    is_long = piece.is_fetched and len(piece.text) > LONG_CHARACTERS
    return summary(piece) if piece.retention == "summary" or is_long else piece.text


def summary(piece: Piece) -> str:
    """Kind, size and first lines."""
    begins = "\n".join(piece.text.splitlines()[:SUMMARY_LINES])[:SUMMARY_CHARACTERS]
    if len(begins) >= len(piece.text):
        return piece.text
    return f"[{piece.kind} of {len(piece.text):,} characters, which begins:]\n{begins}\n[...]"


def messages(stage: Stage, prompt: str, media: Sequence[Media] = ()) -> tuple[Message, ...]:
    """Build the conversation so far, with the prompt and its media at its end.

    Only acts of the same narrative that are done before this one are in it.

    What acts without a model call brought stands in front of the next thing that is said.
    """
    told: list[Message] = []
    waiting: list[str] = []
    for said, answer in _exchanges(stage):
        if answer is None:
            waiting.append(said)
            continue
        told.append(Message("user", "\n\n".join((*waiting, said or LEFT_OUT))))
        told.append(Message("assistant", answer))
        waiting.clear()
    return (*told, Message("user", "\n\n".join((*waiting, prompt)), tuple(media)))


def _exchanges(stage: Stage) -> Iterator[tuple[str, str | None]]:
    """What each earlier act said and was answered; without an answer, what it brought."""
    if not stage.act.history:
        return
    for row in stage.earlier():
        act = stage.narrative.acts[row.position]
        if row.output is None:
            continue
        if row.prompt is not None:
            yield row.prompt if row.remembered is None else row.remembered, row.output
            continue
        spoken = _last_spoken(stage, act, row) if row.remembered is None else None
        brought = row.output if row.remembered is None else row.remembered
        if spoken is not None:
            yield spoken
        elif brought:
            yield f"{act.own_name}: {brought}", None


def _last_spoken(stage: Stage, act: Act, row: ActRow) -> tuple[str, str] | None:
    """Of an act that only performs another narrative: the last exchange there."""
    performed = [one for one in act.inputs if isinstance(one, NarrativeInput)]
    if not performed:
        return None
    positions = stage.turn_of(act, performed[-1], row.turn)
    for one in reversed(stage.rows()):
        if one.position in positions and one.prompt is not None and one.output is not None:
            return (one.prompt if one.remembered is None else one.remembered) or LEFT_OUT, one.output
    return None
