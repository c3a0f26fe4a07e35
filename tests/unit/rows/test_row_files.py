"""Tests how files of rows are read: their forms, encodings and delimiters, and what is wrong with a row."""

from __future__ import annotations

import gzip
import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from botticelli.errors import InvalidInput
from botticelli.rows.files import FileForm, from_descriptor, from_stream, open_rows
from botticelli.rows.lists import ListSource, SpooledSource
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row

ADA = {"name": "Ada", "town": "Zürich"}


def _read(path: Path, form: FileForm | None = None) -> list[Row | BadRow]:
    source = open_rows(path, form)
    try:
        assert list(source.read()) == list(source.read()), "each pass reads the same rows"
        return list(source.read())
    finally:
        source.close()


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", "name,town\nAda,Zürich\n".encode(), None),
        ("a.csv", "\ufeffname;town\r\nAda;Zürich".encode(), None),
        ("a.txt", "name|town\nAda|Zürich\n\n".encode(), None),
        ("a.tsv", "name\ttown\nAda\tZürich\n".encode(), None),
        ("a.csv", "name,town\nAda,Zürich\n".encode("utf-16"), None),
        ("a.csv", "name,town\nAda,Zürich\n".encode("cp1252"), FileForm(encoding="cp1252")),
        ("a.csv", "name:town\nAda:Zürich\n".encode(), FileForm(delimiter=":")),
        ("a.jsonl", '\n{"name": "Ada", "town": "Zürich"}\n'.encode(), None),
        ("a.csv.gz", gzip.compress("name,town\nAda,Zürich\n".encode(), mtime=0), None),
        ("a.data", b'\xef\xbb\xbf{"name": "Ada", "town": "Z\\u00fcrich"}', None),
        ("a.data", gzip.compress("name,town\nAda,Zürich\n".encode(), mtime=0), None),
        ("a.csv", '"name","town"\n"Ada","Zürich"\n'.encode(), None),
    ],
)
def test_form_of_a_file_is_detected_or_told(tmp_path: Path, name: str, content: bytes, form: FileForm | None) -> None:
    (tmp_path / name).write_bytes(content)
    rows = _read(tmp_path / name, form)
    assert [row.values for row in rows if isinstance(row, Row)] == [ADA] and len(rows) == 1


@pytest.mark.parametrize(
    ("name", "content", "place", "reason"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", (3, 2), "has 1 field, the header has 2"),
        (
            "a.csv",
            b'a,b\n1,"two\nlines"\n3,4,5\n',
            (4, 5),
            "has 3 fields, the header has 2 (put a field with a , in quotes)",
        ),
        ("a.csv", b'a,b\n1,"2\n3,4\n', (2, 1), "a quote that is opened in this row is never closed"),
        ("a.csv", b"a,b\n1,x\0y\n", (2, 3), "b contains a NUL character"),
        ("a.csv", b"a,b\n1,Z\xfcrich\n", (2, 3), "b contains the byte 0xFC, which is not valid in this encoding"),
        ("a.csv", b"a,b\n1," + b"x" * (MAX_ROW_CHARACTERS + 1), (2, 1), "a field is longer than 1,000,000 characters"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', (2, 7), "is not JSON: Expecting value"),
        ("a.jsonl", b"[1]\n", (1, 1), "is not a JSON object"),
        ("a.jsonl", b'{"a": NaN}\n', (1, 0), "NaN is not JSON"),
        ("a.jsonl", b'{"a": 1e999}\n', (1, 0), "a number is too large"),
        ("a.jsonl", b'{"a": "\\u0000"}\n', (1, 0), "contains a NUL character"),
        ("a.jsonl", b'{"a": "\\ud800"}\n', (1, 0), "contains an unpaired surrogate"),
        ("a.jsonl", b'{"a": "\xff"}\n', (1, 0), "contains the byte 0xFF"),
        ("a.jsonl", b'{"a":' * 5000 + b"1" + b"}" * 5000, (1, 0), ""),
        ("a.jsonl", b"{}\n", (1, 0), "has no columns"),
    ],
)
def test_bad_row_has_its_place_and_reason(
    tmp_path: Path, name: str, content: bytes, place: tuple[int, int], reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    bad = next(
        row
        for row in _read(tmp_path / name, FileForm(format="jsonl" if "jsonl" in name else "csv"))
        if isinstance(row, BadRow)
    )
    assert (bad.line, bad.column) == place
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("name", "content", "form", "message"),
    [
        ("a.csv", b"", None, "a.csv: is empty: there is no header"),
        ("a.csv", b"a,b,a\n", None, "a.csv:1:5: column 'a' stands twice, as column 1 and 3"),
        ("a.csv", b"a,,c\n", None, "a.csv:1:3: column 2 has no name"),
        ("a.csv", b"a,\xfc\n", None, "a.csv:1:3: the header contains the byte 0xFC"),
        ("a.data", b'[{"a": 1}]', None, "a.data: is a JSON list, not rows"),
        ("a.csv", b"a\n1\n", FileForm(encoding="klingon"), "encoding: there is no encoding 'klingon'"),
        ("a.csv", b"a\n1\n", FileForm(encoding="base64"), "encoding: there is no encoding 'base64'"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:-20], None, "a.csv.gz: is not a whole gzip file"),
        ("a.jsonl", b'{"a": "' + b"x" * (2 * MAX_ROW_CHARACTERS), None, "a.jsonl:1: this line is too long"),
        ("a.csv", "a\n1\n".encode("utf-16")[:-1], None, "a.csv:2: is not utf-16 text"),
    ],
)
def test_file_that_can_not_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes, form: FileForm | None, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        _read(tmp_path / name, form)
    assert message in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"), [("none.csv", "No such file"), ("", "is a folder"), ("a\0b", "not a file name")]
)
def test_missing_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        open_rows(tmp_path / name)


