"""Rewrites a file of the founding form, line by line, in the present form."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from botticelli.narrative.assembly.load import read_founding
from botticelli.narrative.source.environment import Environment
from botticelli.toml_text.lexer import TomlPath
from botticelli.toml_text.rewrite import Change, get, rewrite
from botticelli.toml_text.translation import Translation


def modernise(text: str, *, source: str, folder: Path, environment: Environment) -> str:
    """Return the text in the present form; keys without effect become comments. Other files stay unchanged."""
    founding = read_founding(text, source=source, folder=folder, environment=environment)
    if founding is None:
        return text
    translation, ignored = founding
    new = copy.deepcopy(translation.document)
    left_out = [*dict.fromkeys(ignored)]
    for path in left_out:
        _remove(new, _new_path(translation, path))
    change = Change(new, translation.written, translation.moved, left_out)
    return rewrite(text, change)


def _new_path(translation: Translation, path: TomlPath) -> TomlPath:
    old_to_new = sorted(((old, new) for new, old in translation.moved.items()), key=lambda pair: -len(pair[0]))
    for old, new in old_to_new:
        if path[: len(old)] == old:
            return (*new, *path[len(old) :])
    return path


def _remove(document: dict[str, Any], path: TomlPath) -> None:
    table = get(document, path[:-1])
    if isinstance(table, dict):
        table.pop(path[-1], None)
