"""Reads the four sources of settings and merges them. Knows no setting by its meaning."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from botticelli.errors import SettingsError
from botticelli.settings.explain import explained, unknown_settings
from botticelli.settings.founding import converted, is_founding, translate, without_nulls
from botticelli.settings.home import find_home
from botticelli.settings.model import Settings
from botticelli.settings.origins import PREFIX, SHORT_NAMES, Origins
from botticelli.settings.published import published_providers
from botticelli.toml_text.positions import TomlPath

FILE = "botticelli.toml"
TIER = "_TIER"
"""`<PROVIDER>_TIER` names a provider's tier; about a provider that nobody asks for it says nothing."""
NOT_SETTINGS = ("BOTTICELLI_HOME", "BOTTICELLI_CONFIG", "BOTTICELLI_VAR_", "BOTTICELLI_FAILPOINT", "BOTTICELLI_TEST_")
Tree = dict[str, Any]


def load_settings(
    flags: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    config: Path | None = None,
) -> Settings:
    """Merge all sources. `flags` are dotted keys with their text (`{"worker.threads": "4"}`).

    SettingsError names the file and line, the variable or the flag, and the nearest known key.
    """
    environ = os.environ if environ is None else environ
    cwd = cwd or Path.cwd()
    file = _config_file(config, environ, cwd)
    text, from_file = _read(file)
    founding = translate(from_file) if is_founding(from_file) else None
    from_file = founding.document if founding else from_file
    variables = dict(_environment(environ))
    tree: Tree = {}
    _merge(tree, from_file)
    for source in ({key: environ[name] for key, name in variables.items()}, flags or {}):
        for key, value in source.items():
            _merge(tree, _nest(key.split("."), _parse(value)))
    origins = Origins(file, text, variables, tuple(flags or ()))
    tree |= {"home": find_home(environ, cwd), "base": file.parent if file else cwd, "left_out": ()}
    if founding is not None:
        unknown = _leave_out_unknown(tree, from_file)
        paths = [*founding.left_out, *map(founding.written, unknown)]
        tree["left_out"] = [".".join(map(str, path)) for path in paths if path[-1] != "name" or len(path) == 1]
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise explained(error, tree, origins) from None
    settings.remember(origins)
    return settings


def convert_settings(file: Path) -> str:
    """The text of a settings file in the words of today. SettingsError when it can't be read, or isn't right then."""
    text, document = _read(file)
    if not is_founding(document):
        return text
    founding = translate(document)
    found: Tree = {"home": file.parent, "base": file.parent}
    tree = deepcopy(founding.document) | found
    unknown = [founding.written(path) for path in _leave_out_unknown(tree, founding.document)]
    after = converted(text, unknown)
    try:
        Settings.model_validate(tomllib.loads(after) | found)
    except ValidationError as error:
        raise explained(error, document, Origins(file, text)) from None
    return after


def _leave_out_unknown(tree: Tree, from_file: Tree) -> list[TomlPath]:
    """Takes unknown keys of the file out of the tree, but for those that are misspelt."""
    found: list[TomlPath] = []
    try:
        Settings.model_validate(tree)
    except ValidationError as error:
        for path in unknown_settings(error, tree):
            if _has(from_file, path):
                table: Any = tree
                for part in path[:-1]:
                    table = table[part]
                del table[path[-1]]
                found.append(path)
    return found


def _has(tree: Any, path: TomlPath) -> bool:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return False
        tree = tree[part]
    return True


def _parsed(text: str) -> tuple[str, Tree]:
    """A file of the founding system may hold `key = null`, which stands for nothing."""
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        without = without_nulls(text)
        if without == text:
            raise
        tree = tomllib.loads(without)
        if not is_founding(tree):
            raise
        return without, tree


def _config_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    named = config or (Path(environ["BOTTICELLI_CONFIG"]) if environ.get("BOTTICELLI_CONFIG") else None)
    if named:
        return (cwd / named).absolute()
    return next((folder / FILE for folder in (cwd, *cwd.parents) if (folder / FILE).is_file()), None)


def _read(file: Path | None) -> tuple[str, Tree]:
    if file is None:
        return "", {}
    try:
        return _parsed(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"can't be read: {error.strerror}", where=str(file), do="check --config") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"is not valid TOML: {error}", where=str(file)) from None


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Dotted key and name of the variable, the general names (DATABASE_URL) first so that ours win."""
    for name in sorted(environ, key=lambda name: (name.startswith(PREFIX), name)):
        if name in SHORT_NAMES and environ[name]:
            yield SHORT_NAMES[name], name
        elif name.endswith(TIER) and not name.startswith(PREFIX) and environ[name]:
            yield f"providers.{_provider(name)}.default_tier", name
        elif name.startswith(PREFIX) and not name.startswith(NOT_SETTINGS) and name not in SHORT_NAMES:
            yield _dotted(name), name


def _dotted(variable: str) -> str:
    """`BOTTICELLI_DRIVERS__OPENAI_COMPATIBLE__BASE_URL` is drivers.openai-compatible.base_url."""
    parts = variable.removeprefix(PREFIX).lower().split("__")
    if parts[0] in ("drivers", "providers") and len(parts) > 1:
        parts[1] = _provider(parts[1])
    return ".".join(parts)


def _provider(variable: str) -> str:
    """`GEMINI_TIER` is about gemini, `OPENAI_COMPATIBLE_TIER` about openai-compatible."""
    name = variable.lower().removesuffix(TIER.lower())
    dashed = name.replace("_", "-")
    return dashed if dashed in published_providers() else name


def _parse(text: str) -> Any:
    """Lists and tables are written as JSON; everything else is text that its field converts."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _nest(parts: list[str], value: Any) -> Tree:
    return {parts[0]: _nest(parts[1:], value)} if len(parts) > 1 else {parts[0]: value}


def _merge(into: Tree, new: Tree) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
