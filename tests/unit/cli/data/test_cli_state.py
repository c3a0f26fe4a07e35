"""`botticelli state` without a service: what is refused before one is needed, and how values and files are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botticelli.cli.data.state_command import _value
from botticelli.errors import InvalidInput
from botticelli.store.user_data.state_file import entries_in

GOOD = {"key": "global.x", "value": None}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get"], "Missing argument 'KEY'"),
        (["get", "a..b"], "key 'a..b': it has an empty segment"),
        (["set", "a b", "1"], "no key has the character ' '; write %20"),
        (["set", "a\nb", "1"], "write %0A"),
        (["set", "a" * 513, "1"], "it has 513 characters; use at most 512"),
        (["set", "a", "1", "--ttl", "5x"], "'5x' is not a duration (90, 45s, 1h30m, 3d or 2w)"),
        (["delete", ""], "it has an empty segment"),
        (["list", "--prefix", ""], "it has an empty segment"),
        (["list", "--prefix", "."], "it has an empty segment"),
        (["list", "--guild", "1", "--narrative", "x"], "exclude each other"),
        (["export", "--guild", ""], "--guild and --narrative must not be empty"),
        (["clear"], "one of --prefix, --guild, --narrative and --all"),
        (["clear", "--yes"], "one of --prefix, --guild, --narrative and --all"),
        (["clear", "--yes", "--all", "--prefix", "x"], "one of --prefix, --guild, --narrative and --all"),
        (["clear", "--yes", "--prefix", ""], "it has an empty segment"),
        (["clear", "--yes", "--prefix", "x", "--guild", "1"], "exclude each other"),
        (["import", "missing.jsonl"], "missing.jsonl"),
    ],
)
def test_invalid_arguments_are_refused_without_a_service(call, home, arguments, said):
    result = call("state", *arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("botticelli: error: ")
    assert said in line
    assert not home.exists(), "no service was started to find that out"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('{"id": "1"}', {"id": "1"}),
        ('"5"', "5"),
        ("hello", "hello"),
        ("", ""),
        ("{", "{"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("1" * 5000, "1" * 5000),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
        ('"\\ud800"', '"\\ud800"'),
    ],
)
def test_a_value_is_json_if_it_can_be_kept_as_json(text, value):
    assert _value(text) == value
    assert type(_value(text)) is type(value)


def test_a_file_is_read_with_its_blank_lines_and_line_ends():
    lines = [json.dumps(GOOD), "", json.dumps({"key": "a", "value": "é", "metadata": {}})]
    entries = entries_in(b"\xef\xbb\xbf" + "\r\n".join(lines).encode(), "x.jsonl")
    assert entries == [GOOD, {"key": "a", "value": "é", "metadata": {}}]
    assert entries_in(b"", "x.jsonl") == []


def test_dates_are_read_in_every_form_of_iso_8601():
    text = json.dumps(GOOD | {"created_at": "20260131T140000+0200", "expires_at": None})
    [entry] = entries_in(text.encode(), "x.jsonl")
    assert entry["created_at"] == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON: EOF while parsing an object at column 1"),
        ('{"key": "a", "value": NaN}', "not valid JSON"),
        ('{"key": "a", "value": 1e999}', "not valid JSON"),
        ('{"key": "a", "value": ' + "[" * 5000, "not valid JSON"),
        ("[]", "not a JSON object with a key"),
        ('{"key": 5, "value": 1}', "not a JSON object with a key"),
        ('{"key": "a"}', "not a JSON object with a key (text) and a value"),
        ('{"key": "a b", "value": 1}', "key 'a b': no key has the character ' '; write %20"),
        ('{"key": "a", "value": 1, "ttl": 5}', "there is no field 'ttl'; fields are key, value, created_at"),
        ('{"key": "a", "value": 1, "metadata": []}', "metadata must be a JSON object"),
        ('{"key": "a", "value": 1, "created_at": "soon"}', "created_at must be a date with a time zone"),
        ('{"key": "a", "value": 1, "expires_at": 5}', "expires_at must be a date with a time zone"),
        ('{"key": "a", "value": 1, "expires_at": "2026-01-31T12:00:00"}', "expires_at must be a date with a time zone"),
        ('{"key": "a", "value": 1, "expires_at": "9999-12-31T23:59:59-14:00"}', "expires_at must be a date"),
        ('{"key": "global.x", "value": 1}', "key 'global.x' is also on line 1"),
        ("\udcff", "not valid JSON"),
    ],
)
def test_fault_of_a_file_is_reported_with_its_line(line, said):
    data = f"{json.dumps(GOOD)}\n\n{line}\n".encode("utf-8", "surrogateescape")
    with pytest.raises(InvalidInput) as caught:
        entries_in(data, "x.jsonl")
    assert str(caught.value).startswith(f"x.jsonl:3: {said}")


def test_a_bad_file_is_refused_without_a_service(call, home):
    Path("x.jsonl").write_text("nonsense\n")
    result = call("state", "import", "x.jsonl", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["problems"][0]["where"] == "x.jsonl:1"
    assert not home.exists()
