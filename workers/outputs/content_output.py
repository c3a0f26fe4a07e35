"""Turns the JSON in an act's output into content rows; decides which acts store content, and in which columns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.narrative.model import Act, Narrative
from botticelli.store import NewRow, Origin, Tables, Transaction
from botticelli.store.user_data.content_tables import BOOKKEEPING, MAX_COLUMNS, NAME
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed
from workers.outputs.response_json import read_json

MAX_OUTPUT_CHARACTERS = 1_000_000
MAX_ROWS = 1_000
MAX_DEPTH = 16
MAX_VALUE_CHARACTERS = 100_000

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]{0,62}")
_KINDS = {"text": "text", "number": "a number", "boolean": "true or false", "json": "JSON"}
_KINDS |= {"timestamp": "a time in ISO 8601", "date": "a date in ISO 8601"}


@dataclass(frozen=True, slots=True)
class Schema:
    """The table for an act's rows.

    `columns` are those of the template; None without one: then the rows' keys decide.
    """

    table: str
    template: str | None
    columns: Mapping[str, str] | None
    key: tuple[str, ...] = ()
    """The columns that name a row of the run: rows that were stored for the same key before are replaced."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """The values of these columns; empty when an answer is about several rows, and must name them itself."""

    @property
    def note(self) -> str:
        """Instructions about the answer's format for the prompt; empty without a template."""
        if self.columns is None:
            return ""
        lines = "\n".join(f"- {name}: {_KINDS[kind]}" for name, kind in self.columns.items())
        example = json.dumps([{name: _KINDS[kind] for name, kind in self.columns.items()}])
        return (
            "\n\nAnswer with JSON and nothing else: one object, or an array of objects, each with these keys:\n"
            f"{lines}\n```json\n{example}\n```"
        )


def schema_of(stage: IterationContext, position: int) -> Schema | None:
    """Return where an act's content goes; None for an act that stores none.

    ActFailed when its template doesn't exist.
    """
    act = stage.narrative.acts[position]
    content, name = stage.narrative.content_for(act), stage.narrative.name_for(act)
    if not stores_content(stage.narrative, position):
        return None
    target = content.target or re.sub("[^a-z0-9_]", "_", name.lower())
    if not NAME.fullmatch(target):
        raise ActFailed(f"{name} is not a valid name of a content table; set target in the narrative")
    if content.template is None:
        return _keyed(Schema(target, None, None), stage)
    settings = stage.tables
    with stage.runtime.store.reading(settings.timeout_seconds) as connection:
        tables = Tables(connection, allow=settings.allow, write=settings.write)
        seen = tables.find(content.template)
        offer = ", ".join(tables.names()[:20]) or "none yet"
    if seen is None:
        raise ActFailed(f"the template {content.template} is not a readable table; readable tables: {offer}")
    columns = {name: kind_of_type(kind) for name, kind in seen.columns.items() if name not in BOOKKEEPING}
    return _keyed(Schema(target, content.template, columns), stage)


def _keyed(schema: Schema, stage: IterationContext) -> Schema:
    """Add the key of the iteration's row, if its run goes through rows with a key."""
    names = stage.narrative.carousel.key if stage.narrative.carousel else ()
    if not names or not stage.items:
        return schema
    columns = {name: _key_column(name) for name in names}
    absent = [column for column in columns.values() if schema.columns is not None and column not in schema.columns]
    if absent:
        raise ActFailed(f"the template {schema.template} has no column {absent[0]} for the key of the rows")
    single = stage.items[0].row if len(stage.items) == 1 else {}
    own = {column: _key_value(single[name]) for name, column in columns.items() if name in single}
    return replace(schema, key=tuple(columns.values()), own=own)


def _key_column(name: str) -> str:
    """Return the column of a content table for a column of the key: `id` and the like are taken there."""
    column = _column_name(name)
    return f"row_{column}" if column in BOOKKEEPING else column


def _key_value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value)


def stores_content(narrative: Narrative, position: int) -> bool:
    """Whether an act's answer becomes content.

    Within one narrative those are the acts with `extract_output`; if there are none, the last act with an answer from a
    model or another narrative.
    """
    act = narrative.acts[position]
    if not narrative.content_for(act).is_generated or not _has_answer(act) or act.skip_content_generation:
        return False
    beside = narrative.positions_beside(act)
    if any(narrative.acts[number].extract_output for number in beside):
        return act.extract_output
    return position == max(number for number in beside if _has_answer(narrative.acts[number]))


