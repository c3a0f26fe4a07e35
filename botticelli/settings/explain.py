"""What pydantic says of a wrong setting, in one line of ours: which setting, where it was set, what to do. Shows no value."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from botticelli.errors import SettingsError
from botticelli.settings.model import Settings
from botticelli.settings.origins import Origins, SettingPath, shortened

PAGE = "see docs/reference/settings.md"


def explained(error: ValidationError, tree: Mapping[str, Any], origins: Origins) -> SettingsError:
    """The first thing that is wrong. Never the value: it may be a secret."""
    detail = error.errors(include_input=False, include_url=False)[0]
    path = detail["loc"]
    key, where = shortened(".".join(map(str, path))), origins.where(path)
    if detail["type"] == "extra_forbidden":
        return SettingsError(f"unknown setting {key}", where=where, do=_quoting(tree, path) or _nearest(path))
    message = in_plain_words(detail["msg"])
    joint = " " if message.startswith(("is ", "must ")) else ": "
    return SettingsError(f"{key}{joint}{message}", where=where)


def unknown_settings(error: ValidationError, tree: Mapping[str, Any]) -> list[SettingPath]:
    """The unknown settings, but for those that look like a known one that is misspelt, or that lacks its quotes."""
    found = [
        detail for detail in error.errors(include_input=False, include_url=False) if detail["type"] == "extra_forbidden"
    ]
    paths = [detail["loc"] for detail in found]
    return [path for path in paths if _quoting(tree, path) is None and _nearest(path) == PAGE]


def in_plain_words(message: str) -> str:
    """Pydantic's message of an error as a part of a sentence of ours."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def did_you_mean(name: str, known: list[str]) -> str | None:
    """A question about the nearest of the known names."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else None


def _nearest(path: SettingPath) -> str:
    fields, _ = _kind_at(path[:-1])
    return did_you_mean(str(path[-1]), fields) or PAGE


def _quoting(tree: Mapping[str, Any], path: SettingPath) -> str | None:
    """How to write a name with a dot in it, such as a model's; None where that is not what happened."""
    value: Any = tree
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    _, is_named = _kind_at(path[:-1])
    if not (is_named and isinstance(value, Mapping)):
        return None
    name = [str(path[-2]), str(path[-1])]
    while len(value) == 1 and isinstance(inner := next(iter(value.values())), Mapping):
        name, value = [*name, str(next(iter(value)))], inner
    table = ".".join(map(str, path[:-2]))
    return f'a name with a dot is quoted: write [{table}."{".".join(name)}"] in botticelli.toml'


def _kind_at(path: SettingPath) -> tuple[list[str], bool]:
    """The keys that the table at `path` may have, and whether the user chose the last name of `path`: a model, a tier."""
    kind: Any = Settings
    is_named = False
    for part in path:
        is_named = _is_table_of(kind)
        kind = get_args(kind)[1] if is_named else _field(kind, part)
    return (list(kind.model_fields), is_named) if _is_model(kind) else ([], is_named)


def _field(kind: Any, part: str | int) -> Any:
    field = kind.model_fields.get(part) if _is_model(kind) else None
    return _plain(field.annotation) if field else None


def _plain(annotation: Any) -> Any:
    """The table in `Table | None`, or in a list of tables."""
    if _is_model(annotation) or _is_table_of(annotation):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _plain(argument)) is not None), None)


def _is_table_of(kind: Any) -> bool:
    return get_origin(kind) is dict


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
