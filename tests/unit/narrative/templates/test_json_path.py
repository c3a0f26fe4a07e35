"""Tests paths into outputs, and conditions on values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botticelli.errors import TemplateError
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.problems import MAX_COMPARED, comparable
from botticelli.narrative.templates.conditions import holds, read_condition
from botticelli.narrative.templates.json_path import look_up, parse_json, parse_json_or_text
from botticelli.narrative.templates.template import parse_template

DATA = '{"a": [{"b": "x"}, 2], "inner": "[1]"}'


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ("any text", "", "any text"),
        (DATA, "a.0.b", "x"),
        (DATA, "a.1", 2),
        (DATA, "inner.0", 1),
        (f"```json\n{DATA}\n```", "a.1", 2),
        (f"Here it is:\n```\n{DATA}\n```\nDone.", "a.0.b", "x"),
        ([{"id": 1}], "0.id", 1),
        ({"0": "key"}, "0", "key"),
    ],
)
def test_path_gives_the_value_inside_the_output(value: Any, path: str, expected: Any) -> None:
    assert look_up(value, path.split(".") if path else (), reference="{{x}}") == expected


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (DATA, "q", "{{x}}: the output has no q; it has: a, inner"),
        (DATA, "iner", "{{x}}: the output has no iner; did you mean inner?"),
        (DATA, "a.2", "{{x}}: a is a list of 2, so it has no 2"),
        (DATA, "a.-1", "{{x}}: a is a list of 2, so it has no -1"),
        (DATA, "a.1.c", "{{x}}: a.1 is 2, so it has no c"),
        ("no JSON", "a", '{{x}}: the output is not JSON: no JSON; ask for JSON in the prompt and set format = "json"'),
        (
            "[" * 100_000,
            "0",
            f'{{{{x}}}}: the output is not JSON: {"[" * 57}...; ask for JSON in the prompt and set format = "json"',
        ),
    ],
)
def test_wrong_path_names_the_missing_step(value: Any, path: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        look_up(value, path.split("."), reference="{{x}}")
    assert str(caught.value) == message


def test_text_is_parsed_only_when_it_is_json() -> None:
    assert parse_json_or_text("NaN") == "NaN"
    assert parse_json_or_text(" 12 ") == 12
    with pytest.raises(ValueError, match=r"Expecting value"):
        parse_json("```\nnot this either\n```")


def condition(text: str) -> Any:
    return read_condition(parse_template(text, Environment()).template, line=3)


@pytest.mark.parametrize(
    ("text", "true_for", "false_for"),
    [
        (
            "{state.x}",
            ["yes", 1, {"id": "1"}, [0], "0.5", True],
            [None, "", "  ", 0, False, {}, [], "false", "0", "null", "[]"],
        ),
        ("!{state.x}", [None, "", "false", 0], ["yes", 1]),
        (" ! {act.a.output}", [None], ["text"]),
        ("{state.x} == done", ["done", " done\n", {"id": "done"}], ["not done", None, ""]),
        ("{state.x} == 'not done'", ["not done"], ["done"]),
        ('{state.x}=="3"', [3, "3"], [4, None]),
        ("{state.x} != true", [False, None, "x"], [True, "true"]),
        ("{state.x} == ''", [""], [None, "x"]),
        ("{{previous.ok}} == true", [True], [False]),
        ("{var.mode} == 'dry'", ["dry"], ["wet"]),
        ("{state.x} >= 4", [4, "4", " 4.5 ", 1e9], [3.99, "3", None, "", "four", True, [], {"id": "5"}, "nan", "inf"]),
        ("{state.x}<-0.5", [-1, "-0.6"], [-0.5, 0, None]),
    ],
)
def test_condition_holds_for_its_value(text: str, true_for: list[Any], false_for: list[Any]) -> None:
    parsed = condition(text)
    assert parsed.line == 3
    assert [holds(parsed, value) for value in (*true_for, *false_for)] == [True] * len(true_for) + [False] * len(
        false_for
    )


@pytest.mark.parametrize(
    "text",
    [
        "state.x",
        "x {state.x}",
        "{state.x} {state.y}",
        "{state.x} == {state.y}",
        "{state.x} = 1",
        "{state.x} == a b",
        "!{state.x} == 1",
        "{now}",
        "{run.id}",
        "!!{state.x}",
        "{state.x} ==",
        "{state.x} == 'a",
    ],
)
def test_text_without_a_condition_is_refused(text: str) -> None:
    assert condition(text) is None


def test_answer_is_parsed_once_for_all_references() -> None:
    text = json.dumps({"rows": [{"id": number} for number in range(100)], "n": 1})
    first = look_up(text, ["rows"], reference="{{a.rows}}")
    again = look_up("".join(list(text)), ["rows"], reference="{{a.rows}}")
    assert first is again


def test_nearest_name_is_searched_among_a_limited_number_of_keys() -> None:
    many = [f"key_{number:06d}" for number in range(100_000)]
    assert len(comparable("key_00000x", many)) == MAX_COMPARED
    assert comparable("key", [*many, "kex", "k" * 50]) == ["kex"]
    with pytest.raises(TemplateError) as caught:
        look_up(dict.fromkeys(["titel", *many], 1), ["title"], reference="{{a.title}}")
    assert "did you mean titel?" in str(caught.value)


def test_long_keys_of_an_answer_are_shortened_in_the_hint() -> None:
    with pytest.raises(TemplateError) as caught:
        look_up({"x" * 100_000: 1}, ["title"], reference="{{a.title}}")
    assert len(str(caught.value)) < 400
