"""Tests what a narrative says about rows: the forms of `foreach`, and references that are checked against the columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Loaded, load_narrative, parse_narrative
from botticelli.narrative.execution import NO_CAP

HEAD = '[narrative.carousel]\nforeach = { file = "people.csv" }\n'
ACTS = '[acts]\na = "{row.name} {row.Home town} {row_number}"\n'


def _load(folder: Path, text: str, rows: str | None = "name,Home town\nAda,Ulm\n") -> Loaded:
    if rows is not None:
        (folder / "people.csv").write_text(rows, encoding="utf-8")
    file = folder / "mail.toml"
    file.write_text(text, encoding="utf-8")
    return load_narrative(file)


def _problems(folder: Path, text: str, rows: str | None = "name,Home town\nAda,Ulm\n") -> list[str]:
    with pytest.raises(NarrativeError) as refused:
        _load(folder, text, rows)
    return [str(problem).removeprefix(f"{folder}/") for problem in refused.value.problems]


def test_columns_of_a_file_are_known_when_it_is_loaded(tmp_path: Path) -> None:
    carousel = _load(tmp_path, HEAD + 'key = ["name", "Home town"]\n' + ACTS).narrative.carousel
    assert carousel is not None and carousel.foreach is not None
    assert (carousel.foreach.columns, carousel.key) == (("name", "Home town"), ("name", "Home town"))
    assert carousel.iterations == NO_CAP


def test_rows_may_be_written_in_the_narrative_and_sent_as_text() -> None:
    text = '[[narrative.carousel.foreach]]\nname = "Ada"\nage = { years = 36 }\n[acts]\na = "{row.age.years}"\n'
    carousel = parse_narrative(text, source="x", folder=None).narrative.carousel
    assert carousel is not None and carousel.foreach is not None
    assert carousel.foreach.rows == ({"name": "Ada", "age": {"years": 36}},)


def test_narrative_that_only_reads_rows_needs_no_foreach() -> None:
    carousel = parse_narrative(
        '[carousel]\nkey = "id"\n[acts]\na = "{row.x}"\n', source="x", folder=None
    ).narrative.carousel
    assert carousel is not None and (carousel.foreach, carousel.iterations) == (None, NO_CAP)


def test_missing_file_is_only_warned_of_because_rows_may_be_given_later(tmp_path: Path) -> None:
    (warning,) = _load(tmp_path, HEAD + ACTS, rows=None).warnings
    assert "people.csv: there is no such file; put it beside the narrative, or give --rows" in str(warning)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            HEAD + '[acts]\na = "Dear {row.nam}"\n',
            "mail.toml:4:11: [acts] a: {row.nam}: the rows have no column nam; did you mean name?",
        ),
        (
            HEAD + '[narrative]\nsystem = "{row.x}"\n[acts]\na = "A"\n',
            "mail.toml:4:11: [narrative] system: {row.x}: the rows have no column x; the columns are: name, Home town",
        ),
        (
            HEAD + '[acts]\na = "{rows}"\n',
            "mail.toml:4:6: [acts] a: {rows}: an iteration has one row; write {row}, or set batch_rows",
        ),
        (
            HEAD + 'batch_rows = 2\n[acts]\na = "{row}"\n',
            "mail.toml:5:6: [acts] a: {row}: an iteration has 2 rows; write {rows}, or remove batch_rows",
        ),
        (
            HEAD + 'key = "nmae"\n' + ACTS,
            "mail.toml:3:1: [narrative.carousel] key: the rows have no column nmae; did you mean name?",
        ),
        (
            HEAD + '[acts.a]\nprompt = "A"\n[acts.a.carousel]\niterations = 2\nforeach = [{ a = 1 }]\n',
            "mail.toml:7:1: [acts.a.carousel] foreach: must be one reference to a list; write foreach = ",
        ),
        (
            '[carousel]\nforeach = { file = "../people.csv" }\n[acts]\na = "A"\n',
            "mail.toml:2:13: [carousel.foreach] file: ../people.csv: the file must be inside the narrative's own folder",
        ),
        (
            '[carousel]\nforeach = []\n[acts]\na = "A"\n',
            "mail.toml:2:1: [carousel] foreach: has no rows; give at least one",
        ),
        (
            '[carousel]\nforeach = [{ a = 2026-01-01 }]\n[acts]\na = "A"\n',
            "mail.toml:2:12: [carousel] foreach: contains a date, which is not JSON; write text, numbers, true or false",
        ),
        (
            '[carousel]\nforeach = {}\n[acts]\na = "A"\n',
            'mail.toml:2:1: [carousel.foreach] file: is missing; name one: file = "rows.csv", or run = "RUN"',
        ),
        (
            '[carousel]\nforeach = { file = "people.csv", delimiter = ",," }\n[acts]\na = "A"\n',
            'mail.toml:2:34: [carousel.foreach] delimiter: must be one character, such as a comma, not ",,"',
        ),
        ('[acts]\na = "{Row.name}"\n', "did you mean {row.name}?"),
        ('[acts]\na = "{row.}"\n', "is not a reference"),
    ],
)
def test_problem_with_rows_has_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert any(problem in line for line in _problems(tmp_path, text)), _problems(tmp_path, text)


def test_broken_header_of_a_file_is_a_problem(tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, HEAD + ACTS, "name,name\n")
    assert "people.csv:1:6: column 'name' stands twice" in problem


def test_file_of_rows_is_refused_in_text_over_the_wire() -> None:
    with pytest.raises(NarrativeError, match="a narrative sent as text can't read files; send the rows with it"):
        parse_narrative(HEAD + ACTS, source="x", folder=None)
