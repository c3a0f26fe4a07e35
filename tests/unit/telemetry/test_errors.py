"""Errors: one line that says what, where and what to do; and they survive a pickle."""

from __future__ import annotations

import pickle

import pytest

from botticelli.errors import BotticelliError, DriverTransient, NarrativeError, NotFound, Problem


def test_a_line_says_where_what_and_what_to_do() -> None:
    assert str(BotticelliError("it is broken", where="f.toml:3", do="mend it")) == "f.toml:3: it is broken; mend it"
    assert str(BotticelliError("it is broken")) == "it is broken"


def test_a_problem_names_file_line_table_and_key() -> None:
    problem = Problem("f.toml", 3, 1, "narrative", "modle", "unknown key", "did you mean model?")
    assert str(problem) == "f.toml:3:1: [narrative] modle: unknown key; did you mean model?"
    assert str(Problem("f.toml", 0, 0, "", "", "is empty")) == "f.toml: is empty"


@pytest.mark.parametrize(
    "error",
    [
        NotFound("what", where="where", do="do"),
        NarrativeError([Problem("f", 1, 1, "t", "k", "m")]),
        DriverTransient("busy", where="echo", retry_after_seconds=2.5),
    ],
)
def test_errors_survive_a_pickle(error: BotticelliError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
