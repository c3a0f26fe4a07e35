"""Languages are told apart on texts of the length of a post, and not guessed where a text says too little."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from botticelli.gates.languages import LANGUAGES, detect_language

SAMPLES = tomllib.loads((Path(__file__).parent / "language_samples.toml").read_text())
TEXTS = [(code, text) for code, texts in SAMPLES.items() for text in texts]


def test_languages_of_all_samples_are_right_or_unknown() -> None:
    detected = {text: (code, detect_language(text)) for code, text in TEXTS}
    wrong = {text: pair for text, pair in detected.items() if pair[1] not in (pair[0], None)}
    unknown = [text for text, pair in detected.items() if pair[1] is None]
    assert wrong == {}
    assert len(unknown) <= len(TEXTS) * 0.03, unknown
    assert SAMPLES.keys() == LANGUAGES.keys()


@pytest.mark.parametrize(
    "text", ["", "42", "OK", "Botticelli 0.1", "🎉🎉", "https://example.com/the-of-and", "@the #and"]
)
def test_text_that_says_too_little_has_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_code_and_links_do_not_count_as_prose() -> None:
    text = "Das ist der neue Aufruf, und er ist schneller: `if not is_the_case and the_or_that: return of_the`"
    assert detect_language(text) == "de"


def test_long_text_is_read_only_at_its_beginning() -> None:
    assert detect_language("Das ist der Anfang, und er ist nicht kurz. " * 300 + "the and of " * 100_000) == "de"
