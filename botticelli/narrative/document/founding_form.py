"""Recognises a file of the founding system (the original system) and translates it into the present form.

The rule is in `is_founding`, and in the page on files from the original system; `founding_acts` translates the acts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botticelli.narrative.document.founding_acts import (
    ACT_MARKS,
    has_marks,
    is_table,
    translate_acts,
    translate_command,
)
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER
from botticelli.narrative.source.problems import nearest, shown
from botticelli.toml_text.translation import Translation

ROOT_MARKS = ("narration", "narratives", "config", "steps")
"""Names tables that only files of the founding system have."""
HEADERS = ("narrative", "metadata", "narration")
_HEADER_MARKS = ("rate_limiting", "target_table")
_ROOT_KEYS = ("name", "skip_content_generation")
MARKS = frozenset((*ROOT_MARKS, *_HEADER_MARKS, *ACT_MARKS, "order"))
ROOT_KEY_MARKS = frozenset(_ROOT_KEYS)
TABLE_MARKS = frozenset(("model", "act"))
"""Keys that a founding file has one of: anywhere, at its top, or with a table as the value. `is_founding` decides."""
_HEADER_KEYS = ("name", "description", "skip_content_generation", "target", "template", "model", "temperature")
_OF_HEADER = (*_HEADER_KEYS, "max_tokens", "system", *keys.NARRATIVE.tolerated)
_OWN = ("description", "narrative", *keys.OWN)
_STEPS = "[[steps]] is a draft that the founding system never performed"


def is_founding(document: Mapping[str, Any]) -> bool:
    """Tell whether the file has one of the marks: a word or a place that only the founding system knew."""
    named = [value for word in (*HEADERS, "narratives") for value in _subtable(document, word).values()]
    places = [document, *(_subtable(document, word) for word in HEADERS), *filter(is_table, named)]
    return (
        any(document.get(word) for word in ROOT_MARKS)
        or any(key in document for key in _ROOT_KEYS)
        or any("order" in _subtable(place, "toc") for place in places)
        or any(is_table(place.get("model")) or any(key in place for key in _HEADER_MARKS) for place in places)
        or _is_table_of_acts(document.get("act"))
        or any(has_marks(place) for place in places)
    )


def translate(document: Mapping[str, Any]) -> Translation:
    """Translate the document into the present form; keys without a meaning there are left out with a warning."""
    translation = Translation.of(document)
    root = translation.document
    if "steps" in root and not ("acts" in root or "act" in root):
        translation.refuse(("steps",), _STEPS, "write each step as an act: [acts.NAME]")
    if "narration" in root and "narrative" not in root:
        translation.move((), "narration", "narrative")
    elif "narration" in root:
        translation.leave_out(("narration",), root, "has no effect beside [narrative]")
    _move_root_keys(translation)
    _merge_metadata(translation)
    for word in ("narrative", "metadata"):
        if is_table(root.get(word)):
            _translate_header(translation, (word,), root[word])
    for word in ("narrative", "metadata", "narratives"):
        for name, table in _subtable(root, word).items():
            if _is_narrative(word, table):
                _translate_header(translation, (word, name), table)
                translate_acts(translation, (word, name), table)
    translate_acts(translation, (), root)
    for name, bot in _subtable(root, "bots").items():
        if is_table(bot):
            translate_command(translation, ("bots", name), bot)
    return translation


def _is_table_of_acts(act: object) -> bool:
    return (
        is_table(act) and bool(act) and all(is_table(entry) and entry.keys() & keys.ACT.known for entry in act.values())
    )


def _subtable(document: Mapping[str, Any], word: str) -> dict[str, Any]:
    value = document.get(word)
    return value if isinstance(value, dict) else {}


def _is_narrative(word: str, table: Any) -> bool:
    if not is_table(table):
        return False
    return word == "narratives" or any(key in table for key in _OWN)


def _move_root_keys(translation: Translation) -> None:
    """Move the keys that a flat file has at its top into [narrative]."""
    root = translation.document
    for key in [key for key in root if key in _OF_HEADER and not is_table(root[key])]:
        header = root.setdefault("narrative", {})
        if is_table(header) and key not in header:
            translation.move_into((), key, ("narrative",), header)


def _merge_metadata(translation: Translation) -> None:
    """Leave out the keys of [metadata] that [narrative] also has."""
    metadata, narrative = _subtable(translation.document, "metadata"), _subtable(translation.document, "narrative")
    for key in sorted(metadata.keys() & narrative.keys()):
        translation.leave_out(("metadata", key), metadata, "has no effect: [narrative] has this key too")


def _translate_header(translation: Translation, path: tuple[str, ...], table: dict[str, Any]) -> None:
    if is_table(table.get("model")):
        translation.spread(path, table, "model", {"name": "model"}, ("model", "temperature", "max_tokens", "system"))
    if "target_table" in table and "target" not in table:
        translation.move(path, "target_table", "target")
    for key, value in list(table.items()):
        if key in ("rate_limiting", "config") or _is_stray(key, value):
            hint = "limits are settings: [providers.NAME]" if key == "rate_limiting" else ""
            translation.leave_out((*path, key), table, "has no effect", hint)
    _derive_name(translation, path, table)


def _is_stray(key: str, value: Any) -> bool:
    """Tell whether a value is a table that neither belongs to a narrative nor is one."""
    if not is_table(value) or key in {*keys.NARRATIVE.known, *keys.OWN, *keys.ROOT.known}:
        return False
    return not any(own_key in value for own_key in _OWN) and nearest(key, keys.NARRATIVE.known) is None


def _derive_name(translation: Translation, path: tuple[str, ...], table: dict[str, Any]) -> None:
    """Derive the name from a title that stands in its place."""
    title = table.get("name")
    if not isinstance(title, str) or IDENTIFIER.accepts(title):
        return
    derived = re.sub(r"[^a-z0-9_]+", "-", title.lower()).strip("-")[:64].strip("-")
    if derived:
        table["name"] = derived
        translation.warn((*path, "name"), f'"{shown(title)}" is read as a title', f"the narrative is called {derived}")
