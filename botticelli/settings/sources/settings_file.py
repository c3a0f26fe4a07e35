"""Finds botticelli.toml and parses it within limits. Checks no setting."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import SettingsError
from botticelli.settings.sources.founding_settings import is_founding, without_nulls
from botticelli.toml_text.lexer import NotUtf8, Positions, Refusal, decoded, tokenize

FILE = "botticelli.toml"
MAX_BYTES = 1024 * 1024
_DIGITS = "an integer has too many digits"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file that was read; `path` is None when there was none."""

    path: Path | None = None
    text: str = ""
    tree: Mapping[str, Any] = field(default_factory=dict)


def read_settings_file(config: Path | None, environ: Mapping[str, str], cwd: Path) -> SettingsFile:
    """Read the given file, else the nearest one at or above `cwd`. SettingsError says what is wrong, and where."""
    path = _find(config, environ, cwd)
    if path is None:
        return SettingsFile()
    text = _text(path)
    tokens = tokenize(text)
    if isinstance(tokens, Refusal):
        line, column = Positions(text).of_offset(tokens.offset)
        raise SettingsError(f"is not valid TOML: {tokens.message}", where=f"{path}:{line}:{column}", do=tokens.hint)
    try:
        return SettingsFile(path, *_parsed(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"is not valid TOML: {error}", where=str(path)) from None
    except (ValueError, RecursionError) as error:  # tomllib lets Python's own limits through
        reason = "is nested too deeply" if isinstance(error, RecursionError) else _DIGITS
        raise SettingsError(f"is not valid TOML: {reason}", where=str(path)) from None


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Return the parsed text and its tree; in a file of the founding system `key = null` means nothing."""
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


def _find(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    named = config or (Path(environ["BOTTICELLI_CONFIG"]) if environ.get("BOTTICELLI_CONFIG") else None)
    if named:
        return (cwd / named).absolute()
    return next((folder / FILE for folder in (cwd, *cwd.parents) if os.path.lexists(folder / FILE)), None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a file name"
        raise SettingsError(f"can't be read: {reason}", where=str(path), do="check --config") from None
    if len(raw) > MAX_BYTES:
        raise SettingsError(f"is larger than {MAX_BYTES:,} bytes", where=str(path), do="check --config")
    try:
        return decoded(raw)
    except NotUtf8 as error:
        raise SettingsError(str(error), where=f"{path}:{error.line}" if error.line else str(path)) from None
