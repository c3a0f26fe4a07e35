"""Long texts in parts, and texts that ping nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.platforms.discord.commands.message_texts import defused, split_text


def test_a_text_that_fits_is_one_part() -> None:
    assert split_text("x" * 2000) == ["x" * 2000]
    assert split_text(" \n ") == []


def test_long_text_is_cut_at_lines_then_words_then_letters() -> None:
    assert split_text("aaa\nbbb ccc", 8) == ["aaa", "bbb ccc"]
    assert split_text("aaa bbb ccc", 8) == ["aaa bbb", "ccc"]
    assert split_text("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_a_code_block_stays_whole() -> None:
    block = "```py\nprint(1)\nprint(2)\n```"
    assert split_text(f"some words before\n{block}\nafter", 40) == ["some words before", f"{block}\nafter"]


def test_a_code_block_that_is_too_long_is_closed_and_opened_again() -> None:
    lines = [f"line {number}" for number in range(20)]
    parts = split_text("```py\n" + "\n".join(lines) + "\n```", 60)
    assert all(part.startswith("```py\n") and part.endswith("\n```") and len(part) <= 60 for part in parts)
    assert "\n".join(part.removeprefix("```py\n").removesuffix("\n```") for part in parts).split("\n") == lines


def test_letters_that_belong_together_stay_together() -> None:
    family = "👨\u200d👩\u200d👧"
    assert split_text("abc" + family + "d", 6) == ["abc", family + "d"]
    assert split_text("abcde\u0301fg", 5) == ["abcd", "e\u0301fg"]


@given(st.text(st.sampled_from("ab `\n😀"), max_size=300), st.integers(20, 60))
def test_no_part_is_too_long_and_no_letter_is_lost(text: str, most: int) -> None:
    parts = split_text(text, most)
    assert all(0 < len(part) <= most and part.strip() for part in parts)
    joined = "".join(parts)
    for letter in "ab😀":
        assert (
            joined.count(letter) >= text.count(letter) if "```" in text else joined.count(letter) == text.count(letter)
        )


@pytest.mark.parametrize("text", ["@everyone", "@here", "@Everyone!"])
def test_mass_mentions_are_taken_apart(text: str) -> None:
    assert defused(text) == text[0] + "\u200b" + text[1:]
    assert defused(text, ["everyone"]) == text
