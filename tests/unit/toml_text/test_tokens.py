"""Tests that limits hold before any parser sees the text, and that tokens agree with TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import parse_narrative
from botticelli.narrative.source.source_text import LOCAL, WIRE
from botticelli.toml_text.lexer import MAX_TOKENS, Refusal, tokenize

BOMBS = {
    "brackets": ("a = " + "[" * 1000, "story.toml:1:37: is nested more than 32 levels deep; write it flatter"),
    "inline tables": ("{a=" * 40, "story.toml:1:97: is nested more than 32 levels deep; write it flatter"),
    "dotted key": (".".join("a" * 20_000) + " = 1", "story.toml:1:17: a key has more than 8 parts; use fewer dots"),
    "quoted key": ('[x."b".c.d.e.f.g.h.i]', "story.toml:1:20: a key has more than 8 parts; use fewer dots"),
    "numbers": (
        "a = [" + "1," * 20_000,
        "story.toml:1:20003: there are more than 20,000 keys, values and marks; split the file",
    ),
    "open text": (
        'a = 1\nb = "x\n',
        "story.toml:2:5: this string has no closing quote; end it with the quote it begins with",
    ),
    "open long text": (
        'a = """x"" \\"""',
        "story.toml:1:5: this string has no closing quote; end it with the quote it begins with",
    ),
    "size on the wire": ("#" * (WIRE.file_bytes + 1), "story.toml: is larger than 65,536 bytes"),
    "size in bytes": ("#" + "é" * (WIRE.file_bytes // 2), "story.toml: is larger than 65,536 bytes"),
    "NUL": ("a = '\0'", "story.toml:1:1: holds a NUL byte, so it is not text"),
    "half a character": ("a = '\ud800'", "story.toml: is not Unicode text"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_toml_bomb_is_refused_before_it_is_parsed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(text: str) -> None:
        raise AssertionError("the parser was reached")

    monkeypatch.setattr(tomllib, "loads", explode)
    text, expected = BOMBS[name]
    with pytest.raises(NarrativeError) as caught:
        parse_narrative(text, source="story.toml", folder=None)
    assert [str(problem) for problem in caught.value.problems] == [expected]


def test_text_that_the_parser_refuses_is_a_problem() -> None:
    with pytest.raises(NarrativeError, match="a number is too large or the nesting too deep"):
        parse_narrative("a = " + "9" * 5000, source="story.toml", folder=None)


def test_greatest_depth_and_longest_key_are_accepted() -> None:
    assert not isinstance(tokenize("a = " + "[" * 32 + "]" * 32), Refusal)
    assert not isinstance(tokenize("a.b.c.d.e.f.g.h = 1.5"), Refusal)
    assert not isinstance(tokenize("1," * (MAX_TOKENS // 2)), Refusal)


def test_string_is_one_token_and_comment_is_none() -> None:
    text = "\n".join(
        [
            'a = "[[[\\"" # [[[ """',
            "b = '[\"' # '",
            'c = """\n[ "" \\""" ]\n"""""',
            "d = '''[ '' ]''''",
            'e = ""',
            "f = ''",
        ]
    )
    tomllib.loads(text)
    tokens = tokenize(text)
    assert not isinstance(tokens, Refusal)
    kinds = [token.kind for token in tokens if token.kind != "\n"]
    assert kinds == ["bare", "=", "string"] * 6


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("[acts]\na = '%s'", "story.toml:2:1: [acts] a"),
        ("[acts]\na = [{content = '%s'}]", "story.toml:2:7: [acts.a] content"),
    ],
)
def test_text_over_the_wire_has_smaller_limits_than_a_file(document: str, place: str) -> None:
    text = document % ("x" * (WIRE.string_chars + 1))
    with pytest.raises(NarrativeError) as caught:
        parse_narrative(text, source="story.toml", folder=None)
    assert [str(problem) for problem in caught.value.problems] == [f"{place}: is longer than 32,768 characters"]
    assert parse_narrative(text, source="story.toml", folder=Path(".")).narrative.name == "story"
    assert LOCAL.string_chars == 256 * 1024
