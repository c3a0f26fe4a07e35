"""Resolves the references of templates while an iteration is performed.

Values are data and are never expanded again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from botticelli.errors import TemplateError
from botticelli.narrative import as_text, holds, literal_guilds, look_up, parse_json_or_text
from botticelli.narrative.model import Condition, Narrative, Reference, Template
from botticelli.narrative.source.problems import shown
from botticelli.narrative.templates.row_values import row_value
from botticelli.rows.row_keys import compact
from botticelli.store import ActRow, Transaction, escape_segment
from workers.context.iteration_context import IterationContext

Complete = Callable[[str], str | None]
"""Completes a key as a narrative writes it to a full one; None where the key doesn't fit."""


def resolver(stage: IterationContext, reference: Reference) -> Any:
    """Return the value of a reference now. TemplateError says what was looked for and what exists."""
    scope = stage.act.scope
    match reference.kind:
        case "act":
            return _act(stage, reference)
        case "previous":
            return _previous(stage, reference)
        case "state":
            return _state(stage, reference)
        case "var":
            return _variable(stage, reference.name)
        case "iteration":
            return (scope and scope.iteration) or stage.claim.number
        case "iterations":
            return (scope and scope.iterations) or stage.run.iterations
        case "row" | "rows" | "row_number":
            return _of_row(stage, reference)
        case "run":
            return stage.run.id
        case "narrative":
            return stage.narrative.name_for(stage.act)
        case "now":
            return stage.claim.started_at.astimezone(UTC).isoformat(timespec="seconds")


def list_of(stage: IterationContext, template: Template) -> list[Any]:
    """Return the list that a template refers to, as it is or as JSON text. TemplateError where it is no list."""
    (reference,) = template.references
    value = resolver(stage, reference)
    items = parse_json_or_text(value) if isinstance(value, str) else value
    if not isinstance(items, list):
        do = 'ask for a JSON list, and set format = "json"'
        raise TemplateError(f"is not a list: {shown(as_text(value))}", where=reference.text, do=do)
    return items


def is_skipped(stage: IterationContext, condition: Condition | None) -> bool:
    """Whether `skip_if` holds; a reference without a value counts as false."""
    return condition is not None and holds(condition, condition_value(stage, condition))


def condition_value(stage: IterationContext, condition: Condition) -> Any:
    """Return the value that a condition refers to now; None where there is none."""
    try:
        return resolver(stage, condition.reference)
    except TemplateError:
        return None


def guild_of(narrative: Narrative) -> str | None:
    """Return the guild of the narrative's commands when they all name the same one; else None."""
    guilds = literal_guilds(narrative)
    return guilds[0] if len(guilds) == 1 else None


def _of_row(stage: IterationContext, reference: Reference) -> Any:
    """Return a value of the row, or all of the row as JSON text: an `id` among its columns doesn't stand for it."""
    path, items = reference.path, stage.items
    if reference.kind == "rows":
        rows = [item.row for item in items]
        return look_up(rows, path, reference=reference.text) if path else compact(rows)
    if len(items) != 1:
        raise TemplateError(f"the iteration has {len(items) or 'no'} rows", where=reference.text)
    if reference.kind == "row_number":
        return items[0].number
    row = items[0].row
    if path:
        return row_value(row, path, reference=reference.text)
    return row if isinstance(row, str) else compact(row)


def _variable(stage: IterationContext, name: str) -> str:
    """Return a variable of the run, else the default of the act's own narrative, else of the whole one."""
    own = stage.act.scope.variables if stage.act.scope else {}
    return stage.given.get(name, own.get(name, stage.variables.get(name, "")))


def _act(stage: IterationContext, reference: Reference) -> Any:
    rows = [row for row in stage.rows() if row.name == reference.name]
    last = [row for row in rows if row.position == rows[-1].position]
    kind, *path = reference.path or ("output",)
    if kind == "outputs":
        return look_up([_output(row) for row in last], path, reference=reference.text)
    if not last or all(row.output is None for row in last):
        raise TemplateError(
            f"act {reference.name!r} has no output", where=reference.text, do="check whether it was skipped"
        )
    return look_up("\n\n".join(_output(row) for row in last), path, reference=reference.text)


def _previous(stage: IterationContext, reference: Reference) -> Any:
    spoken = [row for row in stage.earlier() if row.output is not None]
    if not spoken:
        raise TemplateError("no act before this one has an output", where=reference.text)
    _, *path = reference.path or ("output",)
    last = [row for row in spoken if row.position == spoken[-1].position]
    return look_up("\n\n".join(map(_output, last)), path, reference=reference.text)


def _output(row: ActRow) -> str:
    return row.output or ""


def _state(stage: IterationContext, reference: Reference) -> Any:
    with stage.runtime.store.transaction() as tx:
        narrative, guild = stage.narrative.name_for(stage.act), guild_of(stage.narrative)
        prefixes = tuple(dict.fromkeys((stage.state_prefix, "")))
        entry = find_state(tx, reference.name, narrative=narrative, guild=guild, prefixes=prefixes)
        if entry is None:
            raise _no_state(tx, reference)
    value, path = entry
    return look_up(value, path, reference=reference.text)


def find_state(
    tx: Transaction, name: str, *, narrative: str, guild: str | None, prefixes: Sequence[str] = ("",)
) -> tuple[Any, list[str]] | None:
    """Return the value stored under `name`, and the rest of the name, a path into it; None when no key matches.

    The exact key comes first, then the narrative's, the guild's and the global one; in each, the longest key that
    exists.
    """
    parts = name.split(".")
    splits = [(".".join(parts[:end]), parts[end:]) for end in range(len(parts), 0, -1)]
    candidates = [
        (prefix + full, path)
        for prefix in prefixes
        for complete in (_exact, _of_narrative(narrative), _of_guild(guild), _global)
        for key, path in splits
        if (full := complete(key)) is not None
    ]
    entries = tx.state.get_many([key for key, _ in candidates])
    return next(((entries[key].value, path) for key, path in candidates if key in entries), None)


def _exact(key: str) -> str:
    return key


def _global(key: str) -> str:
    return f"global.{key}"


def _of_narrative(narrative: str) -> Complete:
    return lambda key: f"narrative.{escape_segment(narrative)}.{key}"


def _of_guild(guild: str | None) -> Complete:
    """Complete `discord.channel.x` to `discord.{guild}.channel.x`."""

    def complete(key: str) -> str | None:
        platform, dot, rest = key.partition(".")
        return f"{platform}.{escape_segment(guild)}.{rest}" if guild and dot else None

    return complete


def _no_state(tx: Transaction, reference: Reference) -> TemplateError:
    near = tx.state.nearest_keys(reference.name)
    hint = f"the nearest keys are {', '.join(near)}" if near else "no similar key is stored"
    return TemplateError(f"state has no key {reference.name!r}", where=reference.text, do=hint)
