"""Explains a wrong setting in one line: which setting, where it was set, what to do. Shows no value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from botticelli.errors import SettingsError
from botticelli.settings.definitions import Settings
from botticelli.settings.origins import PREFIX, Origins, SettingPath, shortened
from botticelli.settings.published_limits import published_providers
from botticelli.settings.sources.environment_variables import NOT_SETTINGS

PAGE = "see docs/reference/settings.md"
NEAR = 0.75
"""Minimum similarity for a suggestion from the same table; from other tables NEARER applies."""
NEARER = 0.85
NOT_WRITTEN = ("home", "base", "left_out")
"""Settings that are computed and not written anywhere."""
VARIABLE = "environment variable"


def explain_error(error: ValidationError, tree: Mapping[str, Any], origins: Origins) -> SettingsError:
    """Explain the first error. Never shows the value: it may be a secret."""
    details = error.errors(include_input=False, include_url=False)
    detail = next((detail for detail in details if not _is_of_other_kind(detail["loc"], tree)), details[0])
    path = _without_tags(detail["loc"], tree)
    key, where = shortened(".".join(map(str, path))), origins.where(path)
    if detail["type"] == "extra_forbidden":
        do = _quoting(tree, path) or _suggested(tree, path, as_variable=where.startswith(VARIABLE)) or _nearest(path)
        return SettingsError(f"unknown setting {key}", where=where, do=do)
    message = in_plain_words(detail["msg"])
    if detail["loc"][-1:] == ("bool",):
        message = "must be true, false, or a list of commands"
    joint = " " if message.startswith(("is ", "must ")) else ": "
    return SettingsError(f"{key}{joint}{message}", where=where)


def unknown_settings(error: ValidationError, tree: Mapping[str, Any]) -> list[SettingPath]:
    """Return the unknown settings, except those that look like a misspelt known one, or that lack quotes."""
    unknown = [
        detail for detail in error.errors(include_input=False, include_url=False) if detail["type"] == "extra_forbidden"
    ]
    paths = [detail["loc"] for detail in unknown]
    return [path for path in paths if _quoting(tree, path) is None and _nearest(path) == PAGE]


def in_plain_words(message: str) -> str:
    """Rewrite pydantic's error message as a part of our sentence."""
    message = message.removeprefix("Value error, ").replace("a valid tuple", "a list")
    message = re.sub(r"Input should be a valid boolean(, unable to interpret input)?", "must be true or false", message)
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a table", message)
    return message[:1].lower() + message[1:]


