"""Tests that answers over HTTP name fields of requests where the command line names options."""

from __future__ import annotations

import pytest

from botticelli.http.wire.field_words import in_fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rows, line 2: bad; correct it, or leave out bad rows with --skip-bad", "with skip_bad"),
        ("--tier gemini: there is no tier", "tiers gemini: there"),
        ("--columns names no column", "columns names no column"),
        ("give rows with --rows FILE, or leave it out", "give rows with rows, or"),
        ("give it with --var who=VALUE", "give it with variables.who"),
        ("the range ends before it begins; give a later --to", "a later end"),
        ("see `botticelli runs prune --to x`", "`botticelli runs prune --to x`"),
        ("--to-do and --unknown and x--to", "--to-do and --unknown and x--to"),
    ],
)
def test_options_of_commands_become_fields(text: str, expected: str) -> None:
    assert expected in in_fields(text)
