"""Rows that can't be used: one line that says what, where and what to do, exit code 2, before any service is asked."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from botticelli.cli.main import root

Call = Callable[..., Result]

NARRATIVE = """
[narrative.carousel]
key = "id"
[acts.draft]
prompt = "Write about {row.title} ({row.id})."
model = "echo/echo"
max_tokens = 10
"""
SMALL_LIMIT = """
[providers.echo]
default_tier = "tiny"
[providers.echo.tiers.tiny]
windows = [{ metric = "tokens", limit = 60, period_seconds = 60 }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mail.toml").write_text(NARRATIVE, encoding="utf-8")
    (tmp_path / "botticelli.toml").write_text(SMALL_LIMIT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "none.csv: can't be read: No such file or directory"),
        ("a.csv", b"", "a.csv: is empty: there is no header; name the columns in line 1"),
        ("a.csv", b"id,title\n", "a.csv: has no rows; give at least one"),
        ("a.jsonl", b"\n\n", "a.jsonl: has no rows; give at least one"),
        ("a.csv", b"id,title\n1,a\n2\n", "a.csv:3:2: has 1 field, the header has 2; correct it"),
        ("a.csv", b'id,title\n1,"a\n', "a.csv:2:1: a quote that is opened in this row is never closed; correct it"),
        ("a.csv", b"id,titel\n1,a\n", "a.csv: has no column title, which act draft reads: {row.title}; did you mean titel?"),
        ("a.csv", b"key,title\n1,a\n", "a.csv: has no column id, which act draft reads: {row.id}"),
        ("a.jsonl", b'{"id": 1, "title": "a"}\n{"id": 2}\n', "a.jsonl:2: the row has no column title, which act draft reads"),
        ("a.csv", b"id,title\n1,a\n2,b\n1,c\n", "a.csv:4: the key '1' stands in line 2 already; correct it"),
        ("a.csv", b"id,title\n1,a\n,b\n", "a.csv:3: id is empty, which is its key; correct it"),
        ("a.csv", b"id,title\n1,a\0b\n", "a.csv:2:3: title contains a NUL character; correct it"),
        ("a.csv", b"id,title\n1,\xe9t\xe9\n", "a.csv:2:3: title contains the byte 0xE9, which is not valid"),
        ("a.jsonl", b'{"id": 1, "title": "\xe9"}\n', "a.jsonl:1: contains the byte 0xE9, which is not valid"),
        ("a.jsonl", b'{"id": 1, "title": \n', "a.jsonl:1:20: is not JSON: Expecting value; correct it"),
        ("a.jsonl", b'["id"]\n', "a.jsonl:1:1: is not a JSON object; write one object in each line"),
        ("a.csv", b"id,title\n1," + b"1" * 300 + b"\n", "a.csv:2: is too large for act draft: it brings 301 tokens"),
        ("a.csv.gz", gzip.compress(b"id,title\n" * 99, mtime=0)[:30], "a.csv.gz: is not a whole gzip file"),
        ("a.parquet", b"PAR1", "a.parquet: is not a Parquet file"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_in_one_line(
    call: Call, folder: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    result = call("run", "mail.toml", "--rows", name)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1 and "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "act draft reads {row.title}, and the run has no rows; give them with --rows FILE"),
        (
            ["--rows", "a.csv", "--row-key", "no"],
            "a.csv: has no column no, which is its key; the columns are: id, title",
        ),
        (["--rows", "a.csv", "--rows-encoding", "no"], "encoding: there is no encoding 'no'"),
        (["--rows", "a.csv", "--rows-delimiter", ",,"], "',,' is not one character"),
        (["--rows", "a.csv", "--rows-format", "jsonl"], "a.csv:1:1: is not JSON"),
        (["--rows", "."], ".: is a folder, not a file of rows"),
        (["--rows", "a.csv", "--limit", "0"], "0 is not in the range x>=1"),
        (["--only-new"], "and the run has no rows"),
    ],
)
def test_wrong_options_of_rows_are_refused_in_one_line(
    call: Call, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "a.csv").write_text("id,title\n1,a\n", encoding="utf-8")
    result = call("plan", "mail.toml", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


def test_options_of_rows_without_rows_are_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text('[acts]\na = "Hello"\n', encoding="utf-8")
    result = call("plan", "plain.toml", "--skip-bad")
    assert result.exit_code == 2
    assert "skip_bad is given, and the run has no rows" in result.stderr


def test_plan_counts_and_measures_the_rows_that_are_taken(home: Path, folder: Path) -> None:
    rows = "id,title\n" + "".join(f"{number},{'x' * number}\n" for number in range(1, 41)) + "41\n"
    arguments = ["plan", "mail.toml", "--rows", "-", "--skip-bad", "--json"]
    planned = json.loads(CliRunner().invoke(root, arguments, input=rows.encode()).stdout)
    (act,) = planned["acts"]
    assert (planned["iterations"], act["tokens_source"]) == (40, "rows")
    low, expected, worst = (act["tokens"][name] for name in ("low", "expected", "worst"))
    assert low < expected < worst
    sampled = json.loads(CliRunner().invoke(root, [*arguments, "--sample", "4"], input=rows.encode()).stdout)
    assert sampled["iterations"] == 4
