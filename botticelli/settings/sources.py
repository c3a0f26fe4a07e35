"""Reads the four sources of settings and merges them. Knows no setting by its meaning."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from botticelli.errors import SettingsError
from botticelli.settings.home import find_home
from botticelli.settings.model import Settings
from botticelli.settings.published import published_providers
from botticelli.toml_text.positions import Positions
from botticelli.toml_text.tokens import Refusal, tokenize

FILE = "botticelli.toml"
PREFIX = "BOTTICELLI_"
TIER = "_TIER"
"""`<PROVIDER>_TIER` names a provider's tier; about a provider that nobody asks for it says nothing."""
SHORT_NAMES = {
    "BOTTICELLI_DATABASE_URL": "database.url",
    "BOTTICELLI_REDIS_URL": "redis.url",
    "DATABASE_URL": "database.url",
    "REDIS_URL": "redis.url",
}
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
    from_environment = dict(_environment(environ))
    from_flags = dict(flags or {})
    tree: Tree = {}
    _merge(tree, from_file)
    for source in (from_environment, from_flags):
        for key, value in source.items():
            _merge(tree, _nest(key.split("."), _parse(value)))
    base = file.parent if file else cwd
    tree |= {"home": find_home(environ, cwd), "base": base}
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise _explain(error, file, text, from_environment, from_flags) from None


def _config_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    named = config or (Path(environ["BOTTICELLI_CONFIG"]) if environ.get("BOTTICELLI_CONFIG") else None)
    if named:
        return (cwd / named).absolute()
    return next((folder / FILE for folder in (cwd, *cwd.parents) if (folder / FILE).is_file()), None)


def _read(file: Path | None) -> tuple[str, Tree]:
    if file is None:
        return "", {}
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"can't be read: {error.strerror}", where=str(file), do="check --config") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"is not valid TOML: {error}", where=str(file)) from None


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Dotted key and text, the general names (DATABASE_URL) first so that ours win."""
    for name in sorted(environ, key=lambda name: (name.startswith(PREFIX), name)):
        if name in SHORT_NAMES and environ[name]:
            yield SHORT_NAMES[name], environ[name]
        elif name.endswith(TIER) and not name.startswith(PREFIX) and environ[name]:
            yield f"providers.{_provider(name)}.default_tier", environ[name]
        elif name.startswith(PREFIX) and not name.startswith(NOT_SETTINGS) and name not in SHORT_NAMES:
            yield _dotted(name), environ[name]


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


def _explain(
    error: ValidationError, file: Path | None, text: str, environment: Mapping[str, str], flags: Mapping[str, str]
) -> SettingsError:
    """The first thing that is wrong, in words that name its source. Never the value: it may be a secret."""
    detail = error.errors(include_input=False, include_url=False)[0]
    path = [str(part) for part in detail["loc"]]
    key = ".".join(path)
    if key in flags:
        where = f"--set {key}"
    elif key in environment:
        where = "environment variable " + _variable(key)
    elif file:
        where = f"{file}:{_position(text, detail['loc'])}"
    else:
        where = key
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _known(Settings, path[:-1]), 1)
        hint = f"did you mean {near[0]}?" if near else "see docs/reference/settings.md"
        return SettingsError(f"unknown setting {key}", where=where, do=hint)
    return SettingsError(f"{key}: {in_plain_words(detail['msg'])}", where=where)


def in_plain_words(message: str) -> str:
    """Pydantic's message of an error as a part of a sentence of ours."""
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _position(text: str, path: tuple[str | int, ...]) -> str:
    tokens = tokenize(text)
    line, column = (0, 0) if isinstance(tokens, Refusal) else Positions(text, tokens).at(path)
    return f"{line}:{column}"


def _variable(key: str) -> str:
    short = next((name for name, dotted in SHORT_NAMES.items() if dotted == key), None)
    return short or PREFIX + key.upper().replace(".", "__").replace("-", "_")


def _known(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the table at `path`."""
    for part in path:
        field = model.model_fields.get(part)
        inner = _inner_model(field.annotation) if field else None
        if inner is not None:
            model = inner
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = getattr(annotation, "__args__", ())
    return next((model for model in map(_inner_model, arguments) if model is not None), None)
