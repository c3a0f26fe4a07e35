"""Reads table inputs: which rows of which table an act is given. Queries no table; `row_filter` parses `where`."""

from __future__ import annotations

from typing import Any, get_args

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import TABLE, TEXT, fits, read_table
from botticelli.narrative.model import AllOf, Comparison, Filter, Not, SortOrder, TableInput, Value
from botticelli.narrative.source.problems import nearest, shown
from botticelli.narrative.templates.row_filter import COLUMN, COLUMN_WORDS, Refused, parse_where
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath

MAX_COLUMNS = 100
MAX_VALUES = 1000

_OPS = (*get_args(Comparison.model_fields["op"].annotation), "<>", "not in", "not like", "not ilike", "is_not_null")
_SAME = ("limit", "offset", "format", "alias", "pull_and_delete", "required", "history_retention")


def read_table_input(texts: TemplateReader, path: TomlPath, value: dict[str, Any]) -> TableInput | None:
    """Read an input of type table, or `[tables.NAME]`; None when something is wrong with it."""
    problems = texts.problems
    table = read_table(problems, path, value, keys.TABLE_INPUT, subject="a table input")
    if table.get("type", "table") != "table":
        problems.add((*path, "type"), "must be table", "remove type")
    if "table_name" not in value:
        typo = nearest("table_name", value)
        hint = f"rename {shown(typo)} to table_name?" if typo else 'write table_name = "..."'
        problems.add((*path, "table_name"), "is missing", hint)
    if "table_name" not in table:
        return None
    return TableInput(
        table_name=table["table_name"],
        columns=_columns(texts, (*path, "columns"), table.get("columns", [])),
        where=_filter(texts, path, table),
        order_by=_order(texts, (*path, "order_by"), table.get("order_by", [])),
        sample=_sample(table),
        line=problems.line_of(path),
        **{key: table[key] for key in _SAME if key in table},
    )


def _sample(table: dict[str, Any]) -> int | None:
    """Return the number of random rows; `true` stands for `limit`."""
    sample = table.get("sample")
    return table.get("limit", 10) if sample is True else sample


def _columns(texts: TemplateReader, path: TomlPath, written: list[Any]) -> tuple[str, ...]:
    if len(written) > MAX_COLUMNS:
        texts.problems.add(path, f"names more than {MAX_COLUMNS} columns")
    for index, name in enumerate(written[:MAX_COLUMNS]):
        _is_column(texts, (*path, index), name)
    return tuple(str(name) for name in written[:MAX_COLUMNS])


def _is_column(texts: TemplateReader, path: TomlPath, name: Any) -> bool:
    good = isinstance(name, str) and COLUMN.fullmatch(name) is not None
    if not good:
        texts.problems.add(path, f"{shown(str(name))} is not {COLUMN_WORDS}")
    return good


def _order(texts: TemplateReader, path: TomlPath, written: str | list[Any]) -> tuple[SortOrder, ...]:
    """Read `order_by`: `"name"`, `"name desc, id"` or a list of those."""
    orders = []
    for text in [written] if isinstance(written, str) else written:
        if not fits(texts.problems, path, text, TEXT):
            continue
        for part in text.split(","):
            name, *direction = part.split()[:3] or [""]
            words = [word.lower() for word in direction]
            if words not in ([], ["asc"], ["desc"]) or len(part.split()) > 2:
                texts.problems.add(
                    path, f"{shown(part.strip())} is not a sort order", 'write "name", or "name desc, id"'
                )
            elif _is_column(texts, path, name):
                orders.append(SortOrder(column=name, descending=words == ["desc"]))
    return tuple(orders[:MAX_COLUMNS])


def _filter(texts: TemplateReader, path: TomlPath, table: dict[str, Any]) -> Filter | None:
    """Join `where` and every `[[filter]]`: a row must match all of them."""
    given = [key for key in ("where", "where_clause") if key in table]
    if len(given) > 1:
        texts.problems.add((*path, "where_clause"), "is another name for where", "keep one of the two")
    parts: list[Filter] = []
    for key in given[:1]:
        parts += _where(texts, (*path, key), table[key])
    for index, entry in enumerate(table.get("filter", ())):
        parts += _structured(texts, (*path, "filter", index), entry)
    return AllOf(parts=tuple(parts)) if len(parts) > 1 else parts[0] if parts else None


def _where(texts: TemplateReader, path: TomlPath, text: str) -> list[Filter]:
    template = texts.argument(path, text)
    if not text.strip():
        return []
    try:
        return [parse_where(template)]
    except Refused as error:
        texts.problems.add(path, str(error))
        return []


def _structured(texts: TemplateReader, path: TomlPath, value: Any) -> list[Filter]:
    """Read a `[[filter]]`: `column`, `op` (default `=`) and `value`.

    `value` is a list for `in`, a list of two for `between`, and missing for `is_null`.
    """
    if not fits(texts.problems, path, value, TABLE):
        return []
    table = read_table(texts.problems, path, value, keys.FILTER, subject="a filter")
    if "column" not in table:
        if "column" not in value:
            texts.problems.add((*path, "column"), "is missing", 'write column = "..."')
        return []
    op = " ".join(str(table.get("op", "=")).lower().split())
    if op not in _OPS:
        texts.problems.add(
            (*path, "op"), f"there is no comparison {shown(op)}", f"the comparisons are: {', '.join(_OPS)}"
        )
        return []
    if not _is_column(texts, (*path, "column"), table["column"]):
        return []
    negate = op.startswith("not ") or op == "is_not_null"
    plain: Any = {"<>": "!=", "is_not_null": "is_null"}.get(op, op.removeprefix("not "))
    values = _values(texts, (*path, "value"), plain, table.get("value"))
    if values is None:
        return []
    comparison = Comparison(column=table["column"], op=plain, values=values)
    return [Not(part=comparison) if negate else comparison]


def _values(texts: TemplateReader, path: TomlPath, op: str, written: Any) -> tuple[Value, ...] | None:
    given = written if isinstance(written, list) else [written]
    if written is None:
        given = []
    counts = {"is_null": range(1), "between": range(2, 3), "in": range(1, MAX_VALUES + 1)}.get(op, range(1, 2))
    if len(given) not in counts or (isinstance(written, list) and op not in ("in", "between")):
        words = {"is_null": "no value", "between": "a list of two values", "in": "a list of values"}.get(op, "a value")
        texts.problems.add(path, f"{op} needs {words}")
        return None
    if not all(isinstance(value, str | bool | int | float) for value in given):
        texts.problems.add(path, "must be a text, a number, true or false, or a list of those")
        return None
    return tuple(texts.argument(path, value) if isinstance(value, str) else value for value in given)
