"""Texts in which there is nothing to see, and those in which there is."""

from __future__ import annotations

import pytest

from botticelli.untrusted.storable import is_blank


@pytest.mark.parametrize(
    "character",
    "\0 \t\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200d\u2060\u2063\u2800\u3164"
    "\ufe00\ufe0f\ufeff\uffa0\U000e0001\U000e0100",
    ids=ascii,
)
def test_text_of_invisible_characters_is_blank(character: str) -> None:
    assert is_blank(character) and is_blank(f"\n{character} {character}")
    assert not is_blank(f"{character}a")


@pytest.mark.parametrize("text", [".", "0", "é", "e\u0301", "한", "❤\ufe0f", "👩\u200d🚀", "ក\u17b4", "-"], ids=ascii)
def test_text_with_anything_to_see_is_not_blank(text: str) -> None:
    assert not is_blank(text)
