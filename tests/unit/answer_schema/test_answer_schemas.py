"""Schemas of typed answers: what is refused, what fits, which fields exist, what is sent, what the echo answers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from botticelli.answer_schema.checking import misfits, without_absent
from botticelli.answer_schema.columns import schema_of_columns
from botticelli.answer_schema.dialects import ANTHROPIC, GEMINI, LLAMA, OPENAI, Dialect, adapted
from botticelli.answer_schema.examples import example_of
from botticelli.answer_schema.fields import field_fault, is_optional
from botticelli.answer_schema.reading import SchemaFault, read_schema

POST: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.org/post.schema.json",
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 3, "maxLength": 40},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2, "uniqueItems": True},
        "mood": {"enum": ["calm", "loud"]},
        "author": {"$ref": "#/$defs/person", "description": "Who wrote it."},
        "remark": {"type": "string"},
    },
    "required": ["title", "score", "tags", "mood", "author"],
    "additionalProperties": False,
    "$defs": {
        "tag": {"type": "string", "pattern": "^[a-z]+$", "examples": ["florence", "dome"]},
        "person": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
FITTING = {"title": "Dome", "score": 5, "tags": ["a", "b"], "mood": "calm", "author": {"name": "Ada"}}


def doubling(levels: int) -> dict[str, Any]:
    """Return a small schema that is 2^levels large once its references are followed."""
    refs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    defs = {**refs, f"d{levels}": {"type": "string"}}
    return {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": defs}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ([], (), "must be a JSON Schema"),
        ({"type": "array"}, ("type",), "must be an object"),
        ({"type": "objekt"}, ("type",), "'objekt' is not valid"),
        ({"type": "object", "properties": {"a": {"minimum": "1"}}}, ("properties", "a", "minimum"), "not of type"),
        ({"type": "object", "properties": {"a": {"$ref": "https://x.org/s"}}}, ("properties", "a", "$ref"), "outside"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, ("properties", "a", "$ref"), "there is no"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, ("properties", "a", "$ref"), "refers to itself"),
        (
            {"type": "object", "properties": {"a": {"pattern": "("}}},
            ("properties", "a", "pattern"),
            "regular expression",
        ),
        ({"type": "object", "$anchor": "x"}, ("$anchor",), "is not supported"),
        ({"type": "object", "properties": {"a": {"enum": list(range(1001))}}}, ("properties", "a", "enum"), "1,000"),
        (doubling(12), (), "more than 2,000 schemas"),
        (nested(40), ("properties", "x", "properties", "x"), "nested more than"),
        (nested(5000), (), "nested more than"),
    ],
)
def test_unusable_schema_is_refused_with_its_path(written: Any, path: tuple[str, ...], words: str) -> None:
    with pytest.raises(SchemaFault) as caught:
        read_schema(written)
    assert words in str(caught.value)
    assert caught.value.path == path


def test_recursive_schema_is_refused() -> None:
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    with pytest.raises(SchemaFault, match="refers to itself"):
        read_schema({**tree, "$defs": {"tree": tree}})


def test_regular_expression_of_a_stranger_is_refused() -> None:
    with pytest.raises(SchemaFault, match="sent as text"):
        read_schema(POST, allow_patterns=False)


def test_read_schema_has_no_references_and_keeps_the_order() -> None:
    schema = read_schema(POST)
    assert "$" not in json.dumps(schema).replace("^[a-z]+$", "")
    assert list(schema["properties"]) == ["title", "score", "tags", "mood", "author", "remark"]
    assert schema["properties"]["author"]["description"] == "Who wrote it."
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"score": 9}, "$.score", "9 is greater than the maximum of 5"),
        ({"score": None}, "$.score", "None is not of type 'integer'"),
        ({"tags": ["a", "a"]}, "$.tags", '"a" stands in the list twice'),
        ({"tags": ["a", "B"]}, "$.tags[1]", "'B' does not match"),
        ({"mood": "sad"}, "$.mood", "is not one of"),
        ({"author": {}}, "$.author", "'name' is a required property"),
        ({"more": 1}, "$", "'more' was unexpected"),
        ({"title": "x" * 5000}, "$.title", "is too long"),
    ],
)
def test_misfit_names_its_path_and_why(change: dict[str, Any], path: str, words: str) -> None:
    text = json.dumps(read_schema(POST))
    assert misfits(text, FITTING) == ()
    (misfit,) = misfits(text, {**FITTING, **change})
    assert misfit.path == path
    assert words in misfit.message and len(misfit.message) < 250


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"multipleOf": 0.01}, 19.99, 19.999),
        ({"format": "date"}, "2026-02-28", "2026-02-30"),
        ({"format": "date-time"}, "2026-02-28T10:00:00Z", "2026-02-28"),
        ({"format": "email"}, "a@b.it", "a.b.it"),
        ({"format": "uri"}, "https://b.it/x", "b it"),
        ({"format": "uuid"}, "00000000-0000-4000-8000-000000000000", "0-4"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, 1),
    ],
)
def test_value_is_checked_by_decimals_and_formats(schema: dict[str, Any], good: object, bad: object) -> None:
    assert misfits(json.dumps(schema), good) == ()
    assert len(misfits(json.dumps(schema), bad)) == 1


def test_check_of_a_large_answer_is_quick_and_short() -> None:
    text = json.dumps({"type": "array", "uniqueItems": True, "items": {"type": "integer"}})
    began = time.thread_time()
    assert len(misfits(text, [{"n": n} for n in range(50_000)])) == 10
    assert time.thread_time() - began < 20


def test_null_in_an_optional_property_counts_as_left_out() -> None:
    schema = read_schema(POST)
    assert without_absent(schema, {**FITTING, "remark": None}) == FITTING
    assert without_absent(schema, {**FITTING, "mood": None})["mood"] is None
    nullable = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert without_absent(nullable, {"a": None}) == {"a": None}


@pytest.mark.parametrize(
    ("steps", "message", "known"),
    [
        (("titel",), "the output has no field titel", ("title", "score", "tags", "mood", "author", "remark")),
        (("author", "nam"), "author has no field nam", ("name",)),
        (("tags", "first"), "tags is a list, so its items are numbered from 0", ()),
        (("score", "x"), "score is a whole number, so it has no field x", ()),
    ],
)
def test_unknown_field_is_a_fault_with_the_known_ones(steps: tuple[str, ...], message: str, known: object) -> None:
    fault = field_fault(read_schema(POST), steps)
    assert fault is not None and (fault.message, fault.known) == (message, known)


@pytest.mark.parametrize("steps", [(), ("title",), ("tags", "0"), ("author", "name")])
def test_known_field_is_no_fault(steps: tuple[str, ...]) -> None:
    assert field_fault(read_schema(POST), steps) is None
    assert not is_optional(read_schema(POST), steps)


def test_field_of_alternatives_and_open_objects_is_found() -> None:
    schema = {
        "type": "object",
        "properties": {"any": {}, "map": {"type": "object", "additionalProperties": {"type": "integer"}}},
        "anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}],
    }
    for steps in (("a",), ("b",), ("any", "x", "y"), ("map", "x")):
        assert field_fault(schema, steps) is None
    assert field_fault(schema, ("c",)) is not None
    assert field_fault(schema, ("map", "x", "y")) is not None
    assert is_optional(read_schema(POST), ("remark",))


@pytest.mark.parametrize("dialect", [ANTHROPIC, OPENAI, GEMINI, LLAMA])
def test_adapted_schema_is_valid_closed_and_admits_what_fits(dialect: Dialect) -> None:
    schema = read_schema(POST)
    sent = adapted(schema, dialect)
    Draft202012Validator.check_schema(sent.schema)
    assert sent.is_exact
    assert sent.schema["additionalProperties"] is False
    assert sent.schema["properties"]["author"]["additionalProperties"] is False
    assert misfits(json.dumps(sent.schema), {**FITTING, "remark": "x"}) == ()
    assert read_schema(POST) == schema


def test_schema_for_anthropic_has_no_bounds_but_tells_them() -> None:
    sent = adapted(read_schema(POST), ANTHROPIC).schema
    assert sent["properties"]["score"] == {"type": "integer", "description": "minimum: 1, maximum: 5"}
    assert "minItems" not in sent["properties"]["tags"]
    assert sent["required"] == POST["required"]


def test_schema_for_openai_requires_all_and_makes_optional_ones_nullable() -> None:
    sent = adapted(read_schema(POST), OPENAI).schema
    assert sent["required"] == list(POST["properties"])
    assert sent["properties"]["remark"] == {"type": ["string", "null"]}
    assert sent["properties"]["score"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert sent["properties"]["title"] == {"type": "string", "description": "minLength: 3, maxLength: 40"}


def test_schema_for_gemini_writes_const_as_enum_and_one_of_as_any_of() -> None:
    schema = {"type": "object", "properties": {"a": {"const": "x"}, "b": {"oneOf": [{"type": "string"}]}}}
    sent = adapted(schema, GEMINI).schema["properties"]
    assert sent == {"a": {"enum": ["x"]}, "b": {"anyOf": [{"type": "string"}]}}


def test_pattern_without_anchors_is_left_out_for_llama() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "[a-z]"}}}
    assert adapted(schema, LLAMA).schema["properties"]["a"] == {"type": "string", "description": "pattern: [a-z]"}


@pytest.mark.parametrize(
    "open_", [{}, {"type": "object"}, {"type": "object", "additionalProperties": {}}, {"type": "array"}]
)
def test_open_object_is_not_exact_where_a_provider_closes_all(open_: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": open_}}
    assert not adapted(schema, ANTHROPIC).is_exact and not adapted(schema, OPENAI).is_exact
    assert adapted(schema, OPENAI).schema == schema
    assert adapted(schema, LLAMA).is_exact


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string"},
        {"type": "string", "minLength": 100},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 3, "maximum": 3},
        {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5},
        {"type": "integer", "maximum": -3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 0.2, "multipleOf": 0.1},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}]},
        {"type": ["null", "string"]},
        {"anyOf": [{"type": "object", "properties": {"b": {"const": 7}}, "required": ["b"]}, {"type": "null"}]},
        {"allOf": [{"properties": {"b": {"type": "integer"}}}, {"required": ["b"]}], "type": "object"},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {"enum": ["x", "y"]},
        {"properties": {"b": {}}, "required": ["b"]},
    ],
)
def test_example_fits_its_schema(part: dict[str, Any]) -> None:
    schema = read_schema({"type": "object", "properties": {"a": part}, "required": ["a"]})
    assert misfits(json.dumps(schema), example_of(schema)) == ()
    assert example_of(schema) == example_of(schema)


def test_example_of_a_whole_schema_fits() -> None:
    schema = read_schema(POST)
    assert misfits(json.dumps(schema), example_of(schema)) == ()


def test_schema_of_columns_requires_each_column() -> None:
    schema = schema_of_columns({"title": "text", "at": "timestamp", "data": "json"})
    assert schema["required"] == ["title", "at", "data"]
    assert misfits(json.dumps(schema), example_of(schema)) == ()