def _has_answer(act: Act) -> bool:
    return act.calls_model or act.composes is not None


def rows_in(output: str, schema: Schema) -> list[NewRow]:
    """Return the rows in an answer. ActFailed when it holds no JSON, or JSON that no table could store."""
    if len(output) > MAX_OUTPUT_CHARACTERS:
        raise ActFailed(f"the answer is longer than {MAX_OUTPUT_CHARACTERS:,} characters")
    read = read_json(output, anywhere=True)
    value: Any = read.value if read else None
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        value = only if isinstance(only, list) and only and all(isinstance(item, dict) for item in only) else value
    objects: list[Any] = value if isinstance(value, list) else [value]
    if not objects or not all(isinstance(item, dict) and item for item in objects):
        raise ActFailed("the answer holds no JSON object that could be stored; ask for JSON in the prompt")
    if len(objects) > MAX_ROWS:
        raise ActFailed(f"the answer holds more than {MAX_ROWS} rows")
    return [_with_key(_row(object_, schema), schema) for object_ in objects]


def _with_key(row: NewRow, schema: Schema) -> NewRow:
    values = {**row.values, **schema.own}
    absent = [column for column in schema.key if values.get(column) is None]
    if absent and not schema.own:
        raise ActFailed(f"an object of the answer has no {absent[0]}, which says what row it is about; ask for it")
    return replace(row, values=values)


def store(tx: Transaction, schema: Schema, rows: Sequence[NewRow], origin: Origin) -> None:
    """Store rows within the act's transaction. ActFailed when the table refuses them."""
    columns = schema.columns if schema.columns is not None else columns_of(rows)
    try:
        tx.content.add(schema.table, rows, origin, template=schema.template, columns=columns, key=schema.key)
    except InvalidInput as error:
        raise ActFailed(f"the rows can't be stored: {error}") from None


def columns_of(rows: Sequence[NewRow]) -> dict[str, str]:
    """Return column names and types for the rows' values; values of several types become text."""
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.values.items():
            kinds.setdefault(name, set()).update([] if value is None else [_kind(value)])
    return {name: next(iter(names)) if len(names) == 1 else "text" for name, names in kinds.items()}


def kind_of_type(written: str) -> str:
    """Return the kind of column for a type as Postgres writes it."""
    name = written.upper()
    if name.startswith(("SMALLINT", "INTEGER", "BIGINT", "NUMERIC", "REAL", "DOUBLE", "FLOAT", "DECIMAL")):
        return "json" if "[]" in name else "number"
    kinds = {"BOOLEAN": "boolean", "TIMESTAMP": "timestamp", "DATE": "date", "JSON": "json", "ARRAY": "json"}
    return next((kind for start, kind in kinds.items() if name.startswith(start)), "json" if "[]" in name else "text")


def _row(object_: dict[str, Any], schema: Schema) -> NewRow:
    if len(object_) > MAX_COLUMNS + len(BOOKKEEPING):
        raise ActFailed(f"a row of the answer has more than {MAX_COLUMNS} keys")
    values: dict[str, Any] = {}
    for key, value in object_.items():
        name = _column_name(key)
        _check_value(name, value)
        if schema.columns is not None and name not in schema.columns:
            continue
        values[name] = value
    stored = {name: value for name, value in values.items() if name not in BOOKKEEPING}
    return NewRow(stored, _tags(object_), _rating(object_))


def _column_name(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ActFailed(
            f"the answer has a key that is not a valid column name: {key[:60]!r}; use letters, digits and _"
        )
    return re.sub("[ -]", "_", key.lower())


def _check_value(name: str, value: Any) -> None:
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
        raise ActFailed(f"the value of {name} is longer than {MAX_VALUE_CHARACTERS:,} characters")
    waiting = [(value, 1)]
    while waiting:
        outer, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ActFailed(f"the value of {name} is nested more than {MAX_DEPTH} levels deep")
        inner = outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
        waiting.extend((each, depth + 1) for each in inner)


def _tags(object_: Mapping[str, Any]) -> tuple[str, ...]:
    tags = object_.get("tags")
    return tuple(tag[:100] for tag in tags[:50] if isinstance(tag, str)) if isinstance(tags, list) else ()


def _rating(object_: Mapping[str, Any]) -> int | None:
    rating = object_.get("rating")
    return rating if type(rating) is int and 1 <= rating <= 5 else None


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "json"
