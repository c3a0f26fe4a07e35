"""Translates a settings file of the founding system: keeps equivalent settings and names those without effect."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from botticelli.toml_text.lexer import TomlPath
from botticelli.toml_text.rewrite import Change, get, rewrite
from botticelli.toml_text.translation import Translation

ROOT_MARKS = ("name", "inference", "bot_server")
PRICES = {
    "cost_per_million_input_tokens": "usd_per_million_input",
    "cost_per_million_output_tokens": "usd_per_million_output",
}
QUOTA = "daily_quota_usd"
_TIER_MARKS = ("name", QUOTA, *PRICES)
MISSPELT_RATIO = 0.8
"""Similarity from which on a provider's name is taken for a misspelt driver, such as `gemni`."""
_DAY_SECONDS = 86_400
_NULL = re.compile(r"^(\s*)([\w\"'-]+\s*=\s*null\s*(?:#.*)?)$", re.MULTILINE)


def without_nulls(text: str) -> str:
    """Return the text with every `key = null`, which TOML lacks, as a comment."""
    return _NULL.sub(r"\1# \2", text)


def is_founding(document: Mapping[str, Any]) -> bool:
    """Whether the file has a key that only the founding system knew."""
    places = [document, *(place for _, place in _places(document))]
    wider = [table for word in ("budget", "context") if isinstance(table := document.get(word), dict)]
    wider += [table for _, table in _tables(document, "providers")]
    return (
        any(mark in document for mark in ROOT_MARKS)
        or any(mark in place for place in places for mark in _TIER_MARKS)
        or any(mark in table for table in wider for mark in (QUOTA, *PRICES))
    )


def translate(document: Mapping[str, Any]) -> Translation:
    """Translate the settings into today's names, without those that have no meaning here."""
    translation = Translation.of(document)
    for key in ROOT_MARKS:
        if key in translation.document:
            translation.leave_out((key,), translation.document, "has no effect")
    context = translation.document.get("context")
    if isinstance(context, dict) and isinstance(context.get("path"), str):
        context["path"] = [context["path"]]
    for path, place in list(_places(translation.document)):
        if "name" in place:
            translation.leave_out((*path, "name"), place, "has no effect")
        for old, new in PRICES.items():
            if old in place and new not in place:
                translation.move(path, old, new)
        if QUOTA in place:
            _quota(translation, path, place)
    return translation


def _quota(translation: Translation, path: TomlPath, place: dict[str, Any]) -> None:
    """Replace the daily quota by a window of that many dollars in any 24 hours."""
    quota = place[QUOTA]
    micros = round(quota * 1_000_000) if isinstance(quota, int | float) and not isinstance(quota, bool) else 0
    if micros < 1 or "windows" in place:
        translation.leave_out((*path, QUOTA), place, "has no effect")
        return
    translation.moved[(*path, "windows")] = translation.written((*path, QUOTA))
    place["windows"] = [{"metric": "cost_microusd", "limit": micros, "period_seconds": _DAY_SECONDS}]
    del place[QUOTA]


def _places(document: Mapping[str, Any]) -> Iterator[tuple[TomlPath, dict[str, Any]]]:
    """Yield every tier and every model of a tier."""
    for provider, table in _tables(document, "providers"):
        for tier, inner in _tables(table, "tiers"):
            path: TomlPath = ("providers", provider, "tiers", tier)
            yield path, inner
            yield from (((*path, "models", model), limits) for model, limits in _tables(inner, "models"))


def _tables(table: Mapping[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    inner = table.get(key)
    return (
        [(name, entry) for name, entry in inner.items() if isinstance(entry, dict)] if isinstance(inner, dict) else []
    )


def foreign_providers(names: Iterable[str], drivers: Sequence[str]) -> list[str]:
    """Return the providers that none of the installed `drivers` calls, except those that look like a misspelt driver."""
    return [
        name
        for name in names
        if name not in drivers and not difflib.get_close_matches(name, drivers, 1, MISSPELT_RATIO)
    ]


def converted(text: str, left_out: list[TomlPath]) -> str:
    """Return a settings file in today's names, with its comments; a setting without effect becomes a comment.

    `left_out` lists further settings without effect, by where they were written.
    """
    text = without_nulls(text.replace("\r\n", "\n"))
    document = tomllib.loads(text)
    if not is_founding(document):
        return text
    translation = translate(document)
    for path in left_out:
        table = get(translation.document, path[:-1])
        if isinstance(table, dict):
            table.pop(path[-1], None)
    no_effect = [*translation.left_out, *left_out]
    return rewrite(text, Change(translation.document, translation.written, translation.moved, no_effect))
