"""Tells the language of a text: by its script, and where languages share one, by its most frequent words.

Measured on the texts of tests/unit/gates/language_samples.toml; the figures are in docs/howto/gates.md.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
"""The languages that can be told apart, by their codes of ISO 639-1."""

_READ_CHARACTERS = 10_000
_FEWEST_HITS = 2
_LEAD = 1.25
"""How much more often the words of the first language must occur than those of the second."""
_SMALLEST_SHARE = 0.12
"""The share of a text that its language's frequent words take at least."""
_MAIN_SHARE = 0.5
_KANA_SHARE = 0.05
_WORD = re.compile(r"[^\W\d_]+")
_NOT_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|[@#]\w+", re.DOTALL)
_SCRIPTS: tuple[tuple[str, int, int], ...] = (
    ("latin", 0x41, 0x24F),
    ("greek", 0x370, 0x3FF),
    ("cyrillic", 0x400, 0x52F),
    ("hebrew", 0x590, 0x5FF),
    ("arabic", 0x600, 0x77F),
    ("devanagari", 0x900, 0x97F),
    ("thai", 0xE00, 0xE7F),
    ("kana", 0x3040, 0x30FF),
    ("han", 0x3400, 0x9FFF),
    ("hangul", 0xAC00, 0xD7AF),
)
_ONLY_LANGUAGE = {
    "greek": "el",
    "hebrew": "he",
    "arabic": "ar",
    "devanagari": "hi",
    "thai": "th",
    "kana": "ja",
    "han": "zh",
    "hangul": "ko",
}
_BY_WORDS = {
    "latin": ("da", "de", "en", "es", "fi", "fr", "it", "nl", "pl", "pt", "sv", "tr"),
    "cyrillic": ("ru", "uk"),
}


def detect_language(text: str) -> str | None:
    """Return the code of the text's language; None when the text is too short or too mixed to tell."""
    prose = _NOT_PROSE.sub(" ", text[:_READ_CHARACTERS])
    words = [word.lower() for word in _WORD.findall(prose)]
    scripts = Counter(script for word in words for character in word if (script := _script(character)))
    if not scripts:
        return None
    script, count = scripts.most_common(1)[0]
    letters = scripts.total()
    if script in ("han", "kana") and scripts["kana"] >= _KANA_SHARE * letters:
        return "ja"
    if count < _MAIN_SHARE * letters:
        return None
    return _ONLY_LANGUAGE[script] if script in _ONLY_LANGUAGE else _by_words(words, _BY_WORDS[script])


def _by_words(words: list[str], candidates: Iterable[str]) -> str | None:
    frequent = _function_words()
    hits = {code: sum(word in frequent[code] for word in words) for code in candidates}
    (first, most), (_, second), *_ = sorted(hits.items(), key=lambda item: -item[1])
    is_clear = most >= _FEWEST_HITS and most >= _LEAD * second and most >= _SMALLEST_SHARE * len(words)
    return first if is_clear else None


def _script(character: str) -> str | None:
    code = ord(character)
    return next((name for name, first, last in _SCRIPTS if first <= code <= last), None)


@cache
def _function_words() -> Mapping[str, frozenset[str]]:
    """Read the words that a language uses most, by its code."""
    text = files("botticelli.gates").joinpath("function_words.toml").read_text(encoding="utf-8")
    return {code: frozenset(words.split()) for code, words in tomllib.loads(text).items()}
