"""Reads the schema of an act's typed answer: a JSON file, a table of the narrative, or the name of a content table."""

from __future__ import annotations

import json
import re
from typing import Any

from botticelli.answer_schema.reading import SchemaFault, read_schema
from botticelli.narrative.source.problems import shown
from botticelli.narrative.source.source_text import FileMissing, Unreadable, read_within
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath

CONTENT = re.compile(r"content\.([a-z_][a-z0-9_]{0,62})")
USE = 'write the name of a file, such as "post.schema.json", or a content table, such as "content.posts"'


def read_answer_schema(path: TomlPath, written: Any, texts: TemplateReader) -> dict[str, Any]:
    """Return the fields of an act that hold its schema; a schema that can't be used is a problem."""
    if isinstance(written, dict):
        return _checked(path, written, texts, file="")
    table = CONTENT.fullmatch(written)
    if table is not None and not written.endswith(".json"):
        return {"schema_table": table[1], "format": "json"}
    if not written.endswith(".json"):
        texts.problems.add(path, f"{shown(written)} names no schema", USE)
        return {}
    text = _read_file(path, written, texts)
    value = None if text is None else _parse(path, written, text, texts)
    return {} if value is None else _checked(path, value, texts, file=written)


def _read_file(path: TomlPath, name: str, texts: TemplateReader) -> str | None:
    if texts.folders is None:
        texts.problems.add(path, "a narrative sent as text can't read files", "write the schema as a table")
        return None
    try:
        return read_within(texts.folders, name, texts.limits.string_chars, above=texts.above)
    except Unreadable as error:
        hint = "put it beside the narrative, or its folder into [context] path of the settings"
        texts.problems.add(path, f"{shown(name)}: {error}", hint if isinstance(error, FileMissing) else "")
        return None


def _parse(path: TomlPath, name: str, text: str, texts: TemplateReader) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        texts.problems.add(path, f"{shown(name)}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}")
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        texts.problems.add(path, f"{shown(name)}: not JSON: {reason}")
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _checked(path: TomlPath, written: Any, texts: TemplateReader, *, file: str) -> dict[str, Any]:
    """Check a schema; a problem in a table stands at its key, one in a file at the key that names it."""
    try:
        schema = read_schema(written, allow_patterns=texts.folders is not None)
        text = json.dumps(schema, ensure_ascii=False)
    except SchemaFault as fault:
        where = f"{shown(file)}: {_json_path(fault.path)}: " if file else ""
        here = path if file else (*path, *_steps(written, fault.path))
        texts.problems.add(here, where + shown(str(fault), 200), fault.hint)
        return {}
    except TypeError:
        texts.problems.add(path, "a date or a time is not JSON", "write it in quotes")
        return {}
    texts.size += len(text)
    return {"answer_schema": text, "format": "json"}


def _steps(value: Any, path: tuple[str, ...]) -> TomlPath:
    """Return the path as far as it is in the table, with numbers for items of lists."""
    steps: list[str | int] = []
    for name in path:
        if isinstance(value, list) and name.isdigit():
            steps.append(int(name))
            value = value[int(name)]
        else:
            steps.append(name)
            value = value.get(name) if isinstance(value, dict) else None
    return tuple(steps)


def _json_path(path: tuple[str, ...]) -> str:
    return "".join(("$", *(f"[{step}]" if step.isdigit() else f".{step}" for step in path)))