def test_change_of_a_file_between_passes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    source = open_rows(path)
    assert list(source.read()) == [Row(2, {"a": "1"})]
    path.write_text("a\n1\n2\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="has changed while it was read"):
        list(source.read())
    source.close()


def test_pipe_and_stream_can_be_read_twice() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a\n1\n")
    os.close(writing)
    for source in (from_descriptor(reading, "a.csv"), from_stream(io.BytesIO(b"a\n1\n"), "standard input")):
        assert source.columns == ("a",)
        assert list(source.read()) == list(source.read()) == [Row(2, {"a": "1"})]
        source.close()


@pytest.mark.parametrize("make", [ListSource, SpooledSource])
def test_rows_of_a_program_are_checked(make: Any) -> None:
    source = make([{"a": 1, "b": [None, True]}, ["no"], {"a": float("nan")}, {1: "x"}, {"a": {"b"}}], "rows")
    rows = list(source.read())
    assert list(source.read()) == rows
    assert rows[0] == Row(1, {"a": 1, "b": [None, True]})
    reasons = [row.reason for row in rows if isinstance(row, BadRow)]
    assert reasons == [
        "is a list, not a mapping of columns to values",
        "contains nan, which is not JSON",
        "has the column 1, which is not a string",
        "contains a set, which is not JSON",
    ]
    source.close()


def test_parquet_file_is_read_with_its_types(tmp_path: Path) -> None:
    from datetime import date
    from decimal import Decimal

    from pyarrow import parquet, table

    columns = {"id": [1, 2], "price": [Decimal("1.50"), None], "on": [date(2026, 1, 2)] * 2, "tags": [["a"], []]}
    parquet.write_table(table(columns), tmp_path / "a.parquet")
    source = open_rows(tmp_path / "a.parquet")
    assert source.columns == ("id", "price", "on", "tags")
    source.close()
    assert _read(tmp_path / "a.parquet") == [
        Row(1, {"id": 1, "price": 1.5, "on": "2026-01-02", "tags": ["a"]}),
        Row(2, {"id": 2, "price": None, "on": "2026-01-02", "tags": []}),
    ]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(InvalidInput, match="is not a Parquet file"):
        _read(tmp_path / "b.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        InvalidInput, match=r'Parquet files need pyarrow; install it: pip install "botticelli\[parquet\]"'
    ):
        _read(tmp_path / "a.parquet")
