"""Judges an answer by the gate of its act: checks, likeness to earlier texts, and the condition on its acceptance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botticelli.errors import TemplateError
from botticelli.gates.text_checks import Failure, failed_checks
from botticelli.gates.trigrams import first_near
from botticelli.narrative import as_text, holds, look_up, parse_json
from botticelli.narrative.gate import Gate, Unique
from botticelli.narrative.model import Condition
from botticelli.store import ActRow, TextColumn, TextPlace, Transaction
from workers.context.iteration_context import IterationContext
from workers.context.reference_values import condition_value

SHOWN_CHARACTERS = 500
RECENT_SECONDS = 600.0
"""How long the transaction may have lasted that accepts a text at the same time."""


def failures_of(stage: IterationContext, gate: Gate, row: ActRow) -> tuple[Failure, ...]:
    """Return why the gate doesn't accept an answer, the cheapest judgement first; none when it does."""
    output = row.output or ""
    failures = tuple(_broken_checks(gate, output))
    if not failures and gate.unique is not None:
        with stage.runtime.store.transaction() as tx:
            failures = tuple(near_copies(stage, tx, gate.unique, row))
    if not failures and gate.accept_if is not None:
        failures = tuple(_refused(stage, gate, gate.accept_if, output))
    return failures


def near_copies(
    stage: IterationContext, tx: Transaction, unique: Unique, row: ActRow, *, recent: bool = False
) -> Iterator[Failure]:
    """Yield a failure for each text of the answer that is nearly an earlier one, which it names.

    `recent`: only texts that were accepted a short while ago, since older ones were compared before.
    """
    seconds = unique.within_seconds
    if recent:
        seconds = min(seconds or RECENT_SECONDS, RECENT_SECONDS)
    for text in texts_of(unique, row.output or ""):
        near = first_near(text, tx.texts.earlier(column_of(stage, unique), place_of(row), seconds), unique.threshold)
        if near is not None:
            named = _shown(near.text)
            yield Failure("unique", f"it is too similar ({near.similarity:.2f} of 1) to an earlier text: {named}")


def column_of(stage: IterationContext, unique: Unique) -> TextColumn:
    return TextColumn(unique.table, unique.column, stage.is_rehearsal)


def place_of(row: ActRow) -> TextPlace:
    return TextPlace(row.run_id, row.number, row.position, row.turn)


def texts_of(unique: Unique, output: str) -> list[str]:
    """Return the texts of an answer that are compared: the column in its JSON, else the whole answer."""
    try:
        value = parse_json(output)
    except ValueError:
        return [output]
    objects = value if isinstance(value, list) else [value]
    texts = [as_text(item[unique.column]) for item in objects if isinstance(item, dict) and unique.column in item]
    return texts or [output]


def _broken_checks(gate: Gate, output: str) -> Iterator[Failure]:
    checks = gate.checks
    if checks is None:
        return
    text = output if checks.field is None else _field(output, checks.field)
    if text is None:
        yield Failure("field", f"it is not JSON with a text at {checks.field}")
    else:
        yield from failed_checks(text, checks)


def _refused(stage: IterationContext, gate: Gate, condition: Condition, output: str) -> Iterator[Failure]:
    """Yield why the condition doesn't hold; with the answer itself where it judges another act."""
    value = _value(stage, condition, output)
    if holds(condition, value):
        return
    is_now = "has no value" if value is None else f"is {_shown(as_text(value))}"
    yield Failure("accept_if", f"{condition.reference.text} {is_now}; {_demand(condition)}")
    if gate.back:
        yield Failure("accept_if", f"the answer of {stage.act.own_name}: {_shown(output)}")


def _value(stage: IterationContext, condition: Condition, output: str) -> Any:
    """Return the value of the condition; the act's own answer is not among the finished ones yet."""
    reference = condition.reference
    if (reference.kind, reference.name) != ("act", stage.act.name):
        return condition_value(stage, condition)
    try:
        return look_up(output, reference.path[1:], reference=reference.text)
    except TemplateError:
        return None


def _demand(condition: Condition) -> str:
    if condition.order is not None:
        words = f"{condition.order} {condition.bound:g}"
    else:
        words = "set" if condition.equals is None else f"{condition.equals!r}"
    return f"it must {'not ' if condition.negate else ''}be {words}"


def _field(output: str, path: str) -> str | None:
    try:
        return as_text(look_up(output, path.split("."), reference=path))
    except TemplateError:
        return None


def _shown(text: str) -> str:
    """Return a text in one line, quoted and cut."""
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= SHOWN_CHARACTERS else f'"{line[:SHOWN_CHARACTERS]}..."'
