"""JSON in answers: taken as it stands, taken out, repaired, or left alone."""

from __future__ import annotations

from typing import Any

import pytest

from workers.outputs.response_json import NULLED, REPAIRED, TAKEN_OUT, read_json


@pytest.mark.parametrize(
    ("text", "value", "remarks"),
    [
        ('{"a": 1}', {"a": 1}, ()),
        ('Here:\n```json\n{"a": 1}\n```\nEnjoy.', {"a": 1}, ()),
        ('```python\nx = 1\n```\n```json\n{"a": 1}\n```', {"a": 1}, ()),
        ('{"a": 1, "a": 2}', {"a": 2}, ()),
        ('{"a": "\\ud800\\u0000"}', {"a": "\N{REPLACEMENT CHARACTER}" * 2}, ()),
        ("null", None, ()),
        ('Sure! {"a": 1}', {"a": 1}, (TAKEN_OUT,)),
        ('{"a": 1}\n\nAnything else?', {"a": 1}, (TAKEN_OUT,)),
        ('As in [1] it is: {"a": 1}', {"a": 1}, (TAKEN_OUT,)),
        ('[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}], (REPAIRED,)),
        ('The list:\n[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}], (REPAIRED,)),
        ("As you wish {is}:\n```json5\n{a: 1, // one\n}\n```\nDone.", {"a": 1}, (REPAIRED,)),
        ('Here\n```json\n{"a": [1, 2', {"a": [1, 2]}, (REPAIRED,)),
        ('{"a": NaN, "b": [Infinity, 1]}', {"a": None, "b": [None, 1]}, (REPAIRED, NULLED)),
        ('{"a": 1e400, "b": -1e400}', {"a": None, "b": None}, (REPAIRED, NULLED)),
    ],
)
def test_answer_that_was_meant_as_json_is_read(text: str, value: Any, remarks: tuple[str, ...]) -> None:
    read = read_json(text)
    assert read is not None
    assert (read.value, read.remarks) == (value, remarks)


@pytest.mark.parametrize(
    "text",
    [
        "I cannot produce JSON: the text {is} missing: sorry.",
        "{is} missing: sorry.",
        "{{name}} is not set.",
        "The values [1, 2] and {3} are wrong: see above.",
        '[1] says "a: b", [2] says {c: d}.',
        'The template {"name": "x"} is missing, so I can\'t answer.',
        "function f() { return: 1 }",
        "Use `{a: 1}`: it is shorter.",
        "",
        "```\nno JSON: {here}\n```",
        "[" * 5000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "9" * 5000,
    ],
)
def test_prose_with_braces_is_no_json(text: str) -> None:
    assert read_json(text) is None


def test_whole_json_between_prose_is_read_only_where_any_is_looked_for() -> None:
    text = 'The rows: [{"a": 1}] as asked'
    assert read_json(text) is None
    read = read_json(text, anywhere=True)
    assert read is not None and read.value == [{"a": 1}]
