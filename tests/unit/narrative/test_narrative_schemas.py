"""Schemas of typed answers in a narrative: where they may stand, what is wrong with them, which fields may be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Loaded, Narrative, parse_narrative

Load = Callable[[str], Loaded]
Complaints = Callable[[str], list[str]]
HEAD = '[narrative]\nname = "typed"\n'
POST = (
    'schema = { type = "object", required = ["title"], properties = { title = { type = "string" }, b = {}, a = {} } }\n'
)
DRAFT = f'{HEAD}[acts.draft]\nprompt = "Write."\n{POST}'


def reading(reference: str, extra: str = "") -> str:
    return f'{DRAFT}{extra}[acts.say]\nprompt = "Say {reference}"\n'


def test_table_becomes_a_schema_that_keeps_its_order_in_the_snapshot(load: Load) -> None:
    narrative = Narrative.model_validate(json.loads(json.dumps(load(DRAFT).narrative.snapshot(), sort_keys=True)))
    (act,) = narrative.acts
    assert act.format == "json" and act.is_typed
    assert list(json.loads(act.answer_schema or "")["properties"]) == ["title", "b", "a"]


def test_file_beside_the_narrative_is_its_schema(load: Load, tmp_path: Path) -> None:
    (tmp_path / "post.schema.json").write_text('{"type": "object", "properties": {"a": {"const": null}}}')
    act = load(f'{HEAD}[acts.draft]\nprompt = "Write."\nschema = "post.schema.json"').narrative.acts[0]
    assert json.loads(act.answer_schema or "") == {"type": "object", "properties": {"a": {"const": None}}}


def test_content_table_is_named(load: Load) -> None:
    act = load(f'{HEAD}[acts.draft]\nprompt = "Write."\nschema = "content.posts"').narrative.acts[0]
    assert (act.schema_table, act.answer_schema, act.is_typed) == ("posts", None, True)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('schema = "posts"', "story.toml:5:1: [acts.draft] schema: posts names no schema; write the name of a file"),
        ('schema = "gone.json"', "5:1: [acts.draft] schema: gone.json: there is no such file; put it beside"),
        ('schema = "../up.json"', "the file must be inside the narrative's own folder"),
        ('schema = "bad.json"', "bad.json, line 2, column 1: not JSON: Expecting value"),
        ('schema = "list.json"', "list.json: $.type: an answer must be an object"),
        ('schema = "deep.json"', "deep.json: $.properties.a.minimum: '1' is not of type 'number'"),
        ("schema = 3", "must be the name of a file, a content table, or a table, not 3"),
        ("schema = {}", "an answer must be an object"),
        (
            'schema.type = "object"\nschema.properties.a.minimun = 1',
            "6:21: [acts.draft.schema.properties.a] minimun: is not",
        ),
        ('schema.type = "object"\nschema.properties.a.default = 2026-01-01', "a date or a time is not JSON"),
        ('schema = {type = "object"}\nformat = "text"', "[acts.draft] format: a typed answer is JSON"),
    ],
)
def test_unusable_schema_is_a_problem_at_its_place(
    complaints: Complaints, tmp_path: Path, written: str, complaint: str
) -> None:
    (tmp_path / "bad.json").write_text('{"type":\n')
    (tmp_path / "list.json").write_text('{"type": "array"}')
    (tmp_path / "deep.json").write_text('{"type": "object", "properties": {"a": {"minimum": "1"}}}')
    (line,) = complaints(f'{HEAD}[acts.draft]\nprompt = "Write."\n{written}')
    assert complaint in line


def test_act_without_a_model_call_has_no_schema(complaints: Complaints) -> None:
    text = f'{HEAD}[acts.inner]\nprompt = "Write."\n[acts.draft]\nnarrative = "other"\n{POST}'
    assert any("only an act that calls a model has an answer" in line for line in complaints(text))


def test_narrative_sent_as_text_reads_no_schema_file_and_has_no_patterns() -> None:
    for schema, words in (
        ('"a.json"', "can't read files"),
        ('{type = "object", properties = {a = {pattern = "a"}}}', "as text"),
    ):
        with pytest.raises(NarrativeError, match=words):
            parse_narrative(f'{HEAD}[acts.draft]\nprompt = "x"\nschema = {schema}', source="wire", folder=None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            reading("{act.draft.output.titel}"),
            "story.toml:7:15: [acts.say] prompt: {act.draft.output.titel}: the output has",
        ),
        (reading("{act.draft.output.titel}"), "has no field titel; did you mean title?"),
        (reading("{act.draft.output.title.x}"), "title is a text, so it has no field x"),
        (reading("{{previous.titel}}"), "the output has no field titel"),
        (reading("{act.draft.output.title}", "carousel.iterations = 2\n"), "read {act.draft.outputs.0.title}"),
        (reading("{act.draft.outputs.0.titel}", "carousel.iterations = 2\n"), "no field titel"),
    ],
)
def test_unknown_field_of_a_typed_answer_is_a_problem(complaints: Complaints, text: str, complaint: str) -> None:
    (line,) = complaints(text)
    assert complaint in line


@pytest.mark.parametrize(
    "reference", ["{act.draft.output}", "{act.draft.output.title}", "{{previous}}", "{{draft.title}}"]
)
def test_known_field_is_no_problem(load: Load, reference: str) -> None:
    assert load(reading(reference)).warnings == ()


def test_optional_field_is_a_warning_but_in_a_condition(load: Load) -> None:
    (warning,) = load(reading("{act.draft.output.a}")).warnings
    assert "a valid answer may have no a" in str(warning)
    assert load(reading("it.").replace("[acts.say]", '[acts.say]\nskip_if = "{act.draft.output.a}"')).warnings == ()


def test_field_of_an_act_within_another_narrative_is_checked(complaints: Complaints) -> None:
    text = (
        f'[narrative.inner]\ntoc = ["draft"]\n[narrative.outer]\ntoc = ["x", "say"]\n[acts.draft]\nprompt = "Write."\n{POST}'
        '[acts.x]\nnarrative = "inner"\n[acts.say]\nprompt = "{act.x.acts.draft.output.%s}"'
    )
    with pytest.raises(NarrativeError, match="did you mean title"):
        parse_narrative(text % "titel", source="two.toml", folder=None, name="outer")
    assert parse_narrative(text % "title", source="two.toml", folder=None, name="outer").warnings == ()
