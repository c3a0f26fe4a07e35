"""Tests the line and column of every key, item and character of a TOML text."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from botticelli.toml_text.lexer import Positions, Refusal, TomlPath, tokenize

ROOT = Path(__file__).parents[3]

TEXT = '''\
title = "first" # comment = "no key"
a.b . "c d" = 1.5

[acts] # header
one = "text"
"two" = [ "x", # in a list
  { type = 'y', args = { n = 1979-05-27 07:32:00, "m" = [1, 2] } },
  -inf,
]
[acts.three.deep]
long = """
line one
line \\
      joined \\u0041\\t{here}
"""
raw = \'\'\'first {there}\'\'\'
[[act]]
name = "p"
[[act.input]]
k = 1
[act.input.args]
z = ""
[[act.input]]
[[act]]
name = "q"
  [act.more]
  y = true
'''


def positions(text: str) -> Positions:
    tokens = tokenize(text)
    assert not isinstance(tokens, Refusal)
    return Positions(text, tokens)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), (0, 0)),
        (("title",), (1, 1)),
        (("a", "b", "c d"), (2, 7)),
        (("acts",), (4, 2)),
        (("acts", "two"), (6, 1)),
        (("acts", "two", 0), (6, 11)),
        (("acts", "two", 1), (7, 3)),
        (("acts", "two", 1, "args", "n"), (7, 26)),
        (("acts", "two", 1, "args", "m", 1), (7, 61)),
        (("acts", "two", 2), (8, 3)),
        (("acts", "three", "deep"), (10, 13)),
        (("act", 0), (17, 3)),
        (("act", 0, "input", 0, "args", "z"), (22, 1)),
        (("act", 0, "input", 1), (23, 7)),
        (("act", 1, "name"), (25, 1)),
        (("act", 1, "more", "y"), (27, 3)),
        (("act", 1, "more", "missing", "deeper"), (26, 8)),
    ],
)
def test_path_has_its_line_and_column(path: TomlPath, expected: tuple[int, int]) -> None:
    assert positions(TEXT).at(path) == expected


def test_character_of_a_string_has_its_line_and_column() -> None:
    document = tomllib.loads(TEXT)
    places = positions(TEXT)
    long, raw = document["acts"]["three"]["deep"]["long"], document["acts"]["three"]["deep"]["raw"]
    assert places.at(("acts", "three", "deep", "long"), long.index("line one")) == (12, 1)
    assert places.at(("acts", "three", "deep", "long"), long.index("joined")) == (14, 7)
    assert places.at(("acts", "three", "deep", "long"), long.index("A")) == (14, 14)
    assert places.at(("acts", "three", "deep", "long"), long.index("{here}")) == (14, 22)
    assert places.at(("acts", "three", "deep", "raw"), raw.index("{there}")) == (16, 16)
    assert places.at(("title",), 2) == (1, 12)


def test_headers_are_distinguished_from_keys() -> None:
    places = positions(TEXT)
    assert places.is_header(("acts", "three", "deep")) and places.is_header(("act", 1))
    assert not places.is_header(("acts", "two")) and not places.is_header(("act", 0, "name"))


def paths(value: Any, path: TomlPath = ()) -> list[TomlPath]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, inner_value in inner for deeper in paths(inner_value, (*path, key)))]


@pytest.mark.parametrize(
    "file", [ROOT / "pyproject.toml", *sorted((ROOT / "narratives").rglob("*.toml"))], ids=lambda file: file.stem
)
def test_every_value_of_a_real_file_has_its_own_place(file: Path) -> None:
    text = file.read_text()
    places, lines = positions(text), text.split("\n")
    for path in paths(tomllib.loads(text)):
        line, column = places.at(path)
        if path and isinstance(path[-1], str):
            assert lines[line - 1][column - 1 :].lstrip('"').startswith(path[-1])