def did_you_mean(name: str, known: list[str]) -> str | None:
    """Return a question about the nearest of the known names."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else None


def _is_of_other_kind(path: SettingPath, tree: Mapping[str, Any]) -> bool:
    """Whether pydantic reports a list as an invalid boolean, beside what is wrong with it as a list."""
    return path[-1:] == ("bool",) and isinstance(_at(tree, path[:-1]), list | tuple)


def _without_tags(path: SettingPath, tree: Mapping[str, Any]) -> SettingPath:
    """Remove the type tags that pydantic inserts into a path where a value may have several types."""
    plain: list[str | int] = []
    value: Any = tree
    for part in path:
        if isinstance(value, Mapping) and not (isinstance(part, str) and TAG.fullmatch(part) and part not in value):
            plain.append(part)
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int):
            plain.append(part)
            value = value[part] if part < len(value) else None
    return tuple(plain)


TAG = re.compile(r"bool|int|float|str|dict\[.*|tuple\[.*|list\[.*|function-.*")


def _at(tree: Any, path: SettingPath) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def _suggested(tree: Mapping[str, Any], path: SettingPath, *, as_variable: bool) -> str | None:
    """Return a question about the settings with this name, apart from its underscores, its dots or its table."""
    value, parts = _at(tree, path), [str(part) for part in path]
    while isinstance(value, Mapping) and len(value) == 1:
        parts.append(str(next(iter(value))))
        value = value[parts[-1]]
    joined = _joined(parts)
    if as_variable and (near := difflib.get_close_matches(PREFIX + joined.upper(), NOT_SETTINGS, 1, NEARER)):
        return f"did you mean {near[0]}?"
    names = _named_exactly(joined, is_root=len(path) == 1)
    if not names and difflib.get_close_matches(str(path[-1]), _kind_at(path[:-1])[0], 1, NEAR):
        return None
    if not names and len(path) == 1:
        names = _named_nearly(joined)
    if not 1 <= len(names) <= MAX_MEANT:
        return None if len(path) > 1 else PAGE
    return f"did you mean {' or '.join(_variable(name) if as_variable else name for name in names)}?"


def _named_exactly(joined: str, *, is_root: bool) -> list[str]:
    """Return the setting of exactly these words; at the root, also of nearly these."""
    settings = _settable()
    near = difflib.get_close_matches(joined, settings, 1, NEARER if is_root else 1.0)
    return [settings[name] for name in near] or (_in_named_table(joined) if is_root else [])


def _named_nearly(joined: str) -> list[str]:
    """Return the settings whose own name, without its table, is nearly this."""
    settings = _settable().values()
    near = difflib.get_close_matches(joined, {dotted.rpartition(".")[2] for dotted in settings}, 1, NEARER)
    return [dotted for dotted in settings if dotted.rpartition(".")[2] in near]


MAX_MEANT = 2


def _joined(parts: list[str]) -> str:
    return re.sub(r"[-_.]+", "_", "_".join(parts)).strip("_").lower()


def _variable(dotted: str) -> str:
    return PREFIX + re.sub(r"\W", "_", dotted.replace(".", "__")).upper()


@cache
def _settable() -> dict[str, str]:
    """Map the words of each setting without a user-chosen name to its dotted name."""
    return {_joined([dotted]): dotted for dotted in _dotted_names(Settings, ()) if dotted not in NOT_WRITTEN}


def _dotted_names(kind: Any, path: tuple[str, ...]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = _plain(field.annotation)
        if _is_model(inner) and get_origin(field.annotation) is not tuple:
            yield from _dotted_names(inner, (*path, name))
        else:
            yield ".".join((*path, name))


def _in_named_table(joined: str) -> list[str]:
    """Return the setting of a known driver or provider by its words."""
    names = sorted(("echo", *published_providers()), key=len, reverse=True)
    for table, known in (("drivers", names), ("providers", names), ("platforms", ("discord",))):
        for name in known:
            option = joined.removeprefix(f"{table}_{_joined([name])}_")
            if option != joined and (table == "drivers" or option in _kind_at((table, name))[0]):
                return [f"{table}.{name}.{option}"]
    return []


def _nearest(path: SettingPath) -> str:
    fields, _ = _kind_at(path[:-1])
    return did_you_mean(str(path[-1]), fields) or PAGE


def _quoting(tree: Mapping[str, Any], path: SettingPath) -> str | None:
    """Return how to quote a name with a dot in it, such as a model's; None when that is not the mistake."""
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
    """Return the keys that the table at `path` may have, and whether the user chose its last name.

    Users choose the names of models and tiers.
    """
    kind: Any = Settings
    is_named = False
    for part in (part for part in path if isinstance(part, str)):
        is_named = _is_table_of(kind)
        kind = get_args(kind)[1] if is_named else _field(kind, part)
    return (
        ([name for name in kind.model_fields if name not in NOT_WRITTEN], is_named)
        if _is_model(kind)
        else ([], is_named)
    )


def _field(kind: Any, part: str | int) -> Any:
    field = kind.model_fields.get(part) if _is_model(kind) else None
    return _plain(field.annotation) if field else None


def _plain(annotation: Any) -> Any:
    """Return the table type of an optional table or of a list of tables; None for other types."""
    if _is_model(annotation) or _is_table_of(annotation):
        return annotation
    return next((table for argument in get_args(annotation) if (table := _plain(argument)) is not None), None)


def _is_table_of(kind: Any) -> bool:
    return get_origin(kind) is dict


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
