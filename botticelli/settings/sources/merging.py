"""Reads the sources of settings and merges them, within limits. Knows no setting by its meaning."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from botticelli.errors import SettingsError
from botticelli.settings.definitions import Settings
from botticelli.settings.explain import NOT_WRITTEN, explain_error, unknown_settings
from botticelli.settings.home import find_home
from botticelli.settings.origins import Origins, shortened
from botticelli.settings.sources.environment_variables import variables
from botticelli.settings.sources.founding_settings import converted, foreign_providers, is_founding, translate
from botticelli.settings.sources.settings_file import read_settings_file
from botticelli.toml_text.lexer import MAX_DEPTH, MAX_KEY_PARTS, TomlPath

MAX_INTEGER = 10**15
MAX_FLOAT = 1e9
"""Upper limit, 31 years in seconds: larger values are typing errors, and too large for clocks and databases."""
Tree = dict[str, Any]


def load_settings(
    flags: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    config: Path | None = None,
) -> Settings:
    """Merge all sources. `flags` are dotted keys with their text (`{"worker.threads": "4"}`).

    Raises SettingsError, which names the file and line, the variable or the flag, and the nearest known key.
    """
    environ = os.environ if environ is None else environ
    cwd = cwd or Path.cwd()
    file = read_settings_file(config, environ, cwd)
    by_key = {variable.key: variable for variable in variables(environ)}
    environment = {key: variable.name for key, variable in by_key.items()}
    founding = translate(file.tree) if is_founding(file.tree) else None
    origins = Origins(file.path, file.text, environment, tuple(flags or ()), is_founding=founding is not None)
    from_file = founding.document if founding else dict(file.tree)
    tree: Tree = {}
    _merge(tree, from_file)
    for source in ({key: variable.text for key, variable in by_key.items()}, flags or {}):
        for key, text in source.items():
            _merge(tree, _nest(_path(key, origins), _parse(text, key, origins)))
    _refuse_found(tree, origins)
    tree |= {"home": find_home(environ, cwd), "base": file.path.parent if file.path else cwd, "left_out": ()}
    if founding is not None:
        unknown = _leave_out_unknown(tree, from_file)
        paths = [*founding.left_out, *map(founding.written, unknown)]
        tree["left_out"] = [".".join(map(str, path)) for path in paths if path[-1] != "name" or len(path) == 1]
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise explain_error(error, tree, origins) from None
    _require_possible(settings.model_dump(exclude={"home", "base"}), origins)
    settings.remember(origins)
    return settings


def _refuse_found(tree: Tree, origins: Origins) -> None:
    """Raise SettingsError for a computed setting that a source sets."""
    for key in NOT_WRITTEN:
        if key in tree:
            do = "set the environment variable BOTTICELLI_HOME" if key == "home" else "remove it"
            raise SettingsError(f"{key} can't be set here", where=origins.where((key,)), do=do)


def convert_settings(file: Path, *, drivers: Sequence[str] | None = None) -> str:
    """Return a settings file in today's names. Raises SettingsError when it is unreadable or then invalid.

    With the names of the installed `drivers`, providers that none of them calls become comments.
    """
    read = read_settings_file(file, {}, file.parent)
    text, document = read.text, read.tree
    if not is_founding(document):
        return text
    founding = translate(document)
    computed: Tree = {"home": file.parent, "base": file.parent}
    tree = deepcopy(founding.document) | computed
    unknown = [founding.written(path) for path in _leave_out_unknown(tree, founding.document)]
    providers = founding.document.get("providers", {})
    foreign = foreign_providers(providers, drivers) if drivers is not None else []
    after = converted(text, [*unknown, *(("providers", name) for name in foreign)])
    try:
        Settings.model_validate(tomllib.loads(after) | computed)
    except ValidationError as error:
        raise explain_error(error, document, Origins(file, text)) from None
    return after


def _leave_out_unknown(tree: Tree, from_file: Tree) -> list[TomlPath]:
    """Remove unknown keys of the file from the tree, except those that look misspelt."""
    left_out: list[TomlPath] = []
    try:
        Settings.model_validate(tree)
    except ValidationError as error:
        for path in unknown_settings(error, tree):
            if _has(from_file, path):
                table: Any = tree
                for part in path[:-1]:
                    table = table[part]
                del table[path[-1]]
                left_out.append(path)
    return left_out


def _has(tree: Any, path: TomlPath) -> bool:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return True


def _path(key: str, origins: Origins) -> list[str]:
    path = key.split(".")
    if len(path) > MAX_KEY_PARTS:
        problem = f"unknown setting {shortened(key)}: a key has at most {MAX_KEY_PARTS} parts"
        raise SettingsError(problem, where=origins.where((key,)), do="use fewer dots")
    return path


def _parse(text: str, key: str, origins: Origins) -> Any:
    """Parse lists and tables as JSON; return anything else as text, which its field converts."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        value = json.loads(text)
    except RecursionError:
        value = None
    except ValueError:
        return text
    if value is None or _depth_exceeds(value, MAX_DEPTH):
        problem = f"is nested more than {MAX_DEPTH} levels deep"
        raise SettingsError(problem, where=origins.where((key,)), do="write it flatter")
    return value


def _depth_exceeds(value: Any, most: int) -> bool:
    layer = [value]
    for _ in range(most + 1):
        layer = [inner for outer in layer for inner in _children(outer)]
        if not layer:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _nest(parts: list[str], value: Any) -> Tree:
    return {parts[0]: _nest(parts[1:], value)} if len(parts) > 1 else {parts[0]: value}


def _merge(into: Tree, new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _require_possible(tree: Mapping[str, Any], origins: Origins) -> None:
    """Raise SettingsError for a valid number that is too large for any server or clock."""
    for path, value in _leaves(tree):
        most = MAX_INTEGER if isinstance(value, int) else MAX_FLOAT
        if isinstance(value, int | float | Decimal) and not -most <= value <= most:
            key = shortened(".".join(map(str, path)))
            raise SettingsError(f"{key}: must be at most {most:,.0f}", where=origins.where(path))


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, number))
    else:
        yield path, value
